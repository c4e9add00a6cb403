// Reads the parts of a request's header that a client wrote by hand: the target
// and the credentials. Pure functions; everything throws Error{kInvalidInput}
// (credentials: kUnauthorized) for what is malformed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark::bridge {

struct Target {
  std::vector<std::string> segments;  // of the path, percent-decoded: /v1/log is {"v1", "log"}
  std::string_view query;             // as it stands
};

// Of an origin-form or absolute-form request target.
Target parse_target(std::string_view target);

// The value of a query parameter, percent-decoded ('+' is a space); nullopt if it is not there.
std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

struct Credentials {
  enum class Scheme { kNone, kBearer, kBasic };
  Scheme scheme = Scheme::kNone;
  std::string token;         // kBearer
  std::string user, secret;  // kBasic
};

// Of an Authorization header; kNone if it is empty.
Credentials parse_authorization(std::string_view header);

// True if PostgreSQL can take it as text: UTF-8 without U+0000.
bool is_text(std::string_view bytes);

}  // namespace tidemark::bridge
