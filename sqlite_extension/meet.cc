#include "sqlite_extension/meet.h"

#include <algorithm>

#include "common/widened.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/meeting.h"
#include "sqlite_extension/reject.h"

namespace tidemark::device {

Cells cells_of(const std::map<std::size_t, Value>& values) {
  Cells cells;
  for (const auto& [place, value] : values) {
    cells.places.push_back(place);
    cells.values.push_back(value.view());
  }
  return cells;
}

void Meeting::run(std::span<const std::int64_t> seqs, std::span<const std::int64_t> segments) {
  entries_ = read_entries(db_, writer_.local(), seqs);
  for (const LogEntry& entry : entries_) seqs_.push_back(entry.seq);
  if (entries_.empty()) return write_plainly();
  mine_ = fold(entries_, writer_.local().columns.size());
  present_ = writer_.read(key_);

  if (!they_have_row()) {
    their_delete();
  } else if (!present_ && mine_.base_exists) {
    their_row_on_my_delete();
  } else if (!present_) {  // inserted and deleted here: nothing of it is left
    void_entries(db_, writer_.local(), seqs_);
    replace_entries({});
    write(theirs_.cells);
  } else if (!mine_.base_exists && !(restores_row() && theirs_.replaces)) {
    their_row_on_my_insert();
  } else {
    columns(segments);
  }
  if (!writer_.pending().find(lookup_of(key_))) forget_refusals(db_, writer_.local(), theirs_.key, "resolved");
}

void Meeting::their_delete() {
  if (!mine_.base_exists) return;  // they took back what we never saw; mine stays an insert
  const bool is_changed_here = present_ && net_of(mine_, present_) == Net::kUpdate;
  if (is_changed_here && !origin_.own) {
    Conflict met = conflict("delete");
    met.mine = Value(ValueView::text(writer_.row_json(key_, *present_)));
    met.policy = name_of(writer_.table().deletes);
    if (update_wins()) {
      met.result = met.mine;
      met.message = "the hub deleted the row that was changed here; it is inserted again";
      met.hint = "tidemark_resolve(id, 'theirs') deletes it.";
    } else {
      met.message = "the hub deleted the row that was changed here; the delete won";
      met.hint = "tidemark_resolve(id, 'mine') writes the row again.";
    }
    record(db_, met);
  }
  void_entries(db_, writer_.local(), seqs_);
  if (is_changed_here && !origin_.own && update_wins()) {
    mine_.base_exists = false;
    // The row that the hub had stays the base: others may insert it again, too.
    for (std::size_t i = 0; i < mine_.columns.size(); ++i) {
      if (!mine_.columns[i].touched) mine_.columns[i] = {true, (*present_)[i], mine_.at_ms};
    }
    replace_entries({append_entry(db_, writer_.local(), theirs_.key, mine_, true)});
    return;
  }
  replace_entries({});
  writer_.remove(key_);
}

void Meeting::their_row_on_my_delete() {
  bool news = false;
  Pending rebased = mine_;
  for (const auto& [place, value] : theirs_.cells) {
    Pending::Column& column = rebased.columns[place];
    if (column.touched && is_base(place, column.base, value)) continue;
    news = true;
    column.touched = true;
    column.base = value;
  }
  if (!news) return;
  const bool restores = update_wins() && !origin_.own;
  if (!origin_.own) {
    Conflict met = conflict("delete");
    met.theirs = Value(ValueView::text(their_row_json()));
    met.policy = name_of(writer_.table().deletes);
    if (restores) {
      met.result = met.theirs;
      met.message = "the hub changed the row that was deleted here; it is back";
      met.hint = "Delete it again, or tidemark_dismiss(id).";
    } else {
      met.message = "the hub changed the row that was deleted here; the delete won";
      met.hint = "tidemark_resolve(id, 'theirs') takes the hub's row.";
    }
    record(db_, met);
  }
  void_entries(db_, writer_.local(), seqs_);
  if (restores) {
    replace_entries({});
    std::map<std::size_t, Value> row;  // the log has all old values of a deleted row
    for (std::size_t i = 0; i < rebased.columns.size(); ++i) row[i] = rebased.columns[i].base;
    return write(row);
  }
  // The old row in the log is what the hub has now.
  replace_entries({append_entry(db_, writer_.local(), theirs_.key, rebased, false)});
}

// Whether a value of the hub's is still the one that mine was made on.
bool Meeting::is_base(std::size_t place, const Value& base, const Value& theirs) const {
  const Kind kind = writer_.kind(place);
  return same_meaning(kind, base.view(), theirs.view()) || is_widened(kind, base.view(), theirs.view());
}

void Meeting::their_row_on_my_insert() {
  // Without a common base every column that differs was set by both.
  Pending rebased = mine_;
  rebased.base_exists = true;
  std::map<std::size_t, Value> taken;
  for (auto& column : rebased.columns) column.touched = false;
  for (const auto& [place, value] : theirs_.cells) {
    const Value& mine = (*present_)[place];
    // Rows that were here before the table was tracked are no sales: equal ones meet.
    const bool adds = sums(place) && mine_.at_ms != 0;
    if (!adds && same_meaning(writer_.kind(place), mine.view(), value.view())) {
      taken[place] = value;
      continue;
    }
    const Sides sides{false, {}, mine.view(), value.view(), corrected(mine_.at_ms), theirs_.at_ms};
    const Outcome outcome = decide(place, sides);
    note_column(place, sides, outcome);
    taken[place] = outcome.result;
    if (!same_meaning(writer_.kind(place), outcome.result.view(), value.view())) {
      rebased.columns[place] = {true, value, mine_.at_ms};
    }
  }
  if (!theirs_.replaces) {
    // Columns that the change did not carry: whatever the hub has, ours are to be sent.
    for (std::size_t i = 0; i < rebased.columns.size(); ++i) {
      if (!theirs_.cells.count(i)) rebased.columns[i] = {true, Value(), mine_.at_ms};
    }
  }
  void_entries(db_, writer_.local(), seqs_);
  const bool some =
      std::any_of(rebased.columns.begin(), rebased.columns.end(), [](const auto& column) { return column.touched; });
  if (some) {
    replace_entries({append_entry(db_, writer_.local(), theirs_.key, rebased, true)});
  } else {
    replace_entries({});
  }
  write(taken);
}

Conflict Meeting::conflict(const std::string& kind) const {
  Conflict conflict;
  conflict.table = writer_.local().name;
  conflict.key = key_json(theirs_.key);
  conflict.kind = kind;
  if (mine_.at_ms != 0) conflict.mine_at_ms = mine_.at_ms + offset_ms_;
  conflict.theirs_at_ms = theirs_.at_ms;
  conflict.device = origin_.device;
  conflict.seq = origin_.seq;
  return conflict;
}

std::string Meeting::their_row_json() const {
  Row row(writer_.local().columns.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto given = theirs_.cells.find(i);
    row[i] = given != theirs_.cells.end() ? given->second : mine_.columns[i].base;
  }
  return writer_.row_json(key_, row);
}

// Nothing is pending on the row after all.
void Meeting::write_plainly() {
  replace_entries({});
  if (!they_have_row()) return writer_.remove(key_);
  present_ = writer_.read(key_);
  if (present_ || theirs_.replaces) write(theirs_.cells);
}

void Meeting::write(const std::map<std::size_t, Value>& cells) {
  if (present_) {
    writer_.update(key_, cells_of(cells), origin_);
  } else {
    writer_.put(key_, cells_of(cells), origin_);
  }
}

void meet_pending(sqlite3* db, Writer& writer, const TheirChange& theirs, const Origin& origin,
                  std::span<const std::int64_t> seqs, std::span<const std::int64_t> segments, std::int64_t offset_ms) {
  Meeting(db, writer, theirs, origin, offset_ms).run(seqs, segments);
}

}  // namespace tidemark::device
