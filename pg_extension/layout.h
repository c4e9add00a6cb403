// What a change of a table is encoded by: the key's columns in the key's order,
// all others, and the header that describes them on the wire. Cached in the
// backend until the relation's definition changes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pg_extension/catalog.h"
#include "pg_extension/column.h"
#include "pg_extension/pg.h"

namespace tidemark::pg {

struct Layout {
  ~Layout();

  TrackedTable table;
  Oid relation = InvalidOid;  // the tracked table or one of its partitions: `attribute`s are its
  std::vector<Column> key;
  std::vector<Column> columns;
  std::string header;  // {"table":…,"key":…,"columns":…}
  MemoryContext context = nullptr;

  // The version that changes are logged with. Looked up, or added, on first use.
  std::int32_t version() const;

  // Adds one, also where an older one is the same: the newest says what the table is.
  void begin_version() const;

  // Place in `columns`, or -1.
  int column_named(std::string_view name) const;

 private:
  friend void forget_versions();
  mutable std::int32_t version_ = 0;
};

using LayoutPtr = std::shared_ptr<const Layout>;

// The layout of a tracked table or of a partition of one; null for any other.
// Throws Error{kUnsupported} if the table can no longer be synced: it lost its
// primary key, or a column got a type outside the list.
LayoutPtr layout_of(Oid relation);

// The layout of a relation that was a partition of that tracked table. Not cached.
LayoutPtr layout_as_partition(Oid tracked, Oid relation);

// Called when a transaction that may have added a version is rolled back.
void forget_versions();

// Registers the invalidation callbacks. Once, when the module is loaded.
void watch_layouts();

// Counts up whenever the definition of any relation, type or function may have changed.
std::uint64_t definitions_generation();

// Appends [v1,v2,…] of a row: `values` and `nulls` by attribute number - 1.
// Inside call(), a CanonicalOutput alive.
void append_columns(std::string& out, const std::vector<Column>& columns, const Datum* values, const bool* nulls);

}  // namespace tidemark::pg
