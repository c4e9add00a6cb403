// Both sides have the row: each column by its policy.
#include <algorithm>

#include "common/error.h"
#include "sqlite_extension/meeting.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/reject.h"

namespace tidemark::device {

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
  if (is_base(place, mine.base, upstream) || (origin_.own && !adds)) {
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

}  // namespace tidemark::device
