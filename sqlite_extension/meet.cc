#include "sqlite_extension/meet.h"

#include <algorithm>

#include "common/reconcile.h"
#include "sqlite_extension/codec.h"

namespace tidemark::device {
namespace {

// One meeting: what each side did to the row, and where to write what comes of it.
class Meeting {
 public:
  Meeting(sqlite3* db, Writer& writer, const TheirChange& theirs, const Origin& origin, std::int64_t offset_ms)
      : db_(db), writer_(writer), theirs_(theirs), origin_(origin), offset_ms_(offset_ms), key_(views_of(theirs.key)) {}

  void run(std::span<const std::int64_t> seqs, std::span<const std::int64_t> segments);

 private:
  bool they_have_row() const { return !theirs_.deletes || theirs_.replaces; }
  void their_delete();
  void their_row_on_my_delete();
  void their_row_on_my_insert();
  void columns(std::span<const std::int64_t> segments);
  Conflict conflict(const std::string& kind) const;
  void note_column(std::size_t place, const Value& base, const Value& mine, const Value& theirs, Winner winner, std::int64_t mine_at_ms);
  std::string their_row_json() const;
  void write_plainly();
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
  } else if (!mine_.base_exists) {
    their_row_on_my_insert();
  } else {
    columns(segments);
  }
}

void Meeting::their_delete() {
  if (!mine_.base_exists) return;  // they took back what we never saw; mine stays an insert
  if (present_ && net_of(mine_, present_) == Net::kUpdate && !origin_.own) {
    Conflict lost = conflict("delete");
    lost.mine = Value(ValueView::text(writer_.row_json(key_, *present_)));
    lost.policy = "delete_wins";
    lost.message = "the hub deleted the row that was changed here; the delete won";
    lost.hint = "tidemark_resolve(id, 'mine') writes the row again.";
    record(db_, lost);
  }
  void_entries(db_, writer_.local(), seqs_);
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
  if (!origin_.own) {
    Conflict lost = conflict("delete");
    lost.theirs = Value(ValueView::text(their_row_json()));
    lost.policy = "delete_wins";
    lost.message = "the hub changed the row that was deleted here; the delete won";
    lost.hint = "tidemark_resolve(id, 'theirs') takes the hub's row.";
    record(db_, lost);
  }
  // The old row in the log is what the hub has now.
  void_entries(db_, writer_.local(), seqs_);
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
    if (same_meaning(writer_.kind(place), mine.view(), value.view())) {
      taken[place] = value;
      continue;
    }
    const std::int64_t mine_at = mine_.at_ms == 0 ? 0 : mine_.at_ms + offset_ms_;
    const Winner winner = reconcile(Policy::kLatest, mine_at, theirs_.at_ms);
    note_column(place, Value(), mine, value, winner, mine_at);
    if (winner == Winner::kTheirs) {
      taken[place] = value;
    } else {
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
  const bool some = std::any_of(rebased.columns.begin(), rebased.columns.end(), [](const auto& column) { return column.touched; });
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
      const Kind kind = writer_.kind(place);
      if (same_meaning(kind, after.view(), upstream.view())) {
        mine.touched = false;  // they met; theirs is how the hub writes it
      } else if (same_meaning(kind, mine.base.view(), upstream.view())) {
        mine.base = upstream;
        upstream = after;
      } else if (same_meaning(kind, mine.base.view(), after.view())) {
        mine.touched = false;  // nothing was changed here in the end
      } else {
        const std::int64_t mine_at = mine.at_ms == 0 ? 0 : mine.at_ms + offset_ms_;
        const Winner winner = origin_.own ? Winner::kMine : reconcile(Policy::kLatest, mine_at, theirs_.at_ms);
        if (!origin_.own) note_column(place, mine.base, after, upstream, winner, mine_at);
        if (winner == Winner::kMine) {
          mine.base = upstream;
          upstream = after;
        } else {
          mine.touched = false;
        }
      }
    }
    if (!touched || !(upstream == (*present_)[place])) written[place] = upstream;
  }

  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& columns = folded[i].columns;
    const bool some = std::any_of(columns.begin(), columns.end(), [](const auto& column) { return column.touched; });
    if (some) kept.push_back(parts[i].front().seq);
    std::vector<std::int64_t> rest;
    for (std::size_t j = 1; j < parts[i].size(); ++j) rest.push_back(parts[i][j].seq);
    void_entries(db_, writer_.local(), rest);
    rewrite_entry(db_, writer_.local(), parts[i].front().seq, folded[i]);
  }
  replace_entries(std::move(kept));
  write(written);
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

void Meeting::note_column(std::size_t place, const Value& base, const Value& mine, const Value& theirs, Winner winner,
                          std::int64_t mine_at_ms) {
  Conflict note = conflict("update");
  note.column = writer_.local().columns[place].name;
  note.base = base;
  note.mine = mine;
  note.theirs = theirs;
  note.result = winner == Winner::kMine ? mine : theirs;
  note.policy = name_of(Policy::kLatest);
  if (mine_at_ms != 0) note.mine_at_ms = mine_at_ms;
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
  Cells views;
  for (const auto& [place, value] : cells) {
    views.places.push_back(place);
    views.values.push_back(value.view());
  }
  if (present_) {
    writer_.update(key_, views, origin_);
  } else {
    writer_.put(key_, views, origin_);
  }
}

}  // namespace

void meet_pending(sqlite3* db, Writer& writer, const TheirChange& theirs, const Origin& origin,
                  std::span<const std::int64_t> seqs, std::span<const std::int64_t> segments, std::int64_t offset_ms) {
  Meeting(db, writer, theirs, origin, offset_ms).run(seqs, segments);
}

}  // namespace tidemark::device
