#include "sqlite_extension/applier.h"

#include <algorithm>

#include "common/error.h"
#include "common/reconcile.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/hub.h"
#include "sqlite_extension/meet.h"
#include "sqlite_extension/pushes.h"

namespace tidemark::device {
namespace {

std::vector<WireTable> wire_tables_in(simdjson::dom::element page) {
  simdjson::dom::element list;
  if (page["tables"].get(list) != simdjson::SUCCESS) array_member(page, "tables");
  return WireReader::tables(list);
}

}  // namespace

// Where the changes of one of a page's tables go; no writer: nowhere.
struct Applier::Target {
  struct Column {
    Kind kind = Kind::kText;
    bool uuid_as_bytes = false;
    std::optional<std::size_t> place;  // among the local columns; none: only the hub has it
  };
  Writer* writer = nullptr;
  std::vector<Column> key;      // by place in the wire's key; `place` among the local key
  std::vector<Column> columns;  // by place in the wire's columns
};

Applier::Applier(sqlite3* db, const std::vector<TrackedTable>& tables, std::string device, bool fires)
    : db_(db), tables_(tables), device_(std::move(device)), offset_ms_(clock_offset_ms(db)) {
  if (!device_.empty()) device_ = former_device(db).value_or(device_);
  if (fires && has_application_triggers(db, tables)) run_.emplace(db);
  for (const TrackedTable& table : tables) {
    if (table.state == TableState::kRefused || !table.hub) continue;
    writers_.emplace(table.hub->name, std::make_unique<Writer>(db, table, run_ ? &*run_ : nullptr));
  }
}

Applier::~Applier() = default;

void Applier::log_page(simdjson::dom::element page, std::int64_t have) {
  have_ = have;
  const std::vector<WireTable> wire_tables = wire_tables_in(page);
  const std::vector<Target> targets = targets_of(wire_tables);
  WireReader reader(wire_tables);
  WireChange change;

  for (const simdjson::dom::element commit : array_member(page, "commits")) {
    simdjson::dom::array parts;
    if (commit.get(parts) != simdjson::SUCCESS || parts.size() != 5) {
      throw Error(ErrorCode::kProtocol, "a commit in the hub's answer is not [seq, at, device, push, changes]",
                  "Is the bridge of the same version?");
    }
    Origin origin;
    std::int64_t push = 0;
    std::int64_t seq = 0;
    std::string_view device;
    simdjson::dom::array changes;
    const bool read = parts.at(0).get(seq) == simdjson::SUCCESS && parts.at(1).get(origin.at_ms) == simdjson::SUCCESS &&
                      (parts.at(2).get(device) == simdjson::SUCCESS || parts.at(2).is_null()) &&
                      (parts.at(3).get(push) == simdjson::SUCCESS || parts.at(3).is_null()) &&
                      parts.at(4).get(changes) == simdjson::SUCCESS;
    if (!read)
      throw Error(ErrorCode::kProtocol, "a commit in the hub's answer is malformed",
                  "Is the bridge of the same version?");
    origin.device = device;
    origin.seq = seq;
    origin.own = !device_.empty() && device == device_;
    begin_commit(seq, std::move(origin), push);
    for (const simdjson::dom::element element : changes) {
      reader.change(element, change);
      apply(targets[change.table], change, origin_);
      bytes_.clear();
      reader.forget_blobs();
    }
  }
}

void Applier::rows_page(simdjson::dom::element page) {
  const std::vector<WireTable> wire_tables = wire_tables_in(page);
  const std::vector<Target> targets = targets_of(wire_tables);
  WireReader reader(wire_tables);
  WireChange change;
  // When the rows were written is not known: now, so that they win over what is older here.
  origin_ = Origin{"", integer_member(page, "now"), integer_member(page, "head"), false};
  seq_ = 0;
  for (const simdjson::dom::element element : array_member(page, "changes")) {
    reader.change(element, change);
    apply(targets[change.table], change, origin_);
    bytes_.clear();
    reader.forget_blobs();
  }
}

void Applier::finish(std::int64_t read_to) {
  end_commit();
  for (const auto& [name, writer] : writers_) writer->settle(origin_, read_to);
  if (run_) run_->play(tables_);
}

std::vector<Applier::Target> Applier::targets_of(const std::vector<WireTable>& tables) {
  std::vector<Target> targets;
  for (const WireTable& wire : tables) {
    Target& target = targets.emplace_back();
    const auto found = writers_.find(wire.name);
    if (found == writers_.end()) continue;
    const LocalTable& local = found->second->local();
    if (local.key.size() != wire.key.size()) continue;
    bool fits = true;
    for (const WireColumn& column : wire.key) {
      Target::Column& to = target.key.emplace_back(Target::Column{column.kind, false, std::nullopt});
      for (std::size_t i = 0; i < local.key.size(); ++i) {
        if (!same_name(local.key[i].name, column.name)) continue;
        to.place = i;
        to.uuid_as_bytes = local.key[i].holds_bytes();
      }
      fits &= to.place.has_value();
    }
    for (const WireColumn& column : wire.columns) {
      Target::Column& to = target.columns.emplace_back(Target::Column{column.kind, false, local.place_of(column.name)});
      if (to.place) to.uuid_as_bytes = local.columns[*to.place].holds_bytes();
    }
    if (fits) target.writer = found->second.get();
  }
  return targets;
}

void Applier::begin_commit(std::int64_t seq, Origin origin, std::int64_t push) {
  if (seq == seq_) return;  // the rest of a commit that did not fit its page
  end_commit();
  taken_.clear();
  seq_ = seq;
  origin_ = std::move(origin);
  if (origin_.own) retire_push(push);
}

void Applier::end_commit() {
  if (kept_.empty()) return;
  const auto kept = std::move(kept_);
  kept_.clear();
  for (const auto& [place, theirs] : kept) {
    Writer& writer = *place.first;
    const auto* const seqs = writer.pending().find(place.second);
    if (seqs) {
      meet(writer, theirs, std::vector<std::int64_t>(*seqs));
    } else {
      write(writer, theirs);  // what was pending has been set aside by another change of this commit
    }
  }
}

void Applier::apply(const Target& target, const WireChange& change, const Origin& origin) {
  if (!target.writer) return;
  Writer& writer = *target.writer;
  const TrackedTable& table = writer.table();
  std::vector<ValueView> key(target.key.size());
  for (std::size_t i = 0; i < target.key.size(); ++i) {
    const Target::Column& column = target.key[i];
    key[*column.place] = from_wire(column.kind, column.uuid_as_bytes, change.key[i], bytes_);
  }
  if (!taken_.empty()) drop_taken(writer, key);
  const bool loads_columns = !table.gained.empty();
  if (table.state == TableState::kNew && seq_ != 0 && !loads_columns) return;  // its rows come with the first load
  if (seq_ != 0 && seq_ <= table.since) return;                                // in the rows that were loaded
  ++changes_;

  Cells cells;
  for (std::size_t i = 0; i < change.columns.size(); ++i) {
    const Target::Column& column = target.columns[change.columns[i]];
    if (!column.place || (seq_ == 0 && !writer.is_loaded(*column.place))) continue;
    cells.places.push_back(*column.place);
    cells.values.push_back(from_wire(column.kind, column.uuid_as_bytes, change.values[i], bytes_));
  }

  writer.pending().ensure(db_);
  if (seq_ == 0 && table.sweep == Sweep::kUnlogged && !loads_columns) note_unlogged(writer, key, cells);
  const Op op = seq_ == 0 && loads_columns ? Op::kUpdate : change.op;
  if (!writer.pending().empty() || !kept_.empty()) {
    std::string lookup = lookup_of(key);
    // What was pending may have been set aside since this commit's first change of the row.
    const bool is_kept = kept_.count({&writer, lookup}) > 0;
    if (loads_columns && seq_ == 0 && came_or_went(writer, lookup, key)) return;
    if (is_kept || writer.pending().find(lookup))
      return keep(writer, lookup, key, cells, op, change.at_ms.value_or(origin.at_ms));
  }
  switch (op) {
    case Op::kInsert: return writer.put(key, cells, origin, origin.own);
    case Op::kUpdate: return writer.update(key, cells, origin);
    case Op::kDelete: return writer.remove(key);
  }
}

// Lists a row that has been changed without being logged, before the hub's values are taken.
// What is pending meets them, and is no difference.
void Applier::note_unlogged(Writer& writer, const std::vector<ValueView>& key, const Cells& cells) {
  const auto present = writer.read(key);
  const std::size_t columns = writer.local().columns.size();
  const auto* const seqs = writer.pending().find(lookup_of(key));
  const Pending pending = seqs ? fold(read_entries(db_, writer.local(), *seqs), columns) : Pending{};
  if (seqs && !pending.base_exists) return;
  bool differs = false;
  for (std::size_t i = 0; present && i < cells.places.size(); ++i) {
    const std::size_t place = cells.places[i];
    if (seqs && pending.columns[place].touched) continue;
    differs = differs || !same_meaning(writer.kind(place), (*present)[place].view(), cells.values[i]);
  }
  if (!differs) return;
  Row key_row;
  for (const ValueView& value : key) key_row.emplace_back(value);
  Row theirs = *present;
  for (std::size_t i = 0; i < cells.places.size(); ++i) theirs[cells.places[i]] = Value(cells.values[i]);
  Conflict lost;
  lost.table = writer.local().name;
  lost.key = key_json(key_row);
  lost.kind = "lost";
  lost.mine = Value(ValueView::text(writer.row_json(key, *present)));
  lost.theirs = Value(ValueView::text(writer.row_json(key, theirs)));
  lost.message = "this row was changed while the triggers that log changes were missing; it is as the hub has it now";
  lost.hint = "tidemark_resolve(id, 'mine') writes it again.";
  record(db_, lost);
}

// Whether the pending change of a row is its insert or its delete: then its new columns
// meet when the whole row does.
bool Applier::came_or_went(Writer& writer, const std::string& lookup, const std::vector<ValueView>& key) {
  const auto* const seqs = writer.pending().find(lookup);
  if (!seqs) return false;
  return !writer.read(key) ||
         !fold(read_entries(db_, writer.local(), *seqs), writer.local().columns.size()).base_exists;
}

// Folds what one commit does to a row that has a pending change.
void Applier::keep(Writer& writer, const std::string& lookup, const std::vector<ValueView>& key, const Cells& cells,
                   Op op, std::int64_t at_ms) {
  TheirChange& theirs = kept_[{&writer, lookup}];
  if (theirs.key.empty()) {
    for (const ValueView& value : key) theirs.key.emplace_back(value);
  }
  theirs.at_ms = at_ms;
  if (op == Op::kDelete) {
    theirs.deletes = true;
    theirs.replaces = false;
    theirs.cells.clear();
  } else if (op == Op::kInsert) {
    theirs.replaces = true;
  }
  for (std::size_t i = 0; i < cells.places.size(); ++i) theirs.cells[cells.places[i]] = Value(cells.values[i]);
  if (seq_ == 0) end_commit();  // a row of a first load stands alone
}

void Applier::meet(Writer& writer, const TheirChange& theirs, const std::vector<std::int64_t>& seqs) {
  const auto segments = sealed_boundaries(db_, writer.local().number);
  meet_pending(db_, writer, theirs, origin_, seqs, segments, offset_ms_);
}

void Applier::write(Writer& writer, const TheirChange& theirs) {
  const auto key = views_of(theirs.key);
  if (theirs.deletes && !theirs.replaces) return writer.remove(key);
  Cells cells;
  for (const auto& [place, value] : theirs.cells) {
    cells.places.push_back(place);
    cells.values.push_back(value.view());
  }
  if (theirs.replaces) {
    writer.put(key, cells, origin_);
  } else {
    writer.update(key, cells, origin_);
  }
}

void Applier::retire_push(std::int64_t number) {
  // A push that this file does not know was made by it in a later life, before
  // it was restored from a backup: then it is as foreign as any other.
  if (number == have_ && must_come_whole(db_, number)) needs_own_changes_ = true;
  taken_ = find_unknown(db_, number);
  origin_.own = !taken_.empty() || drop_confirmed(db_, number);
  if (!origin_.own) return;
  for (const auto& [name, writer] : writers_) writer->pending().clear();
}

// The hub has what the push without an answer said of this row.
void Applier::drop_taken(Writer& writer, const std::vector<ValueView>& key) {
  const auto covered = taken_.find(writer.local().number);
  if (covered == taken_.end()) return;
  writer.pending().ensure(db_);
  const std::string lookup = lookup_of(key);
  const auto* const seqs = writer.pending().find(lookup);
  if (!seqs) return;
  const auto later = std::upper_bound(seqs->begin(), seqs->end(), covered->second);
  void_entries(db_, writer.local(), std::span(seqs->begin(), later));
  writer.pending().set(lookup, {later, seqs->end()});
}

}  // namespace tidemark::device
