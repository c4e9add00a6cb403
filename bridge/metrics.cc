#include "bridge/metrics.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace tidemark::bridge {
namespace {

// Every label is a pattern, a method or a code of ours or PostgreSQL's: nothing needs escaping.
void describe(std::string& out, const char* name, const char* type, const char* help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void append(std::string& out, const char* name, const char* type, const char* help, const Metrics::Counter& value) {
  describe(out, name, type, help);
  out += fmt::format("{} {}\n", name, value.load());
}

void append_bytes(std::string& out, const char* name, const char* help, const Metrics::Counter& wire,
                  const Metrics::Counter& plain) {
  describe(out, name, "counter", help);
  out += fmt::format("{}{{form=\"wire\"}} {}\n{}{{form=\"plain\"}} {}\n", name, wire.load(), name, plain.load());
}

}  // namespace

void Metrics::count_request(std::string_view method, std::string_view route, unsigned status,
                            std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto bucket = std::lower_bound(kBucketsS.begin(), kBucketsS.end(), seconds);
  const Key key{std::string(method), std::string(route)};
  const std::lock_guard lock(mutex_);
  ++requests_[{key, status}];
  Durations& durations = durations_[key];
  if (bucket != kBucketsS.end()) ++durations.within[static_cast<std::size_t>(bucket - kBucketsS.begin())];
  ++durations.count;
  durations.sum_s += seconds;
}

void Metrics::count_sql_error(std::string_view sqlstate) {
  const std::lock_guard lock(mutex_);
  ++sql_errors_[std::string(sqlstate)];
}

std::string Metrics::text() const {
  std::string out;
  describe(out, "tidemark_build_info", "gauge", "The bridge's version.");
  out += "tidemark_build_info{version=\"" TIDEMARK_VERSION "\"} 1\n";

  const std::lock_guard lock(mutex_);
  describe(out, "tidemark_http_requests_total", "counter", "Requests answered.");
  for (const auto& [key, count] : requests_) {
    out += fmt::format("tidemark_http_requests_total{{method=\"{}\",route=\"{}\",status=\"{}\"}} {}\n",
                       key.first.method, key.first.route, key.second, count);
  }
  describe(out, "tidemark_http_request_seconds", "histogram", "From a request's header to its answer's last byte.");
  for (const auto& [key, durations] : durations_) {
    const std::string labels = fmt::format("method=\"{}\",route=\"{}\"", key.method, key.route);
    std::int64_t so_far = 0;
    for (std::size_t i = 0; i < kBucketsS.size(); ++i) {
      so_far += durations.within[i];
      out += fmt::format("tidemark_http_request_seconds_bucket{{{},le=\"{}\"}} {}\n", labels, kBucketsS[i], so_far);
    }
    out += fmt::format("tidemark_http_request_seconds_bucket{{{},le=\"+Inf\"}} {}\n", labels, durations.count);
    out += fmt::format("tidemark_http_request_seconds_sum{{{}}} {}\n", labels, durations.sum_s);
    out += fmt::format("tidemark_http_request_seconds_count{{{}}} {}\n", labels, durations.count);
  }
  describe(out, "tidemark_database_errors_total", "counter", "Statements that failed, by SQLSTATE.");
  for (const auto& [sqlstate, count] : sql_errors_) {
    out += fmt::format("tidemark_database_errors_total{{sqlstate=\"{}\"}} {}\n", sqlstate, count);
  }

  append_bytes(out, "tidemark_http_received_bytes_total", "Bodies of requests.", received_wire_bytes,
               received_plain_bytes);
  append_bytes(out, "tidemark_http_sent_bytes_total", "Bodies of answers.", sent_wire_bytes, sent_plain_bytes);
  append(out, "tidemark_http_connections", "gauge", "Connections open now.", connections);
  append(out, "tidemark_http_connections_total", "counter", "Connections accepted.", connections_accepted);
  append(out, "tidemark_http_refused_connections_total", "counter", "Connections over the limit.", connections_refused);
  append(out, "tidemark_http_timeouts_total", "counter", "Clients that were too slow.", timeouts);
  append(out, "tidemark_http_malformed_total", "counter", "Requests that were not HTTP.", malformed);
  append(out, "tidemark_database_connections", "gauge", "Threads that each own a connection to PostgreSQL.",
         database_connections);
  append(out, "tidemark_database_in_use", "gauge", "Of these, busy with a request.", database_in_use);
  append(out, "tidemark_database_queue", "gauge", "Requests that wait for a connection.", database_queue);
  return out;
}

}  // namespace tidemark::bridge
