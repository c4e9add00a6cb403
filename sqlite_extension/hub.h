// The hub as a device sees it: the requests of docs/protocol.md, with problems
// turned into errors.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "sqlite_extension/http.h"
#include "sqlite_extension/statement.h"

namespace tidemark::device {

struct Enrolment {
  std::string device;
  std::string token;
  std::string user;
  std::string epoch;
  std::int64_t head = 0;
};

class Hub {
 public:
  // `url` is the bridge's address; a path in it is kept.
  Hub(std::string url, std::string token, const HttpOptions& options);

  // How this database's connection is made: what tidemark_connect() was told.
  static HttpOptions options_of(sqlite3* db);

  // The hub of this database's connection. Throws Error{kWrongState} if there is none.
  static Hub of(sqlite3* db);

  Enrolment enrol(const std::string& user, const std::string& secret, const std::string& device_name);
  // For a file whose identity another copy uses: a new identity for the same user.
  Enrolment enrol_again();

  // JSON, to be read by who asked (answer_in). Pages are parsed where they are applied.
  std::string tables();
  std::string status();
  // `have`: see exact_push().
  std::string log(const std::string& cursor, std::int64_t have);
  std::string rows(const std::string& table, const std::optional<std::string>& after);
  // `body` is a zstd frame. The verdict.
  std::string push(std::string_view body);

  // Learns from the `now` of the last answer how far the hub's clock is ahead.
  void keep_clock_offset(sqlite3* db, std::int64_t hub_now_ms);
  // Whether it has: what an earlier conversation learned is of no use once this machine's clock is set.
  bool has_told_time() const { return has_told_time_; }

  void use_token(const std::string& token) { authorization_ = "Bearer " + token; }

  std::int64_t take_bytes_in() { return http_.take_bytes_in(); }
  std::int64_t take_bytes_out() { return http_.take_bytes_out(); }

 private:
  std::string checked(const HttpAnswer& answer, long expected, const std::string& what);
  Enrolment enrolment(const HttpAnswer& answer);

  std::string url_;
  std::string authorization_;
  Http http_;
  bool has_told_time_ = false;
};

// The object that an answer is, kept in `parser`. Throws Error{kProtocol}.
simdjson::dom::element answer_in(simdjson::dom::parser& parser, const std::string& body);

// How far the hub's clock is ahead of this machine's, in ms, as far as is known.
std::int64_t clock_offset_ms(sqlite3* db);

}  // namespace tidemark::device
