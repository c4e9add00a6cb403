#include "bridge/http_rules.h"

#include <ctime>

#include "bridge/problem.h"

namespace tidemark::bridge {
namespace {

namespace http = boost::beast::http;

std::string view_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

// All values of a field that may be repeated, as one list.
std::string joined(const http::fields& fields, http::field name) {
  std::string values;
  const auto range = fields.equal_range(name);
  for (auto field = range.first; field != range.second; ++field) {
    if (!values.empty()) values += ',';
    values += view_of(field->value());
  }
  return values;
}

}  // namespace

Head head_of(const http::request<http::string_body>& request) {
  Head head;
  head.method = view_of(request.method_string());
  head.target = view_of(request.target());
  head.authorization = view_of(request[http::field::authorization]);
  head.content_encoding = joined(request, http::field::content_encoding);
  head.accept_encoding = joined(request, http::field::accept_encoding);
  return head;
}

const char* breach_of_http(const http::request<http::string_body>& request) {
  if (request.version() >= 11 && request.count(http::field::host) != 1) return "not exactly one Host header";
  if (request.count(http::field::authorization) > 1) return "more than one Authorization header";
  const std::string length = joined(request, http::field::content_length);
  if (length.find_first_not_of("0123456789") != std::string::npos) return "a Content-Length that is not one number";
  if (request.count(http::field::transfer_encoding) > 0 &&
      !boost::beast::iequals(joined(request, http::field::transfer_encoding).c_str(), "chunked")) {
    return "a Transfer-Encoding other than chunked";
  }
  return nullptr;
}

std::optional<Reply> answer_to(const boost::system::error_code& error, bool has_header, const SessionLimits& limits) {
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error == http::error::header_limit || (error == http::error::buffer_overflow && !has_header)) {
    return problem(431, "invalid", "the request's header is over the limit of 16 KiB");
  }
  if (error == http::error::body_limit) {
    return problem(413, "too_large", "the body is over the limit of " + std::to_string(limits.max_body) + " bytes",
                   "Send smaller pushes, or raise --max-body of the bridge.");
  }
  if (error.category() == http::make_error_code(http::error::end_of_stream).category()) {
    return problem(400, "invalid", "the request is not HTTP/1.1: " + error.message());
  }
  return std::nullopt;
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

}  // namespace tidemark::bridge
