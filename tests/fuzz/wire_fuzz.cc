// No body crashes the reader, and what it accepts it reads back from our own text.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/error.h"
#include "common/json_text.h"
#include "common/wire.h"

namespace {

using namespace tidemark;

void append(std::string& out, const WireValue& value) {
  switch (value.type) {
    case WireValue::Type::kNull: out += "null"; return;
    case WireValue::Type::kBoolean: out += value.boolean ? "true" : "false"; return;
    case WireValue::Type::kInteger: append_json_integer(out, value.integer); return;
    case WireValue::Type::kReal: append_json_real(out, value.real); return;
    case WireValue::Type::kText: append_json_string(out, value.text); return;
    case WireValue::Type::kBlob: append_json_blob(out, value.text); return;
  }
}

void append(std::string& out, const std::vector<WireValue>& values) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    append(out, values[i]);
  }
  out += ']';
}

// The body as we would write what was read; the same for the same meaning.
std::string rewritten(std::string_view body) {
  simdjson::dom::parser parser;
  const simdjson::dom::element root = parse_body(parser, body);
  simdjson::dom::element list;
  if (root["tables"].get(list) != simdjson::SUCCESS) array_member(root, "tables");
  const std::vector<WireTable> tables = WireReader::tables(list);
  std::string out = R"({"tables":[)";
  for (std::size_t i = 0; i < tables.size(); ++i) {
    if (i > 0) out += ',';
    append_wire_table(out, tables[i]);
  }
  out += R"(],"changes":[)";
  WireReader reader(tables);
  WireChange change;
  bool first = true;
  for (const simdjson::dom::element element : array_member(root, "changes")) {
    reader.change(element, change);
    out += first ? "[" : ",[";
    first = false;
    append_json_integer(out, change.table);
    out += std::string(",\"") + static_cast<char>(change.op) + "\",";
    append(out, change.key);
    out += ',';
    append(out, change.values);
    out += ',';
    if (change.op == Op::kDelete) {
      out += "null";
    } else {
      out += '[';
      for (std::size_t i = 0; i < change.columns.size(); ++i)
        out += (i == 0 ? "" : ",") + std::to_string(change.columns[i]);
      out += ']';
    }
    if (change.at_ms) {
      out += ',';
      append_json_integer(out, *change.at_ms);
    }
    out += ']';
  }
  return out + "]}";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string once;
  try {
    once = rewritten({reinterpret_cast<const char*>(data), size});
  } catch (const Error&) {
    return 0;
  }
  if (rewritten(once) != once) std::abort();
  return 0;
}
