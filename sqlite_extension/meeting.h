// One meeting of a change of the hub with what is pending on the same row: what each side
// did, and what is to be written of it. Rows as a whole in meet.cc, columns in meet_columns.cc.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/reconcile.h"
#include "sqlite_extension/conflicts.h"
#include "sqlite_extension/meet.h"

namespace tidemark::device {

Cells cells_of(const std::map<std::size_t, Value>& values);

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
  bool is_base(std::size_t place, const Value& base, const Value& theirs) const;
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
    return writer_.try_update(key_, cells_of(cells), origin_, &refusal);
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

}  // namespace tidemark::device
