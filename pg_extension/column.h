// A column as the hub sees it: where it is, what kind it is on the wire, and how
// its values become JSON. docs/protocol.md, "Values", has the forms.
#pragma once

#include <optional>
#include <string>

#include "common/kind.h"
#include "pg_extension/pg.h"

namespace tidemark::pg {

// How the encoder reads a datum. kOutput goes through the type's own output
// function; the others are written here, which is faster and independent of the
// session's settings.
enum class Codec : std::uint8_t {
  kInt2,
  kInt4,
  kInt8,
  kFloat4,
  kFloat8,
  kBool,
  kText,
  kName,
  kBytea,
  kUuid,
  kDate,
  kTime,
  kTimestamp,
  kTimestamptz,
  kInterval,
  kOutput,
};

struct Column {
  std::string name;
  AttrNumber attribute = InvalidAttrNumber;
  Kind kind = Kind::kText;
  Codec codec = Codec::kOutput;
  Oid type = InvalidOid;  // as declared, perhaps a domain
  Oid base = InvalidOid;  // what the domain stands for, else the same
  std::int32_t modifier = -1;
  std::int16_t length = 0;
  bool by_value = false;
  bool not_null = false;
  bool always_identity = false;  // GENERATED ALWAYS AS IDENTITY: an update cannot set it
  FmgrInfo output{};             // only for kOutput
};

// The kind of a type; nullopt for one that cannot be synced. Inside call().
std::optional<Kind> kind_of(Oid type);

// Fills what encoding needs from the column's type. `context` must live as long
// as `column` is used. Inside call(). False if the type cannot be synced.
bool describe_type(Column& column, Oid type, std::int32_t modifier, MemoryContext context);

}  // namespace tidemark::pg
