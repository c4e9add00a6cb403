#include "bridge/request.h"

#include <simdjson.h>

#include <algorithm>
#include <cctype>

#include "common/error.h"
#include "common/json_text.h"

namespace tidemark::bridge {
namespace {

constexpr std::size_t kMaxTokenBytes = 1024;

[[noreturn]] void invalid(const std::string& message) { throw Error(ErrorCode::kInvalidInput, message); }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
      if (low < 0) invalid("the request's target is not percent-encoded properly");
      out += static_cast<char>(high << 4 | low);
      i += 2;
    }
  }
  if (!is_text(out)) invalid("the request's target is not UTF-8, or has U+0000 in it");
  return out;
}

// "http://shop.example/v1/log" -> "/v1/log"
std::string_view without_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t path = target.find_first_of("/?");
    return path == std::string_view::npos ? "/" : target.substr(path);
  }
  return target;
}

bool is_scheme(std::string_view word, std::string_view lower_case) {
  return std::equal(word.begin(), word.end(), lower_case.begin(), lower_case.end(),
                    [](unsigned char c, char expected) { return std::tolower(c) == expected; });
}

[[noreturn]] void unauthorized(const char* message) { throw Error(ErrorCode::kUnauthorized, message); }

}  // namespace

Target parse_target(std::string_view target) {
  target = without_authority(target);
  if (!target.starts_with('/')) invalid("the request's target is not a path");
  const std::size_t mark = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(1, mark - 1);

  Target parsed;
  parsed.query = target.substr(std::min(mark + 1, target.size()));
  while (true) {
    const std::size_t end = std::min(path.find('/'), path.size());
    parsed.segments.push_back(percent_decoded(path.substr(0, end), false));
    if (end == path.size()) return parsed;
    path.remove_prefix(end + 1);
  }
}

std::optional<std::string> query_parameter(std::string_view query, std::string_view name) {
  std::optional<std::string> value;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (percent_decoded(pair.substr(0, equals), true) != name) continue;
    if (value) invalid("the parameter \"" + std::string(name) + "\" is given twice");
    value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
  }
  return value;
}

Credentials parse_authorization(std::string_view header) {
  Credentials credentials;
  if (header.empty()) return credentials;
  const std::size_t space = std::min(header.find(' '), header.size());
  const std::string_view scheme = header.substr(0, space);
  std::string_view value = header.substr(space);
  while (value.starts_with(' ')) value.remove_prefix(1);

  if (is_scheme(scheme, "bearer")) {
    const bool is_visible = std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (value.empty() || value.size() > kMaxTokenBytes || !is_visible) unauthorized("the token is malformed");
    credentials.scheme = Credentials::Scheme::kBearer;
    credentials.token = value;
    return credentials;
  }
  if (is_scheme(scheme, "basic")) {
    std::string pair;
    const bool is_base64 = base64_decode(value, pair);
    const std::size_t colon = pair.find(':');
    if (!is_base64 || colon == std::string::npos || !is_text(pair)) {
      unauthorized("the Basic credentials are malformed");
    }
    credentials.scheme = Credentials::Scheme::kBasic;
    credentials.user = pair.substr(0, colon);
    credentials.secret = pair.substr(colon + 1);
    return credentials;
  }
  unauthorized("the Authorization header is neither Bearer nor Basic");
}

bool is_text(std::string_view bytes) {
  return bytes.find('\0') == std::string_view::npos && simdjson::validate_utf8(bytes.data(), bytes.size());
}

}  // namespace tidemark::bridge
