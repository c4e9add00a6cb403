#include "sqlite_extension/description.h"

#include <algorithm>

#include "common/triggers.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/conflicts.h"
#include "sqlite_extension/load.h"
#include "sqlite_extension/policies.h"
#include "sqlite_extension/reject.h"
#include "sqlite_extension/writer.h"

namespace tidemark::device {
namespace {

// The first column that only one of the two sides has, said as a sentence.
std::string one_sided_column(const LocalTable& local, const HubTable& hub) {
  for (const HubColumn& column : hub.columns) {
    if (!local.place_of(column.name)) {
      return "column \"" + column.name + "\" of the hub's table \"" + hub.name + "\" is missing on this device";
    }
  }
  for (const LocalColumn& column : local.columns) {
    if (!hub.find(column.name)) return "column \"" + column.name + "\" of \"" + local.name + "\" is missing on the hub";
  }
  return "";
}

// What is pending in a column that the hub has dropped stays on this device: it is listed.
void list_stranded(sqlite3* db, const TrackedTable& table, std::size_t place) {
  const LocalTable& local = table.local;
  Writer writer(db, table);
  writer.pending().ensure(db);
  for (const Row& key : pending_keys(db, local)) {
    const auto key_views = views_of(key);
    const auto* const seqs = writer.pending().find(lookup_of(key_views));
    const auto present = writer.read(key_views);
    if (!seqs || !present) continue;
    const Pending pending = fold(read_entries(db, local, *seqs), local.columns.size());
    const Value& mine = (*present)[place];
    const Pending::Column& column = pending.columns[place];
    if (pending.base_exists ? !is_changed(column, mine) : mine.is_null()) continue;
    Conflict lost;
    lost.table = local.name;
    lost.key = key_json(key);
    lost.column = local.columns[place].name;
    lost.kind = "lost";
    if (pending.base_exists) lost.base = column.base;
    lost.mine = mine;
    lost.message = "the hub has dropped this column: what was written here stays on this device";
    lost.hint = "tidemark_dismiss(id) takes it off the list.";
    record(db, lost);
  }
}

}  // namespace

std::string left_out(const LocalTable& local, const HubTable& hub) {
  for (const HubColumn& column : hub.columns) {
    if (!local.place_of(column.name))
      return "column \"" + column.name + "\" of the hub is missing on this device: add it here to sync it";
  }
  for (const LocalColumn& column : local.columns) {
    if (!hub.find(column.name))
      return "column \"" + column.name + "\" is missing on the hub: what is written there stays on this device";
  }
  return "";
}

std::string misfit(const LocalTable& local, const HubTable& hub) {
  if (local.key.size() != hub.key.size()) {
    return "the primary key of \"" + local.name + "\" has " + std::to_string(local.key.size()) + " columns here and " +
           std::to_string(hub.key.size()) + " on the hub";
  }
  for (const LocalColumn& column : local.key) {
    const bool known =
        std::any_of(hub.key.begin(), hub.key.end(), [&](const HubColumn& k) { return same_name(k.name, column.name); });
    if (!known)
      return "column \"" + column.name + "\" is in the primary key of \"" + local.name + "\" here and not on the hub";
  }
  for (const auto* list : {&local.key, &local.columns}) {
    for (const LocalColumn& column : *list) {
      const HubColumn* const known = hub.find(column.name);
      if (!known) continue;
      if (const auto reason = cannot_hold(column, known->kind)) return *reason;
    }
  }
  return "";
}

std::string not_tracked(const std::string& table) { return "the hub does not track a table \"" + table + "\""; }


void learn_description(sqlite3* db, TrackedTable& table, const HubTable* hub) {
  if (table.local.key.empty()) return;  // unusable as it is; its problem is noted
  std::string problem;
  if (hub) {
    problem = misfit(table.local, *hub);
    // Only when they first meet: a column that one side gains later waits for the other.
    if (problem.empty() && !table.hub) problem = one_sided_column(table.local, *hub);
  } else {
    problem = not_tracked(table.local.name);
  }
  release_outdated(db, table.local, "");

  const std::optional<HubTable> before = table.hub;
  // Two tables that have met once stay acquainted while something is in their way.
  if (hub && (problem.empty() || before)) {
    table.hub = *hub;
    Statement note(db, "update main.tidemark_table set hub = ?2 where number = ?1");
    note.bind(1, table.local.number);
    note.bind(2, std::string_view(hub->description));
    note.run();
    note_policies(db, table);
  }
  if (!problem.empty()) {
    table.state = TableState::kRefused;
    table.problem = problem;
    save_state(db, table);
    return;
  }
  table.problem = left_out(table.local, *hub);
  if (table.state == TableState::kRefused) {
    table.state = TableState::kNew;
    load_again(db, table, before ? Sweep::kLost : table.sweep);  // what became of its rows meanwhile is not known
    return;
  }
  save_state(db, table);
  if (!before) return;
  std::vector<std::string> gained;
  for (std::size_t i = 0; i < table.local.columns.size(); ++i) {
    const std::string& name = table.local.columns[i].name;
    const bool has = hub->find(name) != nullptr;
    const bool had = before->find(name) != nullptr;
    if (has == had) continue;
    release_outdated(db, table.local, name);
    if (had) {
      list_stranded(db, table, i);
      continue;
    }
    adopt_column(db, table, i);
    gained.push_back(name);
  }
  load_columns(db, table, gained);
}

}  // namespace tidemark::device
