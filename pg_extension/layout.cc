#include "pg_extension/layout.h"

#include <unordered_map>

#include "common/wire.h"
#include "pg_extension/encode.h"
#include "pg_extension/guard.h"

namespace tidemark::pg {
namespace {

// A null pointer stands for a relation that is not tracked.
std::unordered_map<Oid, LayoutPtr> cache;
std::uint64_t generation = 1;
bool added_versions = false;

// May arrive anywhere, also while a layout is in use: its user holds on to it.
void note_invalidation(Datum, Oid relation) {
  ++generation;
  if (relation == InvalidOid) {
    cache.clear();
    return;
  }
  std::erase_if(cache, [relation](const auto& entry) {
    return entry.first == relation || (entry.second && entry.second->table.relation == relation);
  });
}

void note_type_invalidation(Datum, int, uint32) {
  ++generation;
  cache.clear();
}

// A default may be made of a function.
void note_function_invalidation(Datum, int, uint32) { ++generation; }

// One attribute as the catalogs describe it. Plain data.
struct Attribute {
  char name[NAMEDATALEN];
  AttrNumber number;
  Oid type;
  std::int32_t modifier;
  bool not_null;
  bool always_identity;
};

struct Shape {
  bool has_key = false;
  int key_count = 0;
  AttrNumber key[INDEX_MAX_KEYS] = {};
  int count = 0;
  Attribute* attributes = nullptr;
};

// The synced attributes of a relation and which of them are its key. Inside call().
Shape shape_of(Oid relation_id) {
  Shape shape;
  const Relation relation = table_open(relation_id, AccessShareLock);
  const TupleDesc descriptor = RelationGetDescr(relation);
  RelationGetIndexList(relation);
  if (relation->rd_pkindex != InvalidOid) {
    const Relation index = index_open(relation->rd_pkindex, AccessShareLock);
    shape.has_key = true;
    shape.key_count = index->rd_index->indnkeyatts;
    for (int i = 0; i < shape.key_count; ++i) shape.key[i] = index->rd_index->indkey.values[i];
    index_close(index, AccessShareLock);
  }
  shape.attributes = static_cast<Attribute*>(palloc0(sizeof(Attribute) * (descriptor->natts + 1)));
  for (int i = 0; i < descriptor->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
    if (attribute->attisdropped || attribute->attgenerated != '\0') continue;
    Attribute& kept = shape.attributes[shape.count++];
    strlcpy(kept.name, NameStr(attribute->attname), NAMEDATALEN);
    kept.number = attribute->attnum;
    kept.type = attribute->atttypid;
    kept.modifier = attribute->atttypmod;
    kept.not_null = attribute->attnotnull;
    kept.always_identity = attribute->attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
  }
  table_close(relation, AccessShareLock);
  return shape;
}

Column column_of(const Attribute& attribute, MemoryContext context, const std::string& table) {
  Column column;
  column.name = attribute.name;
  column.attribute = attribute.number;
  column.not_null = attribute.not_null;
  column.always_identity = attribute.always_identity;
  if (!call([&] { return describe_type(column, attribute.type, attribute.modifier, context); })) {
    throw Error(ErrorCode::kUnsupported,
                "column \"" + column.name + "\" of table \"" + table + "\" has a type that cannot be synced",
                "Change its type back, or run tidemark.untrack first.");
  }
  return column;
}

// Gives the columns the attribute numbers of a partition, whose columns may
// stand in another order.
void renumber(std::vector<Column>& columns, const Shape& partition) {
  for (Column& column : columns) {
    for (int i = 0; i < partition.count; ++i) {
      if (column.name == partition.attributes[i].name) column.attribute = partition.attributes[i].number;
    }
  }
}

std::string header_of(const Layout& layout) {
  const auto wire_columns = [](const std::vector<Column>& columns) {
    std::vector<WireColumn> list;
    for (const Column& column : columns) list.push_back({column.name, column.kind});
    return list;
  };
  std::string header;
  append_wire_table(header, {layout.table.name, wire_columns(layout.key), wire_columns(layout.columns)});
  return header;
}

LayoutPtr load(const std::optional<TrackedTable>& table, Oid relation) {
  if (!table) return nullptr;

  auto layout = std::make_shared<Layout>();
  layout->table = *table;
  layout->relation = relation;
  layout->context =
      call([] { return AllocSetContextCreate(CacheMemoryContext, "tidemark layout", ALLOCSET_SMALL_SIZES); });
  const Shape shape = call([&] { return shape_of(table->relation); });
  if (!shape.has_key) {
    throw Error(ErrorCode::kUnsupported, "table \"" + table->name + "\" has lost its primary key",
                "Add it again, or run tidemark.untrack.");
  }
  std::vector<bool> in_key(shape.count, false);
  for (int i = 0; i < shape.key_count; ++i) {
    for (int j = 0; j < shape.count; ++j) {
      if (shape.attributes[j].number != shape.key[i]) continue;
      in_key[j] = true;
      layout->key.push_back(column_of(shape.attributes[j], layout->context, table->name));
    }
  }
  for (int j = 0; j < shape.count; ++j) {
    if (!in_key[j]) layout->columns.push_back(column_of(shape.attributes[j], layout->context, table->name));
  }
  layout->header = header_of(*layout);
  if (relation != table->relation) {
    const Shape partition = call([&] { return shape_of(relation); });
    renumber(layout->key, partition);
    renumber(layout->columns, partition);
  }
  return layout;
}

}  // namespace

Layout::~Layout() {
  if (context != nullptr) MemoryContextDelete(context);
}

std::int32_t Layout::version() const {
  if (version_ == 0) version_ = find_version(table.id, header);
  if (version_ == 0) begin_version();
  return version_;
}

void Layout::begin_version() const {
  version_ = add_version(table.id, header);
  added_versions = true;
}

int Layout::column_named(std::string_view name) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

LayoutPtr layout_of(Oid relation) {
  const auto found = cache.find(relation);
  if (found != cache.end()) return found->second;

  const std::uint64_t before = generation;
  LayoutPtr layout = load(tracked_table_of(relation), relation);
  if (generation == before) cache.emplace(relation, layout);
  return layout;
}

LayoutPtr layout_as_partition(Oid tracked, Oid relation) { return load(tracked_table_of(tracked), relation); }

void forget_versions() {
  if (!added_versions) return;
  for (auto& [relation, layout] : cache) {
    if (layout) layout->version_ = 0;
  }
  added_versions = false;
}

void watch_layouts() {
  CacheRegisterRelcacheCallback(note_invalidation, 0);
  CacheRegisterSyscacheCallback(TYPEOID, note_type_invalidation, 0);
  CacheRegisterSyscacheCallback(PROCOID, note_function_invalidation, 0);
}

std::uint64_t definitions_generation() { return generation; }

void append_columns(std::string& out, const std::vector<Column>& columns, const Datum* values, const bool* nulls) {
  out += '[';
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out += ',';
    const int place = columns[i].attribute - 1;
    append_value(out, columns[i], values[place], nulls[place]);
  }
  out += ']';
}

}  // namespace tidemark::pg
