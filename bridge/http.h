// A request and its answer as the rest of the bridge sees them: no socket, no
// Beast, so routes and problems can be read (and compiled) without either.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace tidemark::bridge {

// What of a request's header the routes look at.
struct Head {
  std::string method;
  std::string target;  // as it stands in the request line, percent-encoded
  std::string authorization;
  std::string content_encoding;
  std::string accept_encoding;
};

struct Reply {
  unsigned status = 200;
  std::string body;
  const char* content_type = "application/json";
  std::vector<std::pair<const char*, std::string>> headers;
  std::size_t plain_bytes = 0;  // of the body before it was compressed
};

}  // namespace tidemark::bridge
