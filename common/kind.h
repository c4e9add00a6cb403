// The kinds of column that can be synced: one per PostgreSQL type (a domain is
// its base type), with the name that travels on the wire. docs/protocol.md has
// the text form of each.
#pragma once

#include <optional>
#include <string_view>

namespace tidemark {

enum class Kind {
  kSmallint,
  kInteger,
  kBigint,
  kReal,
  kDouble,
  kNumeric,
  kText,  // text, varchar, char(n), name and citext-like text types
  kBytea,
  kBoolean,
  kUuid,
  kDate,
  kTime,
  kTimestamp,
  kTimestamptz,
  kInterval,
  kJson,
  kJsonb,
  kEnum,
  kArray,
};

// The wire name: "smallint", "double precision", "timestamptz", …
std::string_view name_of(Kind kind);

// The kind of a wire name; nullopt for a name this version does not know.
std::optional<Kind> kind_named(std::string_view name);

// How a value of this kind is carried and held on a device.
enum class Form {
  kIntegers,  // JSON integer, SQLite INTEGER
  kReals,     // JSON number or {"real": …}, SQLite REAL (NaN is the text 'NaN')
  kBooleans,  // true / false, SQLite 1 / 0
  kBlobs,     // {"blob": base64}, SQLite BLOB
  kTexts,     // JSON string in the canonical form of the type, SQLite TEXT
};

Form form_of(Kind kind);

}  // namespace tidemark
