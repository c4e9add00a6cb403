#include "sqlite_extension/meet.h"

#include <algorithm>

#include "common/error.h"
#include "common/reconcile.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/reject.h"

namespace tidemark::device {
namespace {

Cells views_of(const std::map<std::size_t, Value>& cells) {
  Cells views;
  for (const auto& [place, value] : cells) {
    views.places.push_back(place);
    views.values.push_back(value.view());
  }
  return views;
}

// One meeting: what each side did to the row, and where to write what comes of it.
class Meeting {
 public:
  Meeting(sqlite3* db, Writer& writer, const TheirChange& theirs, const Origin& origin, std::int64_t offset_ms)
      : db_(db),
        writer_(writer),
        theirs_(theirs),
        origin_(origin),
        offset_ms_(offset_ms),
        key_(device::views_of(theirs.key)) {}

  void run(std::span<const std::int64_t> seqs, std::span<const std::int64_t> segments);

 private:
  bool they_have_row() const { return !theirs_.deletes || theirs_.replaces; }
  // Whether mine is the insert of a row that the hub had deleted: then it has a base.
  bool restores_row() const { return entries_.front().op == LogOp::kInsert && !entries_.front().old.empty(); }
  bool update_wins() const { return writer_.table().deletes == DeleteRule::kUpdateWins; }
  std::int64_t corrected(std::int64_t at_ms) const { return at_ms == 0 ? 0 : at_ms + offset_ms_; }
  void their_delete();
  void their_row_on_my_delete();
  void their_row_on_my_insert();
  void columns(std::span<const std::int64_t> segments);
  Value rebase(Pending::Column& mine, std::size_t place, const Value& after, const Value& upstream);
  Outcome decide(std::size_t place, const Sides& sides);
  void give_up(const std::string& refusal);
  Conflict conflict(const std::string& kind) const;
  void note_column(std::size_t place, const Sides& sides, const Outcome& outcome);
  std::string their_row_json() const;
  void write_plainly();
  bool refuses_null(std::size_t place) const {
    const LocalColumn& column = writer_.local().columns[place];
    const HubColumn* const known = writer_.table().hub ? writer_.table().hub->find(column.name) : nullptr;
    return column.not_null || (known && known->not_null);
  }
  bool sums(std::size_t place) const { return writer_.table().policies[place].rule == Rule::kSum; }
  bool try_write(const std::map<std::size_t, Value>& cells, std::string& refusal) {
    return writer_.try_update(key_, views_of(cells), origin_, &refusal);
  }
  void write(const std::map<std::size_t, Value>& cells);
  // What the log says of the key now.
  void replace_entries(std::vector<std::int64_t> seqs) { writer_.pending().set(lookup_of(key_), std::move(seqs)); }

