#include "sqlite_extension/hub.h"

#include <algorithm>
#include <cstdlib>

#include "common/error.h"
#include "common/json_text.h"
#include "common/wire.h"
#include "sqlite_extension/catalog.h"
#include "sqlite_extension/log.h"

namespace tidemark::device {
namespace {

namespace dom = simdjson::dom;

std::string percent_encoded(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                       byte == '-' || byte == '_' || byte == '.' || byte == '~';
    if (plain) {
      out += character;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

// The error that a problem's stable `code` stands for.
ErrorCode error_code_of(long status, std::string_view code) {
  if (code == "behind") return ErrorCode::kBehind;
  if (code == "forked") return ErrorCode::kForked;
  if (code == "ahead") return ErrorCode::kAhead;
  if (code == "unauthorized" || code == "revoked") return ErrorCode::kUnauthorized;
  if (code == "forbidden") return ErrorCode::kForbidden;
  if (code == "not_found") return ErrorCode::kNotFound;
  if (code == "too_large") return ErrorCode::kTooLarge;
  if (code == "invalid") return ErrorCode::kInvalidInput;
  if (status >= 500 || status == 408 || status == 429) return ErrorCode::kUnavailable;
  return ErrorCode::kProtocol;
}

[[noreturn]] void throw_problem(const HttpAnswer& answer, const std::string& what) {
  dom::parser parser;
  dom::element problem;
  std::string_view code;
  if (try_parse(parser, answer.body).get(problem) == simdjson::SUCCESS &&
      problem["code"].get(code) == simdjson::SUCCESS) {
    std::string hint(text_or_empty(problem, "hint"));
    if (hint.empty() && (code == "unauthorized" || code == "revoked")) {
      hint = "Changes stay pending. Run tidemark_connect() with a user and secret that the hub knows.";
    }
    throw Error(error_code_of(answer.status, code),
                "the hub refuses " + what + ": " + std::string(text_or_empty(problem, "detail")) + " (" +
                    std::string(code) + ")",
                hint);
  }
  const ErrorCode kind = answer.status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kProtocol;
  throw Error(kind,
              "the answer to " + what + " is HTTP " + std::to_string(answer.status) + " and not from Tidemark" +
                  (answer.content_type.empty() ? "" : " (" + answer.content_type + ")"),
              "Is the URL that of the bridge (tidemark serve)? A proxy or a portal may answer in its place.");
}

}  // namespace

Hub::Hub(std::string url, std::string token, const HttpOptions& options)
    : url_(std::move(url)), authorization_("Bearer " + std::move(token)), http_(options) {
  while (!url_.empty() && url_.back() == '/') url_.pop_back();
}

HttpOptions Hub::options_of(sqlite3* db) {
  HttpOptions options;
  if (!has_metadata(db)) return options;
  options.ca_file = meta(db, "ca").value_or("");
  options.stall_timeout_s = static_cast<long>(meta_integer(db, "timeout", options.stall_timeout_s));
  return options;
}

Hub Hub::of(sqlite3* db) {
  const auto url = has_metadata(db) ? meta(db, "url") : std::nullopt;
  const auto token = url ? meta(db, "token") : std::nullopt;
  if (!url || !token) {
    throw Error(ErrorCode::kWrongState, "this database is not connected to a hub",
                "Run tidemark_connect(url, user, secret) first.");
  }
  return Hub(*url, *token, options_of(db));
}

Enrolment Hub::enrol(const std::string& user, const std::string& secret, const std::string& device_name) {
  const std::string body = JsonObject().add("name", device_name).text();
  return enrolment(http_.post(url_ + "/v1/devices", "Basic " + base64_encode(user + ":" + secret), body, ""));
}

Enrolment Hub::enrol_again() { return enrolment(http_.post(url_ + "/v1/devices", authorization_, "{}", "")); }

Enrolment Hub::enrolment(const HttpAnswer& answer) {
  dom::parser parser;
  const dom::element body = answer_in(parser, checked(answer, 201, "enrolment"));
  const auto text = [&body](const char* name) { return std::string(body[name].get_string().value()); };
  try {
    Enrolment enrolment{text("device"), text("token"), text("user"), text("epoch"), body["head"]};
    use_token(enrolment.token);
    return enrolment;
  } catch (const simdjson::simdjson_error& error) {
    throw Error(ErrorCode::kProtocol, std::string("the answer to enrolment is malformed: ") + error.what(),
                "Is the URL that of the bridge?");
  }
}

std::string Hub::tables() { return checked(http_.get(url_ + "/v1/tables", authorization_), 200, "the list of tables"); }

std::string Hub::status() {
  return checked(http_.get(url_ + "/v1/status", authorization_), 200, "the device's status");
}

std::string Hub::log(const std::string& cursor, std::int64_t have) {
  std::string url = url_ + "/v1/log?after=" + percent_encoded(cursor);
  if (have > 0) url += "&have=" + std::to_string(have);
  return checked(http_.get(url, authorization_), 200, "a pull");
}

std::string Hub::rows(const std::string& table, const std::optional<std::string>& after) {
  std::string url = url_ + "/v1/tables/" + percent_encoded(table) + "/rows";
  if (after) url += "?after=" + percent_encoded(*after);
  return checked(http_.get(url, authorization_), 200, "the rows of \"" + table + "\"");
}

std::string Hub::push(std::string_view body) {
  return checked(http_.post(url_ + "/v1/log", authorization_, body, "zstd"), 200, "a push");
}

std::string Hub::checked(const HttpAnswer& answer, long expected, const std::string& what) {
  if (answer.status != expected) throw_problem(answer, what);
  return answer.body;
}

dom::element answer_in(dom::parser& parser, const std::string& body) {
  dom::element answer;
  if (try_parse(parser, body).get(answer) != simdjson::SUCCESS || !answer.is_object()) {
    throw Error(ErrorCode::kProtocol, "the hub's answer is not a JSON object",
                "Is the URL that of the bridge (tidemark serve)? A proxy or a portal may answer in its place.");
  }
  return answer;
}

std::int64_t clock_offset_ms(sqlite3* db) { return meta_integer(db, "clock_offset_ms", 0); }

namespace {

std::optional<std::int64_t> number_in(sqlite3* db, const char* key) {
  if (!meta(db, key)) return std::nullopt;
  return meta_integer(db, key, 0);
}

}  // namespace

void Hub::keep_clock_offset(sqlite3* db, std::int64_t hub_now_ms) {
  // The hub read its clock somewhere between our sending and our receiving. An
  // offset that allows for that is kept, so that a slow answer moves no clock.
  const std::int64_t least = hub_now_ms - http_.received_ms();
  const std::int64_t most = hub_now_ms - http_.sent_ms();
  const auto kept = number_in(db, "clock_offset_ms");
  const std::int64_t offset = std::max(least, std::min(kept.value_or(0), most));
  const bool has_jumped = kept && std::abs(offset - *kept) > kClockJumpMs;
  if (has_jumped || !has_told_time_) {
    restamp_logs(db, {number_in(db, "heard_at"), hub_now_ms, has_jumped ? *kept : offset, offset});
    set_meta(db, "heard_at", std::to_string(hub_now_ms));
  }
  if (offset != kept) set_meta(db, "clock_offset_ms", std::to_string(offset));
  has_told_time_ = true;
}

}  // namespace tidemark::device
