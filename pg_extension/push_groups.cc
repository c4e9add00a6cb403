#include "pg_extension/push_groups.h"

#include <map>
#include <tuple>

#include "pg_extension/push_order.h"

namespace tidemark::pg {

// A child that was moved to another parent is moved before its old one is deleted,
// with what that cascades to. An update may free the unique value that an insert takes.
std::vector<Group> groups_of(PushBody& body) {
  std::map<std::tuple<bool, int, bool, std::uint32_t, std::uint32_t>, Group> groups;
  auto& changes = body.changes();
  for (std::uint32_t i = 0; i < changes.size(); ++i) {
    const PushedChange& change = changes[i];
    if (change.refused) continue;
    const int rank = body.tables()[change.table].rank;
    const bool deletes = change.op == Op::kDelete;
    const bool inserts = change.op == Op::kInsert;
    const std::tuple order(deletes, deletes ? -rank : rank, inserts, change.table, change.column_set);
    Group& group = groups[order];
    group.table = change.table;
    group.op = change.op;
    group.column_set = change.column_set;
    group.changes.push_back(i);
  }
  std::vector<Group> list;
  for (auto& [order, group] : groups) {
    const bool may_refer = group.op == Op::kInsert && body.tables()[group.table].refers_to_itself;
    if (may_refer) put_parents_first(body, group.changes);
    list.push_back(std::move(group));
  }
  return list;
}

}  // namespace tidemark::pg
