#include "pg_extension/push_statements.h"

#include <set>

#include "common/quote.h"
#include "pg_extension/pushed_rows.h"
#include "pg_extension/spi.h"
#include "pg_extension/table_name.h"

namespace tidemark::pg {
namespace {

// The columns of the table's UNIQUE indexes but the key's, by name.
std::set<std::string> unique_columns(Oid relation) {
  Spi spi;
  spi.run(
      "select distinct a.attname from pg_catalog.pg_index i "
      "join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey) "
      "where i.indrelid = $1 and i.indisunique and not i.indisprimary",
      {oid_parameter(relation)});
  std::set<std::string> names;
  for (std::uint64_t i = 0; i < spi.rows(); ++i) names.insert(spi.text(i, 0).value_or(""));
  return names;
}

// A value of the column's type that no row has; empty where there is none to think of.
std::string passing_value(const Column& column) {
  if (!column.not_null) return "null";
  const std::string type = call([&] { return format_type_with_typemod(column.base, column.modifier); });
  switch (column.kind) {
    case Kind::kText:
    case Kind::kUuid: return "pg_catalog.gen_random_uuid()::pg_catalog.text::" + type;
    case Kind::kSmallint: return "(-32768 * pg_catalog.random())::" + type;
    case Kind::kInteger:
    case Kind::kBigint: return "(-2147483648 * pg_catalog.random())::" + type;
    case Kind::kReal:
    case Kind::kDouble: return "(-1e9 * pg_catalog.random())::" + type;
    default: return "";
  }
}

}  // namespace

std::string insert_statement(const Layout& layout, const ColumnSet& set, Rows rows) {
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
    values += ", v" + std::to_string(i + 1);
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

std::string delete_statement(const Layout& layout) {
  return "delete from " + qualified_name(layout.relation) + " t using pushed p where " +
         same_key_condition(layout, "t");
}

std::string let_go_statement(const Layout& layout, const ColumnSet& columns) {
  const std::set<std::string> unique = unique_columns(layout.relation);
  std::string updates;
  for (const std::uint16_t place : columns.places) {
    const Column& column = layout.columns[place];
    if (unique.count(column.name) == 0) continue;
    const std::string value = passing_value(column);
    if (value.empty()) return "";
    updates += (updates.empty() ? "" : ", ") + quote_identifier(column.name) + " = " + value;
  }
  if (updates.empty()) return "";
  return "update " + qualified_name(layout.relation) + " t set " + updates + " from pushed p where " +
         same_key_condition(layout, "t");
}

}  // namespace tidemark::pg
