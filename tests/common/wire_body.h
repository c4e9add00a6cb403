// A body as the tests read it: tables and changes through the real reader.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "common/wire.h"

namespace tidemark::test {

// One table for all: [["id","uuid"],["n","integer"]] and three columns.
inline constexpr std::string_view kTable =
    R"({"table":"t","key":[["id","uuid"],["n","integer"]],"columns":[["a","text"],["b","bytea"],["c","real"]]})";

inline std::string body_of(std::string_view change) {
  return R"({"tables":[)" + std::string(kTable) + R"(],"changes":[)" + std::string(change) + "]}";
}

// Parsed: views of the changes live as long as this.
struct Body {
  simdjson::dom::parser parser;
  std::vector<WireTable> tables;
  std::vector<WireChange> changes;
  WireReader reader{tables};

  explicit Body(std::string_view text) {
    const simdjson::dom::element root = parse_body(parser, text);
    simdjson::dom::element list;
    if (root["tables"].get(list) != simdjson::SUCCESS) array_member(root, "tables");  // throws
    tables = WireReader::tables(list);
    for (const simdjson::dom::element element : array_member(root, "changes")) {
      reader.change(element, changes.emplace_back());
    }
  }
};

// The message with which a body is refused; "" if it is accepted.
inline std::string refusal_of(std::string_view body) {
  try {
    const Body read(body);
    return "";
  } catch (const Error& error) {
    return error.code() == ErrorCode::kInvalidInput ? error.what() : std::string("wrong code: ") + error.what();
  }
}

}  // namespace tidemark::test
