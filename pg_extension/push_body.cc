#include "pg_extension/push_body.h"

#include <algorithm>
#include <map>

#include "common/policy.h"
#include "pg_extension/encode.h"
#include "pg_extension/parents_first.h"

namespace tidemark::pg {
namespace {

Report report(int sqlstate, std::string message, std::string hint, std::string column = {}) {
  return {sqlstate, std::move(message), std::move(hint), std::move(column)};
}

Report unknown_column(const std::string& table, const std::string& column) {
  return report(ERRCODE_UNDEFINED_COLUMN,
                "column \"" + column + "\" of table \"" + table + "\" does not exist on the hub",
                "Add it on the hub, or drop it on the device.", column);
}

// Types in which two different texts may be equal.
bool is_alike(const Column& column) {
  switch (column.kind) {
    case Kind::kNumeric: return column.modifier == -1;
    case Kind::kReal:
    case Kind::kDouble:
    case Kind::kInterval:
    case Kind::kJsonb:
    case Kind::kArray: return true;
    default: return column.base == BPCHAROID && column.modifier == -1;
  }
}

bool can_sum(Kind kind) { return !misfit_of({Rule::kSum, {}}, kind); }

}  // namespace

PushBody::PushBody(std::string_view body) {
  root_ = parse_body(parser_, body);
  number_ = integer_member(root_, "push");
  cursor_ = text_member(root_, "cursor");
  if (optional_member(root_, "epoch")) epoch_ = text_member(root_, "epoch");
}

void PushBody::refuse(std::uint32_t change, Report report) {
  if (changes_[change].refused) return;
  changes_[change].refused = true;
  refusals_.emplace_back(change, std::move(report));
}

std::string PushBody::sent_key(std::uint32_t change) const { return simdjson::minify(changes_[change].sent.at(2)); }

std::optional<std::uint32_t> PushBody::change_of(Oid table, std::string_view key) const {
  return index_.find(KeyIndex::hash(table, key), [&](std::uint32_t place) {
    return changes_[place].key == key && tables_[changes_[place].table].layout->relation == table;
  });
}

void PushBody::read_changes(Spi& spi) {
  now_ms_ = now_ms();
  context_ = call([] { return AllocSetContextCreate(CurrentMemoryContext, "tidemark push", ALLOCSET_DEFAULT_SIZES); });
  array_member(root_, "tables");  // there is one
  wire_tables_ = WireReader::tables(root_["tables"]);
  match_tables(spi);

  const simdjson::dom::array list = array_member(root_, "changes");
  changes_.reserve(list.size());
  index_.reserve(list.size());
  CanonicalOutput canonical;
  WireReader reader(wire_tables_);
  WireChange wire;
  auto element = list.begin();
  while (element != list.end()) {
    const auto refused = attempt([&] {
      for (; element != list.end(); ++element) {
        reader.change(*element, wire);
        const auto place = static_cast<std::uint32_t>(changes_.size());
        changes_.emplace_back().sent = *element;
        converting_ = nullptr;
        read_change(wire, place);
        reader.forget_blobs();
      }
    });
    if (!refused) break;
    Report why = *refused;
    if (why.column.empty() && converting_ != nullptr) why.column = converting_;
    refuse(static_cast<std::uint32_t>(changes_.size() - 1), std::move(why));
    ++element;
  }
}

void PushBody::match_tables(Spi& spi) {
  for (const WireTable& wire : wire_tables_) tables_.push_back(match(wire));
  rank_tables(spi);
}

PushedTable PushBody::match(const WireTable& wire) const {
  PushedTable table;
  const auto tracked = tracked_table_named(wire.name);
  table.layout = tracked ? layout_of(tracked->relation) : nullptr;
  if (!table.layout) {
    table.refusal = report(ERRCODE_UNDEFINED_TABLE, "table \"" + wire.name + "\" is not tracked on the hub",
                           "On the hub: select tidemark.track('" + wire.name + "')");
    return table;
  }
  const Layout& layout = *table.layout;
  for (const Column& column : layout.key) {
    const auto found = std::find_if(wire.key.begin(), wire.key.end(),
                                    [&](const WireColumn& candidate) { return candidate.name == column.name; });
    if (found == wire.key.end() || wire.key.size() != layout.key.size()) {
      table.refusal =
          report(ERRCODE_UNDEFINED_COLUMN, "the key of table \"" + wire.name + "\" is another one on the hub",
                 "Give the table the same primary key on both sides.", column.name);
      return table;
    }
    table.key_places.push_back(static_cast<int>(found - wire.key.begin()));
    table.alike_keys = table.alike_keys || is_alike(column);
  }
  for (const WireColumn& column : wire.columns) table.places.push_back(layout.column_named(column.name));
  call([&] {
    const Relation relation = table_open(layout.relation, AccessShareLock);
    table.owner = relation->rd_rel->relowner;
    const TriggerDesc* const triggers = relation->trigdesc;
    table.inserts_altered = triggers != nullptr && triggers->trig_insert_before_row;
    table.updates_altered = triggers != nullptr && triggers->trig_update_before_row;
    table_close(relation, AccessShareLock);
  });
  for (const Column& column : layout.key) table.key_inputs.push_back(call([&] { return input_of(column, context_); }));
  for (const Column& column : layout.columns) {
    table.column_inputs.push_back(call([&] { return input_of(column, context_); }));
    Column& sum = table.sums.emplace_back(column);
    sum.type = column.base;  // a domain's check is for the sum, and so is numeric(10,2)
    sum.modifier = -1;
  }
  for (const Column& sum : table.sums) {
    table.sum_inputs.push_back(call([&] { return input_of(sum, context_); }));
  }
  return table;
}

void PushBody::rank_tables(Spi& spi) {
  spi.run(
      "select conrelid::oid, confrelid::oid from pg_catalog.pg_constraint "
      "where contype = 'f' and conrelid in (select relid from tidemark._table) "
      "and confrelid in (select relid from tidemark._table)");
  std::multimap<Oid, Oid> parents;
  for (std::uint64_t i = 0; i < spi.rows(); ++i) parents.emplace(spi.oid(i, 0), spi.oid(i, 1));
  std::vector<Oid> relations;
  for (const PushedTable& table : tables_) {
    if (table.layout) relations.push_back(table.layout->relation);
  }
  const auto order = parents_first(relations, parents);
  for (PushedTable& table : tables_) {
    if (!table.layout) continue;
    const Oid relation = table.layout->relation;
    table.rank = static_cast<int>(std::find(order.begin(), order.end(), relation) - order.begin());
    const auto [first, last] = parents.equal_range(relation);
    table.refers_to_itself = std::any_of(first, last, [](const auto& pair) { return pair.first == pair.second; });
  }
}

void PushBody::read_change(const WireChange& wire, std::uint32_t place) {
  PushedTable& table = tables_[wire.table];
  PushedChange change = changes_[place];
  change.table = wire.table;
  change.op = wire.op;
  change.at_ms = std::min(wire.at_ms.value_or(now_ms_), now_ms_);
  changes_[place] = change;
  if (table.refusal) {
    refuse(place, *table.refusal);
    return;
  }
  if (wire.op == Op::kInsert && table.layout->table.keys == "hub") {
    refuse(place, report(ERRCODE_INSUFFICIENT_PRIVILEGE,
                         "only the hub inserts rows into table \"" + table.layout->table.name + "\"",
                         "It was tracked with keys => 'hub'."));
    return;
  }
  ActingAs owner(table.owner);  // domains have checks of the owner's choice
  change.values = call([&] {
    const std::size_t count = wire.key.size() + wire.values.size();
    auto* const room = MemoryContextAlloc(context_, count * (sizeof(Datum) + sizeof(bool)));
    return static_cast<Datum*>(room);
  });
  change.nulls = reinterpret_cast<bool*>(change.values + wire.key.size() + wire.values.size());
  if (!read_values(wire, table, change, place) || !read_key(wire, table, change, place)) return;
  changes_[place] = change;
}

bool PushBody::read_key(const WireChange& wire, PushedTable& table, PushedChange& change, std::uint32_t place) {
  key_ = '[';
  for (std::size_t i = 0; i < table.key_inputs.size(); ++i) {
    const WireValue& value = wire.key[table.key_places[i]];
    const Column& column = table.layout->key[i];
    converting_ = column.name.c_str();
    if (value.type == WireValue::Type::kNull) {
      refuse(place, report(ERRCODE_NOT_NULL_VIOLATION, "key column \"" + column.name + "\" is null",
                           "Every row needs a key.", column.name));
      return false;
    }
    json_.clear();
    bool is_exact = false;
    call([&] {
      const MemoryContext caller = MemoryContextSwitchTo(context_);
      const Converted converted = convert(table.key_inputs[i], value, scratch_);
      is_exact = converted.exact;
      change.values[i] = converted.value;
      change.nulls[i] = converted.is_null;
      append_value(json_, column, converted.value, converted.is_null);
      MemoryContextSwitchTo(caller);
    });
    if (!is_exact && !is_canonical(column, value, json_, scratch_)) {
      std::string sent;
      append_wire_value(sent, value);
      refuse(place, report(ERRCODE_INVALID_PARAMETER_VALUE,
                           "key column \"" + column.name + "\" is not written as the hub writes it: " + sent,
                           "The hub's form is " + json_ + ". Write the key in that form on the device.", column.name));
      return false;
    }
    if (i > 0) key_ += ',';
    key_ += json_;
  }
  key_ += ']';
  if (change_of(table.layout->relation, key_)) {
    throw Error(ErrorCode::kInvalidInput,
                "two changes for key " + key_ + " of table \"" + table.layout->table.name + "\"",
                "A push has one change for a row at most.");
  }
  auto* const kept = call([&] { return static_cast<char*>(MemoryContextAlloc(context_, key_.size())); });
  std::copy(key_.begin(), key_.end(), kept);
  change.key = {kept, key_.size()};
  index_.add(KeyIndex::hash(table.layout->relation, key_), place);
  return true;
}

bool PushBody::read_values(const WireChange& wire, PushedTable& table, PushedChange& change, std::uint32_t place) {
  const std::size_t key_count = wire.key.size();
  ColumnSet columns;
  for (std::size_t i = 0; i < wire.values.size(); ++i) {
    const int target = table.places[wire.columns[i]];
    if (target < 0) {
      refuse(place, unknown_column(table.layout->table.name, wire_tables_[wire.table].columns[wire.columns[i]].name));
      return false;
    }
    const Column& column = table.layout->columns[target];
    converting_ = column.name.c_str();
    const bool adds = wire.values[i].adds;
    if (adds && !can_sum(column.kind)) {
      refuse(place, report(ERRCODE_DATATYPE_MISMATCH, "nothing can be added to column \"" + column.name + "\"",
                           "Policy sum is for numbers.", column.name));
      return false;
    }
    json_.clear();
    call([&] {
      const MemoryContext caller = MemoryContextSwitchTo(context_);
      Input& input = (adds ? table.sum_inputs : table.column_inputs)[target];
      const Converted converted = convert(input, wire.values[i], scratch_);
      MemoryContextSwitchTo(caller);
      change.values[key_count + i] = converted.value;
      change.nulls[key_count + i] = converted.is_null;
      if (converted.exact || adds) return;
      append_value(json_, column, converted.value, converted.is_null);
      if (!is_canonical(column, wire.values[i], json_, scratch_)) change.exact = false;
    });
    columns.places.push_back(static_cast<std::uint16_t>(target));
    if (adds) columns.adds.push_back(static_cast<std::uint16_t>(target));
  }
  std::sort(columns.adds.begin(), columns.adds.end());
  auto& sets = table.column_sets;
  const auto found = std::find(sets.begin(), sets.end(), columns);
  change.column_set = static_cast<std::uint32_t>(found - sets.begin());
  if (found == sets.end()) sets.push_back(std::move(columns));
  return true;
}

}  // namespace tidemark::pg
