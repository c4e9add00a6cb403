// The rows of the protocol (docs/protocol.md): the same table headers and
// changes stand in a page of the log, in a page of a first load and in a push,
// so both ends read them here and write them with the functions below.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/kind.h"

namespace tidemark {

enum class Op : char { kInsert = 'i', kUpdate = 'u', kDelete = 'd' };

// One value as it stands on the wire. `text` holds a string's characters or a
// blob's bytes and lives as long as the reader that gave it.
struct WireValue {
  enum class Type : std::uint8_t { kNull, kBoolean, kInteger, kReal, kText, kBlob };
  Type type = Type::kNull;
  bool adds = false;  // {"add": …}: the column's value is to change by this number
  union {
    bool boolean;
    std::int64_t integer = 0;
    double real;
  };
  std::string_view text;
};

struct WireColumn {
  std::string name;
  Kind kind = Kind::kText;
};

// What the changes of one table in one body refer to: a change names its key
// values in the order of `key`, its other values by their place in `columns`.
struct WireTable {
  std::string name;
  std::vector<WireColumn> key;
  std::vector<WireColumn> columns;
};

struct WireChange {
  std::uint32_t table = 0;  // index into the body's list of tables
  Op op = Op::kInsert;
  std::vector<WireValue> key;
  std::vector<WireValue> values;       // one for each of `columns`; none for a delete
  std::vector<std::uint16_t> columns;  // rising places in WireTable::columns
  std::optional<std::int64_t> at_ms;   // hub's clock; nullopt: the commit's time
};

// Reads tables and changes out of a parsed body. Keeps decoded blobs alive.
// Everything here throws Error{kInvalidInput} for what is not the protocol,
// naming the place.
class WireReader {
 public:
  // The "tables" array of a body.
  static std::vector<WireTable> tables(simdjson::dom::element list);

  explicit WireReader(const std::vector<WireTable>& tables) : tables_(tables) {}

  // Reads one change into `change`, whose vectors are used again.
  void change(simdjson::dom::element element, WireChange& change);

  // Drops the decoded blobs of the changes read so far.
  void forget_blobs() { blobs_.clear(); }

 private:
  WireValue value(simdjson::dom::element element);
  WireValue difference(simdjson::dom::element element);
  void values(simdjson::dom::element list, std::vector<WireValue>& out);

  const std::vector<WireTable>& tables_;
  std::deque<std::string> blobs_;
};

// Parses a body with the limits every reader of ours shares (nesting of 16).
// The element lives as long as `parser` and is overwritten by its next parse.
// Throws Error{kInvalidInput} with the reason for anything that is not JSON.
simdjson::dom::element parse_body(simdjson::dom::parser& parser, std::string_view body);

// The same, with simdjson's error in place of ours. Throws std::bad_alloc.
simdjson::simdjson_result<simdjson::dom::element> try_parse(simdjson::dom::parser& parser, std::string_view body);

// A required member of a JSON object. Throws Error{kInvalidInput} naming `name`
// if it is missing or of another type.
std::int64_t integer_member(simdjson::dom::element object, const char* name);
std::string_view text_member(simdjson::dom::element object, const char* name);
simdjson::dom::array array_member(simdjson::dom::element object, const char* name);

// A member that may be missing; nullopt then. Throws simdjson_error if `object` is none.
std::optional<simdjson::dom::element> optional_member(simdjson::dom::element object, const char* name);

// A text member; empty if it is missing or of another type.
std::string_view text_or_empty(simdjson::dom::element object, const char* name);

// {"table":"products","key":[["id","uuid"]],"columns":[["name","text"]]}
void append_wire_table(std::string& out, const WireTable& table);

}  // namespace tidemark
