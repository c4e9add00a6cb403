#include "pg_extension/push_journal.h"

#include <algorithm>

namespace tidemark::pg {

std::optional<std::int64_t> PushJournal::captured(Oid table, std::string_view key, Op op,
                                                  const std::vector<std::uint16_t>& columns, std::int64_t now_ms) {
  const auto place = change_of(table, key);
  if (!place || body_.changes()[*place].refused) {
    has_others_ = true;
    return now_ms;
  }
  if (lets_go(*place, op, columns)) return std::nullopt;
  entries_.push_back({*place, op, op == Op::kUpdate ? columns : std::vector<std::uint16_t>()});
  return body_.changes()[*place].at_ms;
}

void PushJournal::letting_go_begins(std::span<const std::uint32_t> changes, const std::vector<std::uint16_t>& places) {
  let_go_.assign(body_.changes().size(), false);
  for (const std::uint32_t change : changes) let_go_[change] = true;
  let_go_places_ = places;
}

// A trigger may set other columns with them; then all is logged.
bool PushJournal::lets_go(std::uint32_t change, Op op, const std::vector<std::uint16_t>& columns) const {
  if (let_go_.empty() || op != Op::kUpdate || !let_go_[change]) return false;
  return std::all_of(columns.begin(), columns.end(), [&](std::uint16_t column) {
    return std::find(let_go_places_.begin(), let_go_places_.end(), column) != let_go_places_.end();
  });
}

std::optional<std::uint32_t> PushJournal::change_of(Oid table, std::string_view key) {
  const auto& changes = body_.changes();
  const bool is_next = next_ < changes.size() && changes[next_].key == key &&
                       body_.tables()[changes[next_].table].layout->relation == table;
  const auto found = is_next ? std::optional(next_) : body_.change_of(table, key);
  if (found) next_ = *found + 1;
  return found;
}

std::vector<PushJournal::Logged> PushJournal::summary() const {
  std::vector<Logged> summary(body_.changes().size());
  for (const Entry& entry : entries_) {
    Logged& logged = summary[entry.change];
    switch (entry.op) {
      case Op::kInsert: logged.whole = true; break;
      case Op::kDelete: logged.deleted = true; break;
      case Op::kUpdate: logged.columns.insert(logged.columns.end(), entry.columns.begin(), entry.columns.end()); break;
    }
  }
  return summary;
}

bool PushJournal::is_as_sent() const {
  if (has_others_) return false;
  std::vector<bool> seen(body_.changes().size());
  for (const Entry& entry : entries_) {
    const PushedChange& change = body_.changes()[entry.change];
    const PushedTable& table = body_.tables()[change.table];
    if (seen[entry.change] || entry.op != change.op) return false;
    seen[entry.change] = true;
    const ColumnSet& set = table.column_sets[change.column_set];
    const auto& sent = set.places;
    if (!set.adds.empty()) return false;  // the device does not know the sum
    if (entry.op == Op::kInsert && sent.size() < table.layout->columns.size()) return false;
    for (const std::uint16_t column : entry.columns) {
      if (std::find(sent.begin(), sent.end(), column) == sent.end()) return false;
    }
  }
  return true;
}

}  // namespace tidemark::pg
