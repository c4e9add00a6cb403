#include "pg_extension/push_statements.h"

#include <algorithm>

#include "common/quote.h"
#include "pg_extension/pushed_rows.h"
#include "pg_extension/table_name.h"

namespace tidemark::pg {
namespace {

bool contains(const std::vector<std::uint16_t>& places, std::uint16_t place) {
  return std::find(places.begin(), places.end(), place) != places.end();
}

}  // namespace

std::string insert_statement(const Layout& layout, const ColumnSet& set, Rows rows,
                             const std::vector<std::uint16_t>& later) {
  const auto& columns = set.places;
  std::string names;
  std::string values;
  std::string key;
  std::string updates;
  for (std::size_t i = 0; i < layout.key.size(); ++i) {
    key += (i == 0 ? "" : ", ") + quote_identifier(layout.key[i].name);
    values += (i == 0 ? "k" : ", k") + std::to_string(i + 1);
  }
  names = key;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& column = layout.columns[columns[i]];
    const std::string name = quote_identifier(column.name);
    names += ", " + name;
    values += contains(later, columns[i]) ? ", null" : ", v" + std::to_string(i + 1);
    if (column.always_identity) continue;
    updates += (updates.empty() ? "" : ", ") + name + " = excluded." + name;
  }
  std::string statement = "insert into " + qualified_name(layout.relation) + " (" + names +
                          ") overriding system value select " + values + " from pushed";
  if (rows == Rows::kNew) return statement;
  statement += " on conflict (" + key + ") do ";
  statement += updates.empty() ? "nothing" : "update set " + updates;
  return statement;
}

std::string update_statement(const Layout& layout, const ColumnSet& columns) {
  std::string updates;
  for (std::size_t i = 0; i < columns.places.size(); ++i) {
    const std::string name = quote_identifier(layout.columns[columns.places[i]].name);
    const bool adds = columns.adds_to(columns.places[i]);
    updates += (i == 0 ? "" : ", ") + name + " = ";
    if (adds) updates += "coalesce(t." + name + ", 0) operator(pg_catalog.+) ";
    updates += "p.v" + std::to_string(i + 1);
  }
  return "update " + qualified_name(layout.relation) + " t set " + updates + " from pushed p where " +
         same_key_condition(layout, "t");
}

std::string complete_statement(const Layout& layout, const ColumnSet& columns,
                               const std::vector<std::uint16_t>& later) {
  std::string updates;
  for (std::size_t i = 0; i < columns.places.size(); ++i) {
    if (!contains(later, columns.places[i])) continue;
    updates += (updates.empty() ? "" : ", ") + quote_identifier(layout.columns[columns.places[i]].name) + " = p.v" +
               std::to_string(i + 1);
  }
  return "update " + qualified_name(layout.relation) + " t set " + updates + " from pushed p where " +
         same_key_condition(layout, "t");
}

std::string delete_statement(const Layout& layout) {
  return "delete from " + qualified_name(layout.relation) + " t using pushed p where " +
         same_key_condition(layout, "t");
}

}  // namespace tidemark::pg
