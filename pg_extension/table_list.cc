#include "pg_extension/table_list.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "common/json_text.h"
#include "pg_extension/hub.h"
#include "pg_extension/layout.h"
#include "pg_extension/parents_first.h"
#include "pg_extension/table_default.h"

namespace tidemark::pg {
namespace {

struct Reference {
  std::vector<std::string> columns;
  Oid parent = InvalidOid;
  std::vector<std::string> to;
};

// Foreign keys of tracked tables to tracked tables, one row for each column.
constexpr char kReferences[] = R"sql(
select c.conrelid::oid, c.confrelid::oid, c.oid, f.attname, t.attname
from pg_catalog.pg_constraint c
join tidemark._table child on child.relid = c.conrelid
join tidemark._table parent on parent.relid = c.confrelid
cross join lateral unnest(c.conkey, c.confkey) with ordinality as k (from_number, to_number, place)
join pg_catalog.pg_attribute f on f.attrelid = c.conrelid and f.attnum = k.from_number
join pg_catalog.pg_attribute t on t.attrelid = c.confrelid and t.attnum = k.to_number
where c.contype = 'f' and c.conparentid = 0
order by c.conrelid, c.conname, k.place)sql";

// Unique keys that a device can hold to as well, one row for each column.
constexpr char kUniques[] = R"sql(
select i.indrelid::oid, i.indexrelid::oid, a.attname
from pg_catalog.pg_index i
join tidemark._table t on t.relid = i.indrelid
join pg_catalog.pg_class c on c.oid = i.indexrelid
cross join lateral unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality as k (number, place)
join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
where i.indisunique and not i.indisprimary and i.indimmediate and i.indisvalid and not i.indnullsnotdistinct
  and i.indpred is null and i.indexprs is null
  and not exists (select from pg_catalog.pg_attribute g
                  where g.attrelid = i.indrelid and g.attnum = any (i.indkey[0:i.indnkeyatts - 1]) and g.attgenerated <> '')
  and not exists (select from pg_catalog.unnest(i.indcollation) l (oid)
                  join pg_catalog.pg_collation using (oid) where not collisdeterministic)
order by i.indrelid, c.relname, k.place)sql";

// What was declared with tidemark.policy; '' stands for all other columns.
constexpr char kPolicies[] = R"sql(
select t.relid::oid, p.column_name, p.policy
from tidemark._policy p
join tidemark._table t on t.id = p.table_id
where t.relid is not null
union all
select t.relid::oid, null, t.deletes from tidemark._table t
where t.relid is not null and t.deletes <> 'delete_wins')sql";

void append_names(std::string& out, const std::vector<std::string>& names) {
  out += '[';
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, names[i]);
  }
  out += ']';
}

class Description {
 public:
  explicit Description(Spi& spi) {
    spi.run("select relid::oid from tidemark._table where relid is not null order by name", {}, Access::kReads);
    std::vector<Oid> relations;
    for (std::uint64_t i = 0; i < spi.rows(); ++i) relations.push_back(spi.oid(i, 0));
    for (const Oid relation : relations) {
      if (auto layout = layout_of(relation)) layouts_.push_back(std::move(layout));
    }
    read_references(spi);
    read_uniques(spi);
    read_policies(spi);
  }

  std::string json() const {
    std::map<Oid, LayoutPtr> by_relation;
    std::vector<Oid> relations;
    std::multimap<Oid, Oid> parents;
    for (const LayoutPtr& layout : layouts_) {
      by_relation.emplace(layout->relation, layout);
      relations.push_back(layout->relation);
    }
    for (const auto& [child, references] : references_) {
      for (const Reference& reference : references) parents.emplace(child, reference.parent);
    }
    std::string out = "[";
    for (const Oid relation : parents_first(relations, parents)) {
      if (out.size() > 1) out += ',';
      append_table(out, *by_relation.at(relation), by_relation);
    }
    return out + "]";
  }

 private:
  void read_references(Spi& spi) {
    spi.run(kReferences, {}, Access::kReads);
    Oid constraint = InvalidOid;
    for (std::uint64_t i = 0; i < spi.rows(); ++i) {
      auto& list = references_[spi.oid(i, 0)];
      if (spi.oid(i, 2) != constraint) list.push_back({{}, spi.oid(i, 1), {}});
      constraint = spi.oid(i, 2);
      list.back().columns.push_back(spi.text(i, 3).value_or(""));
      list.back().to.push_back(spi.text(i, 4).value_or(""));
    }
  }

