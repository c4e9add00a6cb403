#include "pg_extension/push_claims.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>

#include "common/quote.h"
#include "pg_extension/encode.h"
#include "pg_extension/pushed_rows.h"
#include "pg_extension/table_name.h"

namespace tidemark::pg {
namespace {

// The columns of each UNIQUE index without expressions but the key's, by name.
std::map<Oid, std::vector<std::string>> unique_indexes(Oid relation) {
  Spi spi;
  spi.run(
      "select i.indexrelid, a.attname from pg_catalog.pg_index i "
      "join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey[0:i.indnkeyatts - 1]) "
      "where i.indrelid = $1 and i.indisunique and not i.indisprimary and not 0 = any (i.indkey)",
      {oid_parameter(relation)});
  std::map<Oid, std::vector<std::string>> indexes;
  for (std::uint64_t i = 0; i < spi.rows(); ++i) indexes[spi.oid(i, 0)].push_back(spi.text(i, 1).value_or(""));
  return indexes;
}

// The value that a row will have in a column once the change `p` is made; of an
// update that does not set it, what it has as `t`.
std::string value_wanted(const Layout& layout, const Group& group, const ColumnSet& set, const std::string& name) {
  for (std::size_t i = 0; i < layout.key.size(); ++i) {
    if (layout.key[i].name == name) return "p.k" + std::to_string(i + 1);
  }
  for (std::size_t i = 0; i < set.places.size(); ++i) {
    if (layout.columns[set.places[i]].name == name) return "p.v" + std::to_string(i + 1);
  }
  return group.op == Op::kUpdate ? "t." + quote_identifier(name) : "null";
}

}  // namespace

Claims::Claims(PushBody& body, const std::vector<Failed>& set) {
  for_each_group(set, [&](const Group& group, Changes changes) {
    if (group.op != Op::kDelete) look_for(body, group, changes);
  });
}

void Claims::look_for(PushBody& body, const Group& group, Changes changes) {
  const PushedTable& table = body.tables()[group.table];
  const Layout& layout = *table.layout;
  for (const auto& [index, columns] : unique_indexes(layout.relation)) {
    std::string condition;
    for (const std::string& name : columns) {
      condition += (condition.empty() ? "" : " and ") + ("other." + quote_identifier(name)) +
                   " operator(pg_catalog.=) " + value_wanted(layout, group, table.column_sets[group.column_set], name);
    }
    look_in_index(body, layout, changes, condition);
  }
}

void Claims::look_in_index(PushBody& body, const Layout& layout, Changes changes, const std::string& condition) {
  const std::string name = qualified_name(layout.relation);
  Spi spi;
  PushedRows rows(body, changes, true);
  rows.register_in(spi);
  spi.run("select p.change" + key_list(layout, "other") + " from pushed p left join " + name + " t on " +
          same_key_condition(layout, "t") + " join " + name + " other on " + condition + " and not (" +
          same_key_condition(layout, "other") + ")");
  CanonicalOutput canonical;
  for (std::uint64_t row = 0; row < spi.rows(); ++row) {
    bool is_null = false;
    const auto taker = static_cast<std::uint32_t>(call([&] { return DatumGetInt32(spi.datum(row, 0, &is_null)); }));
    const auto holder = body.change_of(layout.relation, key_in_row(spi, row, 1, layout));
    if (!holder) continue;
    takers_[*holder].push_back(taker);
    ++holders_[taker];
  }
}

std::vector<bool> Claims::all_behind(const std::vector<std::uint32_t>& changes,
                                     const std::vector<bool>& between) const {
  std::vector<bool> found(between.size(), false);
  std::vector<std::uint32_t> to_follow;
  const auto add = [&](std::uint32_t change) {
    if (found[change]) return;
    found[change] = true;
    to_follow.push_back(change);
  };
  for (const std::uint32_t change : changes) add(change);
  while (!to_follow.empty()) {
    const auto takers = takers_.find(to_follow.back());
    to_follow.pop_back();
    if (takers == takers_.end()) continue;
    for (const std::uint32_t taker : takers->second) {
      if (between[taker]) add(taker);
    }
  }
  return found;
}

void Claims::put_holders_first(std::vector<Failed>& list) const {
  auto in_the_way = holders_;
  std::unordered_map<std::uint32_t, std::size_t> rank;
  std::vector<std::uint32_t> free;
  for (const Failed& failed : list) {
    if (!wants(failed.change)) free.push_back(failed.change);
  }
  while (!free.empty()) {
    const std::uint32_t change = free.back();
    free.pop_back();
    rank.emplace(change, rank.size());
    const auto takers = takers_.find(change);
    if (takers == takers_.end()) continue;
    for (const std::uint32_t taker : takers->second) {
      if (--in_the_way[taker] == 0) free.push_back(taker);
    }
  }
  const auto place = [&](const Failed& failed) {
    const auto found = rank.find(failed.change);
    return found == rank.end() ? std::numeric_limits<std::size_t>::max() : found->second;
  };
  std::stable_sort(list.begin(), list.end(), [&](const Failed& a, const Failed& b) { return place(a) < place(b); });
}

}  // namespace tidemark::pg
