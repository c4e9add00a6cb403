// Listens, starts a session for each client, and ends cleanly: on SIGTERM or
// SIGINT what has begun is answered, then run() returns.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "bridge/session.h"

namespace tidemark::bridge {

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::string port = "8880";     // "0" picks a free one
  std::string certificate_file;  // empty: plain HTTP
  std::string key_file;
  std::size_t max_clients = 1000;
  std::size_t threads = 2;
  std::chrono::milliseconds grace{30000};  // for requests that run when the end is asked for
};

class Server {
 public:
  // Binds and listens; nobody is answered before run(). Throws Error{kInvalidInput}
  // if the address cannot be had or the certificate not be used.
  explicit Server(const ServerOptions& options);
  ~Server();

  // Serves until a signal asks for the end. False if requests had to be cut off.
  bool run(const Routes& routes, const SessionLimits& limits, Metrics& metrics);

 private:
  class Listener;
  std::unique_ptr<Listener> listener_;
};

}  // namespace tidemark::bridge
