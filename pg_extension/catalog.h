// Our own relations: finding them, and reading and writing the small ones
// without SPI, as no user in particular.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg_extension/pg.h"

namespace tidemark::pg {

// The OID of a relation in schema tidemark; InvalidOid if the extension is gone.
// Inside call().
Oid our_relation(const char* name);

// The next value of a sequence in schema tidemark, whoever asks. Inside call().
std::int64_t next_value(const char* sequence);

// A row of tidemark._table.
struct TrackedTable {
  std::int32_t id = 0;
  Oid relation = InvalidOid;
  std::string name;  // on the wire
  std::string keys;  // none, given, hub
};

// The tracked table that `relation` is, or is a partition of.
std::optional<TrackedTable> tracked_table_of(Oid relation);

// The tracked table of that wire name.
std::optional<TrackedTable> tracked_table_named(const std::string& name);

// The newest version of a table with this description; 0 if there is none.
std::int32_t find_version(std::int32_t table_id, const std::string& description);

// The descriptions of all versions of a table, oldest first.
std::vector<std::string> descriptions_of(std::int32_t table_id);

// Adds a version and gives its id.
std::int32_t add_version(std::int32_t table_id, const std::string& description);

}  // namespace tidemark::pg
