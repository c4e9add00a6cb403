#include "pg_extension/catalog.h"

#include <map>

#include "pg_extension/guard.h"

namespace tidemark::pg {
namespace {

// Attribute numbers of sql/postgres/tables.sql.
enum TableAttribute : AttrNumber {
  kTableId = 1,
  kTableRelation,
  kTableName,
  kTableKeys,
  kTableDeletes,
  kTableAttributes = kTableDeletes
};
enum VersionAttribute : AttrNumber { kVersionId = 1, kVersionTable, kVersionDescription, kVersionAttributes = 3 };

// Plain data of a row of _table, in memory of the caller's context.
struct TableRow {
  bool found = false;
  std::int32_t id = 0;
  Oid relation = InvalidOid;
  const char* name = nullptr;
  const char* keys = nullptr;
};

// The first row of _table that the key finds. Inside call().
TableRow find_table(ScanKeyData* key) {
  TableRow row;
  const Oid tables = our_relation("_table");
  if (tables == InvalidOid) return row;

  const Relation relation = table_open(tables, AccessShareLock);
  const SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 1, key);
  for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple); tuple = systable_getnext(scan)) {
    Datum values[kTableAttributes];
    bool nulls[kTableAttributes];
    heap_deform_tuple(tuple, RelationGetDescr(relation), values, nulls);
    if (nulls[kTableRelation - 1]) continue;  // untracked, kept for the log
    row.found = true;
    row.id = DatumGetInt32(values[kTableId - 1]);
    row.relation = DatumGetObjectId(values[kTableRelation - 1]);
    row.name = TextDatumGetCString(values[kTableName - 1]);
    row.keys = TextDatumGetCString(values[kTableKeys - 1]);
    break;
  }
  systable_endscan(scan);
  table_close(relation, AccessShareLock);
  return row;
}

// Calls `visit` with id and description of each version of a table. Inside call().
template <class Visit>
void each_version(std::int32_t table_id, Visit&& visit) {
  const Relation relation = table_open(our_relation("_version"), AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, kVersionTable, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(table_id));
  const SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 1, &key);
  for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple); tuple = systable_getnext(scan)) {
    Datum values[kVersionAttributes];
    bool nulls[kVersionAttributes];
    heap_deform_tuple(tuple, RelationGetDescr(relation), values, nulls);
    visit(DatumGetInt32(values[kVersionId - 1]), TextDatumGetCString(values[kVersionDescription - 1]));
  }
  systable_endscan(scan);
  table_close(relation, AccessShareLock);
}

std::optional<TrackedTable> tracked_table(const TableRow& row) {
  if (!row.found) return std::nullopt;
  return TrackedTable{row.id, row.relation, row.name, row.keys};
}

}  // namespace

Oid our_relation(const char* name) {
  const Oid schema = get_namespace_oid("tidemark", true);
  return schema == InvalidOid ? InvalidOid : get_relname_relid(name, schema);
}

std::int64_t next_value(const char* sequence) {
  const Oid relation = our_relation(sequence);
  if (relation == InvalidOid) elog(ERROR, "sequence tidemark.%s does not exist", sequence);
  return nextval_internal(relation, false);
}

std::optional<TrackedTable> tracked_table_of(Oid relation) {
  return tracked_table(call([&] {
    const auto find = [](Oid candidate) {
      ScanKeyData key;
      ScanKeyInit(&key, kTableRelation, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(candidate));
      return find_table(&key);
    };
    TableRow row = find(relation);
    if (row.found || !get_rel_relispartition(relation)) return row;
    const List* const ancestors = get_partition_ancestors(relation);
    const ListCell* cell = nullptr;
    foreach (cell, ancestors) {
      row = find(lfirst_oid(cell));
      if (row.found) break;
    }
    return row;
  }));
}

std::optional<TrackedTable> tracked_table_named(const std::string& name) {
  return tracked_table(call([&] {
    ScanKeyData key;
    ScanKeyInit(&key, kTableName, BTEqualStrategyNumber, F_TEXTEQ,
                PointerGetDatum(cstring_to_text_with_len(name.data(), static_cast<int>(name.size()))));
    key.sk_collation = DEFAULT_COLLATION_OID;
    return find_table(&key);
  }));
}

std::int32_t find_version(std::int32_t table_id, const std::string& description) {
  std::int32_t newest = 0;
  call([&] {
    each_version(table_id, [&](std::int32_t id, const char* candidate) {
      if (id > newest && description == candidate) newest = id;
    });
  });
  return newest;
}

std::vector<std::string> descriptions_of(std::int32_t table_id) {
  std::map<std::int32_t, std::string> by_id;
  call([&] {
    each_version(table_id, [&](std::int32_t id, const char* description) { by_id.emplace(id, description); });
  });
  std::vector<std::string> descriptions;
  for (auto& [id, description] : by_id) descriptions.push_back(std::move(description));
  return descriptions;
}

std::int32_t add_version(std::int32_t table_id, const std::string& description) {
  return call([&] {
    const auto id = static_cast<std::int32_t>(next_value("_version_id"));
    const Relation relation = table_open(our_relation("_version"), RowExclusiveLock);
    Datum values[kVersionAttributes] = {
        Int32GetDatum(id), Int32GetDatum(table_id),
        PointerGetDatum(cstring_to_text_with_len(description.data(), static_cast<int>(description.size())))};
    bool nulls[kVersionAttributes] = {};
    const HeapTuple tuple = heap_form_tuple(RelationGetDescr(relation), values, nulls);
    CatalogTupleInsert(relation, tuple);
    table_close(relation, RowExclusiveLock);
    CommandCounterIncrement();
    return id;
  });
}

}  // namespace tidemark::pg
