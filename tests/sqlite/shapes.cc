#include "tests/sqlite/shapes.h"

#include "tests/sqlite/oracle.h"

namespace tidemark::test {
namespace {

using Values = std::vector<std::string>;

// Keys: kRows different ones of each type.
const Values kTextKeys = {"'a'", "'b'", "''", "'it''s'", "'ä'", "'A '", "'価格'", "'1'", "char(120, 0, 121)"};
const Values kIntegerKeys = {"1", "2", "-1", "0", "9223372036854775807", "-9223372036854775807", "9007199254740993",
                             "7", "8"};
const Values kRealKeys = {"1.0", "2.5", "-1.0", "0.0", "1e300", "-1e300", "5e-324", "0.5", "-2.25"};
const Values kBlobKeys = {"x'00'", "x''",   "x'61'", "x'ff'", "x'00ff'", "x'0102030405060708090a0b0c0d0e0f10'",
                          "x'62'", "x'31'", "x'32'"};
const Values kMixedKeys = {"1", "'1'", "x'31'", "2.5", "'a'", "x'61'", "''", "x''", "-3"};
// Different under NOCASE and RTRIM too.
const Values kPlainKeys = {"'a'", "'B'", "'c'", "'D'", "'e'", "'F'", "'g'", "'H'", "'i'"};

// Values: all that a column of that affinity can hold.
const Values kTexts = {"'a'", "'A'",   "''", "NULL", "'a '", "'ä 価格 🧾'", "char(97, 0, 98)",
                       "'1'", "x'61'", "1.0"};
const Values kIntegers = {
    "0",   "1",   "NULL",  "-1",   "9223372036854775807", "-9223372036854775808", "9007199254740993",
    "1.5", "'x'", "x'31'", "1e300"};
const Values kReals = {
    "0.0", "1.0", "NULL", "-0.0", "0.5", "1e300", "5e-324", "9e999", "-9e999", "'NaN'", "9007199254740993", "x'00'"};
const Values kAnything = {"1",
                          "1.0",
                          "'1'",
                          "x'31'",
                          "NULL",
                          "''",
                          "x''",
                          "0",
                          "0.0",
                          "'a'",
                          "'A'",
                          "9e999",
                          "9007199254740993",
                          "9007199254740992.0"};
const Values kBlobs = {"x'00'", "x''", "NULL", "x'ff00'", "'text'", "zeroblob(300)", "1", "1.0"};
const Values kNumerics = {"'12.50'", "12", "NULL", "'x'", "1.5", "x'31'", "-1", "1e300"};
// Nine different ones, for UNIQUE.
const Values kCodes = {"'c0'", "'c1'", "'c2'", "'c3'", "'c4'", "NULL", "'c6'", "'c7'", "'c8'"};
const Values kNumbers = {"10", "11", "12", "13", "14", "15", "16", "17", "18"};

Column key(const std::string& name, const std::string& declaration, const Values& values) {
  return {name, declaration, values, true};
}

std::vector<Column> with_values(std::vector<Column> keys) {
  keys.push_back({"a", "text", kTexts});
  keys.push_back({"b", "integer", kIntegers});
  keys.push_back({"c", "real", kReals});
  keys.push_back({"d", "", kAnything});
  return keys;
}

Shape plain(const std::string& name, std::vector<Column> keys, const std::string& options = "",
            bool keys_given = false) {
  Shape shape;
  shape.name = name;
  shape.table = "t";
  for (const Column& column : keys)
    shape.constraints += (shape.constraints.empty() ? ", primary key (" : ", ") + quoted(column.name);
  shape.constraints += ")";
  shape.columns = with_values(std::move(keys));
  shape.options = options;
  shape.keys_given = keys_given;
  return shape;
}

Shape wide(std::size_t columns) {
  Shape shape = plain(std::to_string(columns) + "_columns", {key("id", "text", kTextKeys)});
  while (shape.columns.size() < columns) {
    const std::string name = "v" + std::to_string(shape.columns.size());
    shape.columns.push_back(shape.columns.size() % 2 ? Column{name, "integer", kIntegers}
                                                     : Column{name, "text", kTexts});
  }
  return shape;
}

Shape with_unique(const std::string& name, const std::string& constraints, const Values& indexes,
                  std::vector<std::vector<std::string>> unique) {
  Shape shape = plain(name, {key("id", "text not null", kTextKeys)});
  shape.columns.push_back({"code", "text", kCodes});
  shape.columns.push_back({"n", "integer", kNumbers});
  shape.constraints += constraints;
  shape.indexes = indexes;
  shape.unique = std::move(unique);
  return shape;
}

Shape named(const std::string& name, const std::string& table, const Values& names) {
  Shape shape;
  shape.name = name;
  shape.table = table;
  shape.columns.push_back(key(names[0], "text", kTextKeys));
  for (std::size_t i = 1; i < names.size(); ++i) {
    const bool last = i + 1 == names.size();
    shape.columns.push_back({names[i],
                             last    ? "text"
                             : i % 2 ? "integer"
                                     : "",
                             last    ? kCodes
                             : i % 2 ? kIntegers
                                     : kAnything});
  }
  shape.constraints = ", primary key (" + quoted(names[0]) + "), unique (" + quoted(names.back()) + ")";
  shape.unique = {{names.back()}};
  return shape;
}

std::vector<Shape> keys_of_every_type() {
  return {
      plain("text_key", {key("id", "text", kTextKeys)}),
      plain("text_key_not_null", {key("id", "text not null", kTextKeys)}),
      plain("varchar_key", {key("id", "varchar(36) not null", kTextKeys)}),
      plain("integer_key_given", {key("id", "integer", kIntegerKeys)}, "", true),
      plain("int_key", {key("id", "int", kIntegerKeys)}),
      plain("real_key", {key("id", "real", kRealKeys)}),
      plain("blob_key", {key("id", "blob", kBlobKeys)}),
      plain("numeric_key", {key("id", "numeric", kMixedKeys)}),
      plain("key_without_a_type", {key("id", "", kMixedKeys)}),
      plain("nocase_key", {key("id", "text collate nocase not null", kPlainKeys)}),
      plain("rtrim_key", {key("id", "text collate rtrim not null", kPlainKeys)}),
      plain("composite_key", {key("x", "text not null", kTextKeys), key("y", "integer not null", kIntegerKeys)}),
      plain("composite_key_of_three_types",
            {key("x", "blob", kBlobKeys), key("y", "real", kRealKeys), key("z", "", kMixedKeys)}),
      plain("composite_nocase_key", {key("x", "text collate nocase", kPlainKeys), key("y", "integer", kIntegerKeys)}),
      plain("without_rowid", {key("id", "text", kTextKeys)}, "without rowid"),
      plain("without_rowid_integer", {key("id", "integer", kIntegerKeys)}, "without rowid"),
      plain("without_rowid_composite", {key("x", "text", kTextKeys), key("y", "blob", kBlobKeys)}, "without rowid"),
  };
}

std::vector<Shape> kinds_of_column() {
  Shape autoincrement =
      plain("autoincrement_given", {key("id", "integer primary key autoincrement", kIntegerKeys)}, "", true);
  autoincrement.constraints = "";

  Shape reversed = plain("composite_key_in_another_order",
                         {key("x", "text not null", kTextKeys), key("y", "integer not null", kIntegerKeys)});
  reversed.constraints = ", primary key (y, x)";

  Shape strict;
  strict.name = "strict";
  strict.table = "t";
  strict.columns = {key("id", "text", kTextKeys),
                    {"a", "text", {"'a'", "'A'", "NULL", "''", "1"}},
                    {"b", "int", {"0", "1", "NULL", "-1", "1.0", "9223372036854775807", "-9223372036854775808"}},
                    {"c", "real", {"0.0", "1", "NULL", "-0.0", "0.5", "9e999"}},
                    {"d", "blob", {"x'00'", "x''", "NULL"}}};
  strict.constraints = ", primary key (id)";
  strict.options = "strict";

  Shape any = strict;
  any.name = "strict_any";
  any.columns.push_back({"e", "any", kAnything});

  Shape generated = plain("generated_columns", {key("id", "text", kTextKeys)});
  generated.columns.insert(generated.columns.begin() + 1,
                           {"upper_id", "text generated always as (upper(id)) virtual", {}});
  generated.columns.push_back({"both", "text as (a || b) stored", {}});
  generated.columns.push_back({"e", "text", kTexts});

  Shape collated = plain("nocase_and_rtrim_columns", {key("id", "text", kTextKeys)});
  collated.columns.push_back({"e", "text collate nocase", {"'a'", "'A'", "NULL", "''", "'a '"}});
  collated.columns.push_back({"f", "collate rtrim", kAnything});

  Shape defaults = plain("defaults", {key("id", "text", kTextKeys)});
  defaults.columns.push_back({"e", "text not null default 'none'", {"'x'", "''", "'none'"}});
  defaults.columns.push_back({"f", "real default (1.0 / 3)", kReals});
  defaults.columns.push_back({"g", "text default current_timestamp", kTexts});

  Shape check = plain("check", {key("id", "text", kTextKeys)});
  check.columns.push_back({"e", "integer check (e is null or e < 5)", {"1", "2", "NULL", "7"}});
  check.constraints += ", check (length(a) < 40)";

  Shape more_types = plain("blobs_and_numerics", {key("id", "text", kTextKeys)});
  more_types.columns.push_back({"e", "blob", kBlobs});
  more_types.columns.push_back({"f", "numeric(10, 2)", kNumerics});
  more_types.columns.push_back({"g", "boolean", kIntegers});

  Shape only_key;
  only_key.name = "only_a_key";
  only_key.table = "t";
  only_key.columns = {key("id", "text", kTextKeys)};
  only_key.constraints = ", primary key (id)";
  Shape only_composite = only_key;
  only_composite.name = "only_a_composite_key";
  only_composite.columns = {key("x", "text not null", kTextKeys), key("y", "integer not null", kIntegerKeys)};
  only_composite.constraints = ", primary key (x, y)";
  Shape only_without_rowid = only_composite;
  only_without_rowid.name = "only_a_key_without_rowid";
  only_without_rowid.options = "without rowid";

  return {autoincrement, reversed, strict,     any,      generated,      collated,
          defaults,      check,    more_types, only_key, only_composite, only_without_rowid,
          wide(62),      wide(63), wide(70),   wide(200)};
}

std::vector<Shape> unique_sets() {
  Shape without_rowid = with_unique("unique_without_rowid", ", unique (code)", {}, {{"code"}});
  without_rowid.options = "without rowid";
  Shape integer_key = with_unique("unique_with_integer_key", ", unique (code)", {}, {{"code"}});
  integer_key.columns[0] = key("id", "integer", kIntegerKeys);
  integer_key.keys_given = true;
  Shape nocase = with_unique("unique_nocase_column", ", unique (code)", {}, {{"code"}});
  nocase.columns[5] = {"code", "text collate nocase", kCodes};
  return {
      with_unique("unique_column", ", unique (code)", {}, {{"code"}}),
      with_unique("unique_two_columns", ", unique (code, n)", {}, {{"code", "n"}}),
      with_unique("unique_several", ", unique (n, code)",
                  {"create unique index u1 on t(code)", "create unique index u2 on t(n desc)"},
                  {{"code"}, {"n"}, {"n", "code"}}),
      with_unique("unique_partial", "", {"create unique index u on t(code) where n > 11"}, {{"code"}}),
      with_unique("unique_overlaps_the_key", ", unique (id, n)", {"create unique index u on t(n)"}, {{"n"}}),
      without_rowid,
      integer_key,
      nocase,
  };
}

std::vector<Shape> odd_names() {
  return {
      named("quoted_names", "it's \"odd\", isn't it", {"select", "a b", "say \"hi\"", "it's", "naïve", "価格", ";--"}),
      named("keywords", "order", {"primary", "group", "index", "values", "from", "end"}),
      named("unicode_table", "商品 🧾", {"キー", "名前", "価格", "コード"}),
      named("names_of_the_rowid", "t", {"rowid", "oid", "_rowid_", "x"}),
      named("two_names_of_the_rowid", "t", {"oid", "rowid", "x", "y"}),
      named("names_of_a_log", "t", {"k0", "seq", "op", "at", "m0", "c0", "k1", "c1", "l"}),
      named("names_of_a_view", "tidemark",
            {"table_name", "key", "operation", "present", "last", "changed_at", "first", "state", "held"}),
      named("names_of_functions", "random", {"julianday", "printf", "typeof", "cast", "substr", "bytes"}),
      named("names_in_capitals", "T", {"ID", "A", "b", "CODE"}),
      named("a_table_named_l", "l", {"t", "p", "s", "number"}),
  };
}

}  // namespace

std::string Shape::create_sql() const {
  std::string sql = "create table " + quoted(table) + " (";
  for (std::size_t i = 0; i < columns.size(); ++i)
    sql += (i == 0 ? "" : ", ") + quoted(columns[i].name) + " " + columns[i].declaration;
  sql += constraints + ") " + options;
  for (const std::string& index : indexes) sql += "; " + index;
  return sql;
}

std::string Shape::track_sql() const {
  std::string name;
  for (const char character : table) name += character == '\'' ? "''" : std::string(1, character);
  return "select tidemark_track('" + name + "'" + (keys_given ? R"(, '{"keys":"given"}')" : "") + ")";
}

std::vector<Column> Shape::written() const {
  std::vector<Column> list;
  for (const Column& column : columns) {
    if (!column.values.empty()) list.push_back(column);
  }
  return list;
}

std::vector<std::string> Shape::row(std::size_t i) const {
  std::vector<std::string> literals;
  for (const Column& column : written()) literals.push_back(column.values[i % column.values.size()]);
  return literals;
}

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = [] {
    std::vector<Shape> list;
    for (const auto& part : {keys_of_every_type(), kinds_of_column(), unique_sets(), odd_names()})
      list.insert(list.end(), part.begin(), part.end());
    return list;
  }();
  return all;
}

}  // namespace tidemark::test
