// What the bridge counts, and its text for Prometheus (/metrics).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace tidemark::bridge {

class Metrics {
 public:
  // A request of `route` (its pattern, such as "/v1/log") was answered.
  void count_request(std::string_view method, std::string_view route, unsigned status,
                     std::chrono::nanoseconds duration);

  // A statement failed with `sqlstate`.
  void count_sql_error(std::string_view sqlstate);

  // The Prometheus text exposition format, version 0.0.4.
  std::string text() const;

  using Counter = std::atomic<std::int64_t>;
  Counter received_wire_bytes = 0;   // bodies of requests, as they came
  Counter received_plain_bytes = 0;  // the same, decompressed
  Counter sent_wire_bytes = 0;
  Counter sent_plain_bytes = 0;
  Counter connections = 0;  // open now
  Counter connections_accepted = 0;
  Counter connections_refused = 0;  // over the limit
  Counter timeouts = 0;             // clients that were too slow
  Counter malformed = 0;            // bytes that were not HTTP
  Counter database_connections = 0;
  Counter database_in_use = 0;
  Counter database_queue = 0;

 private:
  static constexpr std::array<double, 8> kBucketsS = {0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60};

  struct Durations {
    std::array<std::int64_t, kBucketsS.size()> within{};  // at most this long, not cumulative
    std::int64_t count = 0;
    double sum_s = 0;
  };
  struct Key {
    std::string method, route;
    auto operator<=>(const Key&) const = default;
  };

  mutable std::mutex mutex_;
  std::map<std::pair<Key, unsigned>, std::int64_t> requests_;
  std::map<Key, Durations> durations_;
  std::map<std::string, std::int64_t, std::less<>> sql_errors_;
};

}  // namespace tidemark::bridge
