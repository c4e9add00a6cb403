#include "common/wire.h"

#include <algorithm>
#include <limits>
#include <new>

#include "common/error.h"
#include "common/json_text.h"

namespace tidemark {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kMaxDepth = 16;

[[noreturn]] void malformed(const std::string& what) {
  throw Error(ErrorCode::kInvalidInput, "malformed body: " + what,
              "docs/protocol.md describes the format. A proxy may have answered or cut the body.");
}

// The result's value, or an error that says what was expected.
template <class T>
T take(simdjson::simdjson_result<T> result, const char* expected) {
  T value;
  if (std::move(result).get(value) != simdjson::SUCCESS) malformed(std::string(expected) + " expected");
  return value;
}

std::vector<WireColumn> columns_of(dom::element table, const char* member) {
  std::vector<WireColumn> columns;
  for (const dom::element entry : array_member(table, member)) {
    const dom::array pair = take(entry.get_array(), "a [name, kind] pair");
    const auto name = take(pair.at(0).get_string(), "a column name");
    const auto kind_name = take(pair.at(1).get_string(), "a column kind");
    const auto kind = kind_named(kind_name);
    if (!kind) malformed("unknown column kind \"" + std::string(kind_name) + "\"");
    columns.push_back({std::string(name), *kind});
  }
  return columns;
}

Op op_of(std::string_view text) {
  if (text == "i") return Op::kInsert;
  if (text == "u") return Op::kUpdate;
  if (text == "d") return Op::kDelete;
  malformed("operation \"" + std::string(text) + "\" is not i, u or d");
}

void read_columns(dom::element list, std::size_t limit, std::vector<std::uint16_t>& out) {
  std::int64_t previous = -1;
  for (const dom::element entry : take(list.get_array(), "an array of column places")) {
    const auto place = take(entry.get_int64(), "a column place");
    if (place <= previous || place >= static_cast<std::int64_t>(limit)) {
      malformed("column place " + std::to_string(place) + " is out of range or order");
    }
    out.push_back(static_cast<std::uint16_t>(place));
    previous = place;
  }
}

}  // namespace

std::vector<WireTable> WireReader::tables(dom::element list) {
  std::vector<WireTable> tables;
  for (const dom::element entry : take(list.get_array(), "the array \"tables\"")) {
    WireTable table;
    table.name = text_member(entry, "table");
    table.key = columns_of(entry, "key");
    table.columns = columns_of(entry, "columns");
    if (table.key.empty()) malformed("table \"" + table.name + "\" without key columns");
    if (table.columns.size() > UINT16_MAX) malformed("table \"" + table.name + "\" has too many columns");
    tables.push_back(std::move(table));
  }
  return tables;
}

void WireReader::change(dom::element element, WireChange& change) {
  change.key.clear();
  change.values.clear();
  change.columns.clear();
  change.at_ms.reset();

  std::size_t place = 0;
  bool columns_given = false;
  for (const dom::element part : take(element.get_array(), "a change")) {
    switch (place++) {
      case 0: {
        const auto table = take(part.get_int64(), "a table's place");
        if (table < 0 || table >= static_cast<std::int64_t>(tables_.size())) {
          malformed("table place " + std::to_string(table) + " is not in \"tables\"");
        }
        change.table = static_cast<std::uint32_t>(table);
        break;
      }
      case 1: change.op = op_of(take(part.get_string(), "an operation")); break;
      case 2: values(part, change.key); break;
      case 3:
        if (!part.is_null()) values(part, change.values);
        break;
      case 4:
        if (part.is_null()) break;
        columns_given = true;
        read_columns(part, tables_[change.table].columns.size(), change.columns);
        break;
      case 5:
        if (!part.is_null()) change.at_ms = take(part.get_int64(), "a time in milliseconds");
        break;
      default: malformed("a change has six parts at most");
    }
  }
  if (place < 3) malformed("a change needs a table, an operation and a key");
  const auto add = [](const std::vector<WireValue>& list) {
    return std::any_of(list.begin(), list.end(), [](const WireValue& value) { return value.adds; });
  };
  if (add(change.key) || (change.op != Op::kUpdate && add(change.values)))
    malformed("only values of an update can \"add\"");

  const WireTable& table = tables_[change.table];
  if (change.key.size() != table.key.size()) {
    malformed("a change of \"" + table.name + "\" has " + std::to_string(change.key.size()) +
              " key values, the table has " + std::to_string(table.key.size()));
  }
  if (change.op == Op::kDelete) {
    if (!change.values.empty() || columns_given) malformed("a delete carries values");
    return;
  }
  if (!columns_given) {
    if (change.op == Op::kUpdate) malformed("an update does not say which columns");
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      change.columns.push_back(static_cast<std::uint16_t>(i));
    }
  }
  if (change.values.size() != change.columns.size()) {
    malformed("a change of \"" + table.name + "\" has " + std::to_string(change.values.size()) + " values for " +
              std::to_string(change.columns.size()) + " columns");
  }
}