  void read_uniques(Spi& spi) {
    spi.run(kUniques, {}, Access::kReads);
    Oid index = InvalidOid;
    for (std::uint64_t i = 0; i < spi.rows(); ++i) {
      auto& list = uniques_[spi.oid(i, 0)];
      if (spi.oid(i, 1) != index) list.emplace_back();
      index = spi.oid(i, 1);
      list.back().push_back(spi.text(i, 2).value_or(""));
    }
  }

  void read_policies(Spi& spi) {
    spi.run(kPolicies, {}, Access::kReads);
    for (std::uint64_t i = 0; i < spi.rows(); ++i) {
      const auto column = spi.text(i, 1);
      if (column) {
        policies_[{spi.oid(i, 0), *column}] = spi.text(i, 2).value_or("");
      } else {
        deletes_[spi.oid(i, 0)] = spi.text(i, 2).value_or("");
      }
    }
  }

  // What was declared for a column itself, or, without a name, for those that have none of
  // their own; empty if nothing was.
  std::string policy_of(Oid relation, const std::string& column) const {
    const auto found = policies_.find({relation, column});
    return found == policies_.end() ? "" : found->second;
  }

  void append_table(std::string& out, const Layout& layout, const std::map<Oid, LayoutPtr>& tracked) const {
    out += R"({"table":)";
    append_json_string(out, layout.table.name);
    out += R"(,"keys":)";
    append_json_string(out, layout.table.keys);
    if (const auto found = deletes_.find(layout.relation); found != deletes_.end()) {
      out += R"(,"deletes":)";
      append_json_string(out, found->second);
    }
    if (const std::string policy = policy_of(layout.relation, ""); !policy.empty()) {
      out += R"(,"policy":)";
      append_json_string(out, policy);
    }
    out += R"(,"key":)";
    append_columns_of(out, layout, layout.key, false);
    out += R"(,"columns":)";
    append_columns_of(out, layout, layout.columns, true);
    out += R"(,"unique":[)";
    if (const auto found = uniques_.find(layout.relation); found != uniques_.end()) {
      for (const auto& names : found->second) {
        if (out.back() == ']') out += ',';
        append_names(out, names);
      }
    }
    out += R"(],"references":[)";
    if (const auto found = references_.find(layout.relation); found != references_.end()) {
      for (const Reference& reference : found->second) {
        if (out.back() == '}') out += ',';
        out += R"({"columns":)";
        append_names(out, reference.columns);
        out += R"(,"table":)";
        append_json_string(out, tracked.at(reference.parent)->table.name);
        out += R"(,"to":)";
        append_names(out, reference.to);
        out += '}';
      }
    }
    out += "]}";
  }

  void append_columns_of(std::string& out, const Layout& layout, const std::vector<Column>& columns,
                         bool with_policies) const {
    out += '[';
    for (const Column& column : columns) {
      if (out.back() == ']') out += ',';
      out += '[';
      append_json_string(out, column.name);
      out += ',';
      append_json_string(out, name_of(column.kind));
      std::string members = column.not_null ? R"("not_null":true)" : "";
      const std::string by_default = describe_default(layout.relation, column);
      if (!members.empty() && !by_default.empty()) members += ',';
      members += by_default;
      const std::string policy = with_policies ? policy_of(layout.relation, column.name) : "";
      if (!policy.empty()) {
        members += members.empty() ? R"("policy":)" : R"(,"policy":)";
        append_json_string(members, policy);
      }
      if (!members.empty()) out += ",{" + members + "}";
      out += ']';
    }
    out += ']';
  }

  std::vector<LayoutPtr> layouts_;
  std::map<Oid, std::vector<Reference>> references_;
  std::map<Oid, std::vector<std::vector<std::string>>> uniques_;
  std::map<std::pair<Oid, std::string>, std::string> policies_;
  std::map<Oid, std::string> deletes_;
};

}  // namespace

std::string describe_tables(Spi& spi) { return Description(spi).json(); }

TIDEMARK_SQL_FUNCTION(tidemark_table_list) {
  const std::string token = text_argument(fcinfo, 0);
  std::string answer;
  {
    Spi spi;
    authenticate(spi, token, "read");
    const HubState hub = hub_state(spi);
    answer = answer_opening(spi, hub) + R"(,"head":)" + std::to_string(hub.head) + R"(,"tables":)" +
             schema(spi).tables + "}";
  }
  return text_datum(answer);
}

TIDEMARK_SQL_FUNCTION(tidemark_schema) {
  std::string hash;
  {
    Spi spi;
    hash = schema(spi).hash;
  }
  return text_datum(hash);
}

}  // namespace tidemark::pg
