// What a session demands of HTTP, and how it answers what is not so.
#pragma once

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <optional>
#include <string>

#include "bridge/routes.h"
#include "bridge/session.h"

namespace tidemark::bridge {

constexpr std::size_t kMaxHeaderBytes = std::size_t{16} << 10;

Head head_of(const boost::beast::http::request<boost::beast::http::string_body>& request);

// What Beast's parser lets through and a proxy before us may read otherwise; null if all is well.
const char* breach_of_http(const boost::beast::http::request<boost::beast::http::string_body>& request);

// What a broken request is answered with; nullopt where nobody listens any more.
std::optional<Reply> answer_to(const boost::system::error_code& error, bool has_header, const SessionLimits& limits);

// Now, as a Date header has it.
std::string http_date();

}  // namespace tidemark::bridge