void WireReader::values(dom::element list, std::vector<WireValue>& out) {
  for (const dom::element element : take(list.get_array(), "an array of values")) {
    out.push_back(value(element));
  }
}

WireValue WireReader::value(dom::element element) {
  WireValue value;
  switch (element.type()) {
    case dom::element_type::NULL_VALUE: return value;
    case dom::element_type::BOOL:
      value.type = WireValue::Type::kBoolean;
      value.boolean = element.get_bool().value_unsafe();
      return value;
    case dom::element_type::INT64:
      value.type = WireValue::Type::kInteger;
      value.integer = element.get_int64().value_unsafe();
      return value;
    case dom::element_type::DOUBLE:
      value.type = WireValue::Type::kReal;
      value.real = element.get_double().value_unsafe();
      return value;
    case dom::element_type::STRING:
      value.type = WireValue::Type::kText;
      value.text = element.get_string().value_unsafe();
      return value;
    case dom::element_type::OBJECT: break;
    case dom::element_type::UINT64: malformed("an integer does not fit 64 bits");
    case dom::element_type::ARRAY: malformed("an array where a value is expected");
  }
  const dom::object object = element.get_object().value_unsafe();
  if (object.size() != 1) malformed("a value's object has one member: \"blob\", \"real\" or \"add\"");
  const auto member = *object.begin();
  if (member.key == "add") return difference(member.value);
  const auto text = take(member.value.get_string(), "a string in a value's object");
  if (member.key == "blob") {
    std::string& bytes = blobs_.emplace_back();
    if (!base64_decode(text, bytes)) malformed("a blob is not base64");
    value.type = WireValue::Type::kBlob;
    value.text = bytes;
    return value;
  }
  if (member.key != "real") malformed("a value's object has one member: \"blob\", \"real\" or \"add\"");
  value.type = WireValue::Type::kReal;
  if (text == "nan") {
    value.real = std::numeric_limits<double>::quiet_NaN();
  } else if (text == "inf") {
    value.real = std::numeric_limits<double>::infinity();
  } else if (text == "-inf") {
    value.real = -std::numeric_limits<double>::infinity();
  } else {
    malformed("\"real\" is nan, inf or -inf");
  }
  return value;
}

WireValue WireReader::difference(dom::element element) {
  const bool is_number = element.is_int64() || element.is_double() || element.is_string();
  if (!is_number) malformed("\"add\" is a number, or a decimal as a string");
  WireValue number = value(element);
  number.adds = true;
  return number;
}

simdjson::simdjson_result<dom::element> try_parse(dom::parser& parser, std::string_view body) {
  if (parser.allocate(body.size(), kMaxDepth) != simdjson::SUCCESS) throw std::bad_alloc();
  // Copied by simdjson into a buffer with the padding it needs.
  auto root = parser.parse(body.data(), body.size(), true);
  if (root.error() == simdjson::MEMALLOC) throw std::bad_alloc();
  return root;
}

dom::element parse_body(dom::parser& parser, std::string_view body) {
  dom::element root;
  const auto error = try_parse(parser, body).get(root);
  if (error != simdjson::SUCCESS) malformed(simdjson::error_message(error));
  return root;
}

std::int64_t integer_member(dom::element object, const char* name) {
  std::int64_t value = 0;
  if (object[name].get(value) != simdjson::SUCCESS) malformed("the integer \"" + std::string(name) + "\" expected");
  return value;
}

std::string_view text_member(dom::element object, const char* name) {
  std::string_view value;
  if (object[name].get(value) != simdjson::SUCCESS) malformed("the string \"" + std::string(name) + "\" expected");
  return value;
}

dom::array array_member(dom::element object, const char* name) {
  dom::array value;
  if (object[name].get(value) != simdjson::SUCCESS) malformed("the array \"" + std::string(name) + "\" expected");
  return value;
}

std::optional<dom::element> optional_member(dom::element object, const char* name) {
  auto member = object[name];
  if (member.error() == simdjson::NO_SUCH_FIELD) return std::nullopt;
  return member.value();
}

std::string_view text_or_empty(dom::element object, const char* name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? text : "";
}

void append_wire_table(std::string& out, const WireTable& table) {
  const auto append_columns = [&out](const std::vector<WireColumn>& columns) {
    out += '[';
    for (std::size_t i = 0; i < columns.size(); ++i) {
      out += i == 0 ? "[" : ",[";
      append_json_string(out, columns[i].name);
      out += ',';
      append_json_string(out, name_of(columns[i].kind));
      out += ']';
    }
    out += ']';
  };
  out += R"({"table":)";
  append_json_string(out, table.name);
  out += R"(,"key":)";
  append_columns(table.key);
  out += R"(,"columns":)";
  append_columns(table.columns);
  out += '}';
}

}  // namespace tidemark
