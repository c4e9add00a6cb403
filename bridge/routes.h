// The table of routes: which request is which function of the hub, what it may
// carry, and what its answer is. Knows HTTP's words but no socket.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bridge/compression.h"
#include "bridge/database.h"
#include "bridge/http.h"
#include "bridge/metrics.h"
#include "bridge/request.h"

namespace tidemark::bridge {

struct Endpoint;

// A request whose header was read and judged. Its body, if any, comes later.
struct Call {
  const Endpoint* endpoint = nullptr;  // null: no such route
  std::optional<Reply> refusal;        // the answer already, whatever the body is
  std::size_t max_body = 0;            // as it comes over the wire
  bool is_head = false;                // answered like GET, without the body

  Credentials credentials;
  std::string name;                  // of the table, in the path
  std::optional<std::string> after;  // the query parameters
  std::optional<std::string> have;
  Encoding content_encoding = Encoding::kIdentity;
  Encoding answer_encoding = Encoding::kIdentity;

  // For logs and metrics: patterns from a fixed list, never what the client wrote.
  const char* method_label() const;
  const char* route_label() const;
};

struct RouteOptions {
  std::size_t max_body = std::size_t{64} << 20;
  std::size_t page_bytes = std::size_t{4} << 20;
};

class Routes {
 public:
  Routes(const RouteOptions& options, Pool& pool, Pool& health_pool, Metrics& metrics)
      : options_(options), pool_(pool), health_pool_(health_pool), metrics_(metrics) {}

  // Never throws: what is wrong becomes the call's refusal.
  Call open(const Head& head) const;

  // Answers on a thread of a pool, or at once. `done` gets the answer, ready to be sent.
  void answer(std::shared_ptr<const Call> call, std::string body, const std::function<void(Reply)>& done) const;

 private:
  void judge(const Head& head, Call& call) const;
  Reply run(const Call& call, std::string& body, Connection& connection) const;

  const RouteOptions options_;
  Pool& pool_;
  Pool& health_pool_;
  Metrics& metrics_;
};

}  // namespace tidemark::bridge