  sqlite3* db_;
  Writer& writer_;
  const TheirChange& theirs_;
  const Origin& origin_;
  std::int64_t offset_ms_;
  std::vector<ValueView> key_;
  std::vector<LogEntry> entries_;
  std::vector<std::int64_t> seqs_;
  Pending mine_;
  std::optional<Row> present_;
};

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
    if (column.touched && same_meaning(writer_.kind(place), column.base.view(), value.view())) continue;
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

// Both have the row: column by column. Pushes that are on their way and what
// was written after them are rebased one behind the other, each on what the
// one before made of the value.
void Meeting::columns(std::span<const std::int64_t> segments) {
  const std::size_t count = writer_.local().columns.size();
  std::vector<std::vector<LogEntry>> parts(1);
  std::size_t segment = 0;
  for (LogEntry& entry : entries_) {
    while (segment < segments.size() && entry.seq > segments[segment]) {
      ++segment;
      if (!parts.back().empty()) parts.emplace_back();
    }
    parts.back().push_back(std::move(entry));
  }
  std::vector<Pending> folded;
  for (const auto& part : parts) folded.push_back(fold(part, count));

  std::map<std::size_t, Value> written;
  bool is_another = false;  // what is pending has other values now
  for (const auto& [place, theirs] : theirs_.cells) {
    Value upstream = theirs;
    bool touched = false;
    for (std::size_t i = 0; i < folded.size(); ++i) {
      Pending::Column& mine = folded[i].columns[place];
      if (!mine.touched) continue;
      touched = true;
      Value after = (*present_)[place];
      for (std::size_t j = i + 1; j < folded.size(); ++j) {
        if (folded[j].columns[place].touched) {
          after = folded[j].columns[place].base;
          break;
        }
      }
      upstream = rebase(mine, place, after, upstream);
    }
    if (touched && upstream == (*present_)[place]) continue;
    written[place] = upstream;
    is_another = is_another || folded.back().columns[place].touched;
  }
  std::string refusal;
  if (!try_write(written, refusal)) return give_up(refusal);

  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& columns = folded[i].columns;
    const bool some = std::any_of(columns.begin(), columns.end(), [](const auto& column) { return column.touched; });
    if (some) kept.push_back(parts[i].back().seq);
    // The last one says it all: one before it may be held back, and what was written since is not.
    std::vector<std::int64_t> rest;
    for (std::size_t j = 0; j + 1 < parts[i].size(); ++j) rest.push_back(parts[i][j].seq);
    void_entries(db_, writer_.local(), rest);
    rewrite_entry(db_, writer_.local(), parts[i].back().seq, folded[i]);
  }
  replace_entries(std::move(kept));
  if (is_another) forget_refusals(db_, writer_.local(), theirs_.key, "retried");
}

// Lays one pending change of a column over another value than it was made on: the
// value that comes of it. `after` is what the change made of its base.
Value Meeting::rebase(Pending::Column& mine, std::size_t place, const Value& after, const Value& upstream) {
  const auto same = [kind = writer_.kind(place)](const Value& a, const Value& b) {
    return same_meaning(kind, a.view(), b.view());
  };
  const bool adds = sums(place);
  if (!adds && same(after, upstream)) {
    mine.touched = false;  // they met; theirs is how the hub writes it
    return upstream;
  }
  if (same(mine.base, after)) {
    mine.touched = false;  // nothing was changed here in the end
    return upstream;
  }
  if (same(mine.base, upstream) || (origin_.own && !adds)) {
    mine.base = upstream;
    return after;
  }
  const Value base = mine.base;
  const Sides sides{true, base.view(), after.view(), upstream.view(), corrected(mine.at_ms), theirs_.at_ms};
  Outcome outcome = decide(place, sides);
  if (!origin_.own) note_column(place, sides, outcome);
  if (same(outcome.result, upstream)) {
    mine.touched = false;
    return upstream;
  }
  mine.base = upstream;
  return std::move(outcome.result);
}

Outcome Meeting::decide(std::size_t place, const Sides& sides) {
  const Policy& policy = writer_.table().policies[place];
  if (policy.rule != Rule::kExpression) {
    const bool starts_at_zero = sides.has_base || mine_.at_ms != 0;
    return reconcile(policy.rule == Rule::kSum && !starts_at_zero ? Rule::kLatest : policy.rule, writer_.kind(place),
                     sides);
  }
  Outcome outcome{Value(sides.theirs), false, ""};
  try {
    Value said = writer_.expressions().evaluate(policy.expression, sides.base, sides.mine, sides.theirs);
    if (!fits(writer_.kind(place), said.view())) {
      outcome.problem = "the policy's expression gave a value that the column cannot hold";
    } else if (said.is_null() && refuses_null(place)) {
      outcome.problem = "the policy's expression gave NULL, which the column refuses";
    } else {
      outcome.result = std::move(said);
    }
  } catch (const Error& error) {
    outcome.problem = error.what();
  }
  return outcome;
}

// The two together are a row that a constraint of this device refuses: the row
// becomes what the hub has, and what was pending of it is set aside.
void Meeting::give_up(const std::string& refusal) {
  std::map<std::size_t, Value> row = theirs_.cells;
  for (std::size_t i = 0; i < mine_.columns.size(); ++i) {
    const Pending::Column& mine = mine_.columns[i];
    if (!mine.touched) continue;
    row.emplace(i, mine.base);
    if (!is_changed(mine, (*present_)[i])) continue;
    const Sides sides{true,         mine.base.view(), (*present_)[i].view(), row.at(i).view(), corrected(mine.at_ms),
                      theirs_.at_ms};
    note_column(i, sides, {row.at(i), false, "this device refuses the merged row: " + refusal});
  }
  want_whole(db_, writer_.local().number, seqs_.front());
  void_entries(db_, writer_.local(), seqs_);
  replace_entries({});
  write(row);
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

void Meeting::note_column(std::size_t place, const Sides& sides, const Outcome& outcome) {
  Conflict note = conflict("update");
  note.column = writer_.local().columns[place].name;
  note.base = Value(sides.base);
  note.mine = Value(sides.mine);
  note.theirs = Value(sides.theirs);
  note.result = outcome.result;
  note.policy = text_of(writer_.table().policies[place]);
  note.message = outcome.problem;
  if (outcome.lossless) note.state = "merged";
  if (sides.mine_at_ms != 0) note.mine_at_ms = sides.mine_at_ms;
  record(db_, note);
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
    writer_.update(key_, views_of(cells), origin_);
  } else {
    writer_.put(key_, views_of(cells), origin_);
  }
}

}  // namespace

void meet_pending(sqlite3* db, Writer& writer, const TheirChange& theirs, const Origin& origin,
                  std::span<const std::int64_t> seqs, std::span<const std::int64_t> segments, std::int64_t offset_ms) {
  Meeting(db, writer, theirs, origin, offset_ms).run(seqs, segments);
}

}  // namespace tidemark::device
