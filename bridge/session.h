// One client's connection, plain or TLS: reads requests within limits and
// time-outs, hands them to the routes, writes the answers.
#pragma once

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without it

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "bridge/metrics.h"
#include "bridge/routes.h"

namespace tidemark::bridge {

struct SessionLimits {
  std::size_t max_body = std::size_t{64} << 20;
  std::size_t bodies_in_memory = std::size_t{512} << 20;  // of all connections together
  std::chrono::milliseconds header_timeout{10000};        // also of the TLS handshake
  std::chrono::milliseconds idle_timeout{60000};          // between two requests
  std::chrono::milliseconds transfer_timeout{30000};      // of one piece of a body or an answer
};

// What all sessions of a server share.
struct SessionContext {
  SessionContext(const SessionLimits& the_limits, const Routes& the_routes, Metrics& the_metrics)
      : limits(the_limits), routes(the_routes), metrics(the_metrics) {}

  const SessionLimits limits;
  const Routes& routes;
  Metrics& metrics;
  std::atomic<bool> is_stopping = false;
  std::atomic<std::size_t> body_bytes = 0;  // that wait in memory
};

class Session {
 public:
  virtual ~Session() = default;

  // Closes the connection if it is idle, else after the request that has begun.
  // May be called from any thread.
  virtual void stop() = 0;
};

// Begins to serve a connection whose executor is a strand. Without `tls` it is
// plain HTTP. An overloaded server's session answers 503 and closes. `ended` is
// called once, on the strand.
std::shared_ptr<Session> start_session(boost::asio::ip::tcp::socket socket,
                                       const std::shared_ptr<boost::asio::ssl::context>& tls, SessionContext& context,
                                       bool is_overloaded, const std::function<void()>& ended);

}  // namespace tidemark::bridge
