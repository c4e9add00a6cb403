#include "bridge/problem.h"

#include <simdjson.h>

#include <algorithm>
#include <array>

#include "common/json_text.h"

namespace tidemark::bridge {
namespace {

constexpr int kRetrySoonS = 1;          // deadlock, overload
constexpr int kRetryDatabaseDownS = 5;  // as long as a PostgreSQL restart takes
constexpr int kRetryDiskFullS = 30;     // somebody has to do something

struct HubCode {
  std::string_view sqlstate;
  unsigned status;
  const char* code;
};

// What the hub's functions raise on purpose.
constexpr HubCode kHubCodes[] = {
    {"TM400", 400, "invalid"},   {"TM401", 401, "unauthorized"}, {"TM402", 401, "revoked"},
    {"TM403", 403, "forbidden"}, {"TM404", 404, "not_found"},    {"TM409", 409, "behind"},
    {"TM410", 409, "forked"},    {"TM411", 409, "ahead"},        {"TM413", 413, "too_large"},
};

// A class of SQLSTATEs that pass by themselves or by the operator's hand: the
// device repeats the same bytes.
bool is_passing(std::string_view sqlstate) {
  constexpr std::array<std::string_view, 6> kClasses = {"08", "40", "53", "55", "57", "58"};
  constexpr std::string_view kReadOnly = "25006";  // a standby: until it is promoted
  return sqlstate == kReadOnly || std::find(kClasses.begin(), kClasses.end(), sqlstate.substr(0, 2)) != kClasses.end();
}

// The call itself was refused: the hub's functions are missing or not ours to call.
bool is_set_up_wrong(std::string_view sqlstate) {
  return sqlstate == "42501" || sqlstate == "42883" || sqlstate == "3F000" || sqlstate == "42P01";
}

Reply passing(const SqlError& error) {
  const std::string message = error.what();
  const std::string_view sqlstate = error.sqlstate();
  if (sqlstate == "53100") {
    return unavailable("the hub's disk is full: " + message, kRetryDiskFullS);
  }
  if (sqlstate == "57014") {
    return unavailable("the hub took too long and was stopped: " + message, kRetrySoonS);
  }
  if (sqlstate == "25006") {
    return unavailable("the bridge is connected to a standby, which takes no writes: " + message, kRetryDatabaseDownS);
  }
  const bool is_down = sqlstate.starts_with("08") || sqlstate.starts_with("57");
  return unavailable(message, is_down ? kRetryDatabaseDownS : kRetrySoonS);
}

}  // namespace

Reply problem(unsigned status, const char* code, std::string_view detail, std::string_view hint) {
  Reply reply;
  reply.status = status;
  reply.content_type = "application/problem+json";
  std::string& body = reply.body;
  const auto member = [&body](const char* name, std::string_view text) {
    body += ",\"";
    body += name;
    body += "\":";
    append_json_string(body, simdjson::validate_utf8(text.data(), text.size()) ? text : "(not UTF-8)");
  };
  body = "{\"type\":\"about:blank\"";
  member("title", reason_of(status));
  body += ",\"status\":" + std::to_string(status);
  member("code", code);
  member("detail", detail);
  if (!hint.empty()) member("hint", hint);
  body += '}';
  return reply;
}

Reply unavailable(std::string_view detail, int retry_after_s) {
  Reply reply = problem(503, "unavailable", detail, "Repeat the request later.");
  reply.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  return reply;
}

Reply problem_of(const Error& error) {
  const auto with = [&error](unsigned status, const char* code) {
    return problem(status, code, error.what(), error.hint());
  };
  switch (error.code()) {
    case ErrorCode::kInvalidInput:
    case ErrorCode::kProtocol: return with(400, "invalid");
    case ErrorCode::kUnauthorized: return with(401, "unauthorized");
    case ErrorCode::kForbidden: return with(403, "forbidden");
    case ErrorCode::kNotTracked:
    case ErrorCode::kNotFound: return with(404, "not_found");
    case ErrorCode::kBehind: return with(409, "behind");
    case ErrorCode::kForked: return with(409, "forked");
    case ErrorCode::kAhead: return with(409, "ahead");
    case ErrorCode::kTooLarge: return with(413, "too_large");
    case ErrorCode::kUnsupported: return with(415, "unsupported_encoding");
    case ErrorCode::kUnreachable:
    case ErrorCode::kUnavailable: return unavailable(error.what(), kRetrySoonS);
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kSchemaMismatch:
    case ErrorCode::kWrongState:
    case ErrorCode::kInternal: return with(500, "internal");
  }
  return with(500, "internal");
}

Reply problem_of(const SqlError& error) {
  for (const HubCode& known : kHubCodes) {
    if (known.sqlstate == error.sqlstate()) {
      return problem(known.status, known.code, error.what(), error.hint());
    }
  }
  if (is_passing(error.sqlstate())) return passing(error);
  if (is_set_up_wrong(error.sqlstate())) {
    return problem(500, "internal",
                   "the extension tidemark is not installed in this database, or the bridge's role lacks "
                   "rights: " +
                       std::string(error.what()),
                   "On the hub: create extension tidemark; select tidemark.allow_bridge('role').");
  }
  return problem(500, "internal", error.what(), error.hint());
}

const char* reason_of(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Payload Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Error";
  }
}

}  // namespace tidemark::bridge
