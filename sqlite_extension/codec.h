// Values between SQLite and the wire, by the kind that the hub's column has.
#pragma once

#include <deque>
#include <string>

#include "common/kind.h"
#include "common/table.h"
#include "common/value.h"
#include "common/wire.h"

namespace tidemark::device {

// Appends the value as JSON. False (and `out` unchanged) for a text that is not
// valid UTF-8, which JSON cannot carry.
bool append_json(std::string& out, Kind kind, const ValueView& value);

// The value as this device holds it. Bytes are those of `value`, or new ones
// kept in `kept`.
ValueView from_wire(Kind kind, bool uuid_as_bytes, const WireValue& value, std::deque<std::string>& kept);

// A key as the views show it: a JSON array; a blob is {"hex":"00FF"}.
std::string key_json(const Row& key);

}  // namespace tidemark::device
