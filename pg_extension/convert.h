// Turns values from the wire into typed datums, by PostgreSQL's input rules.
#pragma once

#include <string>

#include "common/wire.h"
#include "pg_extension/column.h"
#include "pg_extension/pg.h"

namespace tidemark::pg {

// What one column's input needs, looked up once.
struct Input {
  const Column* column = nullptr;
  FmgrInfo function{};
  Oid io_parameter = InvalidOid;
};

// `context` must live as long as the result is used. Inside call().
Input input_of(const Column& column, MemoryContext context);

struct Converted {
  Datum value = 0;
  bool is_null = false;
  bool exact = false;  // canonical for sure; else is_canonical() knows
};

// The datum, in the current memory context. Raises the type's own error if it
// does not take the value. `scratch` is a buffer to use again. Inside call().
Converted convert(Input& input, const WireValue& value, std::string& scratch);

// True if `value` says in the wire's canonical form, or one that means the same
// to SQLite, what `json` says in the encoder's.
bool is_canonical(const Column& column, const WireValue& value, std::string_view json, std::string& scratch);

// The value as JSON text.
void append_wire_value(std::string& out, const WireValue& value);

}  // namespace tidemark::pg
