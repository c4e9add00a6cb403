// The hub's tables as SQLite tables, and which declared type can hold what.
#include "common/table.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/quote.h"
#include "tests/sqlite/database.h"

namespace tidemark {
namespace {

using nlohmann::json;
using test::Cell;
using test::Database;

// https://www.sqlite.org/datatype3.html, section 3.1.1, and what else the rules say.
TEST(Affinity, IsWhatSqlitesDocumentationSays) {
  const std::pair<const char*, Affinity> cases[] = {
      {"INT", Affinity::kInteger},
      {"INTEGER", Affinity::kInteger},
      {"TINYINT", Affinity::kInteger},
      {"SMALLINT", Affinity::kInteger},
      {"MEDIUMINT", Affinity::kInteger},
      {"BIGINT", Affinity::kInteger},
      {"UNSIGNED BIG INT", Affinity::kInteger},
      {"INT2", Affinity::kInteger},
      {"INT8", Affinity::kInteger},
      {"CHARACTER(20)", Affinity::kText},
      {"VARCHAR(255)", Affinity::kText},
      {"VARYING CHARACTER(255)", Affinity::kText},
      {"NCHAR(55)", Affinity::kText},
      {"NATIVE CHARACTER(70)", Affinity::kText},
      {"NVARCHAR(100)", Affinity::kText},
      {"TEXT", Affinity::kText},
      {"CLOB", Affinity::kText},
      {"BLOB", Affinity::kBlob},
      {"", Affinity::kBlob},
      {"REAL", Affinity::kReal},
      {"DOUBLE", Affinity::kReal},
      {"DOUBLE PRECISION", Affinity::kReal},
      {"FLOAT", Affinity::kReal},
      {"NUMERIC", Affinity::kNumeric},
      {"DECIMAL(10,5)", Affinity::kNumeric},
      {"BOOLEAN", Affinity::kNumeric},
      {"DATE", Affinity::kNumeric},
      {"DATETIME", Affinity::kNumeric},
      {"FLOATING POINT", Affinity::kInteger},  // "POINT" has an INT in it
      {"CHARINT", Affinity::kInteger},         // the order of the rules
      {"STRING", Affinity::kNumeric},
      {"integer", Affinity::kInteger},
      {"text", Affinity::kText},
      {"Blob", Affinity::kBlob},
      {"UUID", Affinity::kNumeric},
  };
  for (const auto& [type, affinity] : cases) EXPECT_EQ(affinity_of(type), affinity) << type;
}

TEST(Affinity, IsWhatSqliteDoesWithTheSameType) {
  // What becomes of '1', 1 and 1.5 tells the affinities apart.
  const auto behaviour = [](const std::string& type) {
    const Database db;
    db.run("create table t (c " + type + "); insert into t values ('1'), (1), (1.5), (1.0)");
    return db.text("select group_concat(typeof(c)) from t");
  };
  const std::pair<Affinity, std::string> models[] = {
      {Affinity::kInteger, "INT"}, {Affinity::kText, "TEXT"},   {Affinity::kBlob, "BLOB"},
      {Affinity::kReal, "REAL"},   {Affinity::kNumeric, "INT"},  // these two store alike
  };
  for (const char* type : {"INT",
                           "FLOATING POINT",
                           "CHARINT",
                           "VARCHAR(5)",
                           "STRING",
                           "",
                           "BLOB",
                           "DOUBLE",
                           "FLOAT",
                           "uuid",
                           "timestamp with time zone",
                           "bytea",
                           "character varying(3)",
                           "datetime",
                           "any",
                           "CLOBBER",
                           "realm",
                           "mint",
                           "doubloon",
                           "blobtext"}) {
    for (const auto& [affinity, model] : models) {
      if (affinity_of(type) == affinity) {
        EXPECT_EQ(behaviour(type), behaviour(model)) << type;
      }
    }
  }
}

TEST(Names, CompareLikeSqlites) {
  EXPECT_TRUE(same_name("Name", "nAME"));
  EXPECT_TRUE(same_name("", ""));
  EXPECT_FALSE(same_name("a", "ab"));
  EXPECT_FALSE(same_name("É", "é"));  // SQLite folds ASCII only
  EXPECT_FALSE(same_name("[", "{"));
  EXPECT_FALSE(same_name("@", "`"));
}

// A table with the key column `id` of that kind, and the columns as JSON.
HubTable table_with(const std::string& key_kind, const std::string& columns = "") {
  return hub_table_from(R"({"table":"t","key":[["id",")" + key_kind + R"("]],"columns":[)" + columns + "]}");
}

// The JSON of column c with options.
std::string column_with(const std::string& kind, const json& options) {
  return json::array({"c", kind, options}).dump();
}

const char* const kHubTable = R"({
  "table": "stock", "keys": "given",
  "key": [["shop", "text"], ["product", "uuid", {"not_null": true}]],
  "columns": [["quantity", "integer", {"not_null": true, "default": 0}],
              ["counted_at", "timestamptz", {"default": {"now": true}}],
              ["note", "text", {"not_null": true, "generated_default": true}]],
  "unique": [["note"], ["quantity", "note"]],
  "references": [{"columns": ["product"], "table": "products", "to": ["id"]}]})";

TEST(LocalTable, ALoneNameAsADefaultIsText) {
  const struct {
    std::string written;
    std::string expression;
  } cases[] = {
      {"", ""},
      {"red", "'red'"},
      {"Größe_2", "'Größe_2'"},
      {"key", "'key'"},
      {R"("dark ""red""")", R"('dark "red"')"},
      {"[it's]", "'it''s'"},
      {"`true`", "'true'"},
      {"TRUE", "TRUE"},
      {"null", "null"},
      {"Current_Timestamp", "Current_Timestamp"},
      {"'red'", "'red'"},
      {"x'00'", "x'00'"},
      {"-1", "-1"},
      {"1e3", "1e3"},
      {"upper('x')", "upper('x')"},
  };
  for (const auto& c : cases) EXPECT_EQ(default_expression(c.written), c.expression) << c.written;
}

TEST(HubTable, IsReadFromItsDescription) {
  const HubTable table = hub_table_from(kHubTable);
  EXPECT_EQ(table.name, "stock");
  EXPECT_EQ(table.keys, "given");
  ASSERT_EQ(table.key.size(), 2U);
  EXPECT_EQ(table.key[1].kind, Kind::kUuid);
  ASSERT_EQ(table.columns.size(), 3U);
  EXPECT_TRUE(table.columns[0].not_null);
  EXPECT_EQ(table.columns[0].default_sql, "0");
  EXPECT_TRUE(table.columns[2].generated_default);
  EXPECT_FALSE(table.columns[2].has_default);
  EXPECT_EQ(table.unique.size(), 2U);
  EXPECT_EQ(table.references.at(0).to, std::vector<std::string>{"id"});
  EXPECT_EQ(table.find("QUANTITY"), &table.columns[0]);
  EXPECT_EQ(table.find("shop"), &table.key[0]);
  EXPECT_EQ(table.find("nothing"), nullptr);
}

TEST(HubTable, RefusesWhatIsNotADescription) {
  const char* const cases[] = {
      "7",
      "[]",
      "{}",
      "null",
      R"({"table":"t"})",
      R"({"table":1,"key":[],"columns":[]})",
      R"({"table":"t","key":[["id"]],"columns":[]})",
      R"({"table":"t","key":[["id","varchar"]],"columns":[]})",
      R"({"table":"t","key":[[1,"text"]],"columns":[]})",
      R"({"table":"t","key":["id"],"columns":[]})",
      R"({"table":"t","key":[["id","text",5]],"columns":[]})",
      R"({"table":"t","key":[["id","text",{"not_null":"yes"}]],"columns":[]})",
      R"({"table":"t","key":[["id","text"]],"columns":[],"unique":"id"})",
      R"({"table":"t","key":[["id","text"]],"columns":[],"unique":[[1]]})",
      R"({"table":"t","key":[["id","text"]],"columns":[],"references":[{}]})",
      R"({"table":"t","key":[["id","text"]],"columns":[],"keys":5})",
  };
  for (const char* text : cases) {
    try {
      hub_table_from(text);
      ADD_FAILURE() << "accepted: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kProtocol) << text;
    }
  }
}

TEST(CreateTable, WritesOneStatement) {
  const HubTable table = hub_table_from(kHubTable);
  EXPECT_EQ(
      create_table_sql(table, {"Products"}),
      R"(create table "stock" ("shop" TEXT not null, "product" TEXT not null, "quantity" INT not null default 0, )"
      R"("counted_at" TEXT default (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00'), "note" TEXT, )"
      R"(primary key ("shop", "product"), unique ("note"), unique ("quantity", "note"), )"
      R"(foreign key ("product") references "products" ("id")))");
  EXPECT_EQ(create_table_sql(table, {}).find("foreign key"), std::string::npos) << "no parent, no foreign key";
}

TEST(CreateTable, IsAcceptedBySqliteWithNamesThatNeedQuoting) {
  for (const char* name : {"order", "it's", "say \"hi\"", "a b", "価格", "rowid", "select"}) {
    const json names = json::array({name});
    json entry;
    entry["table"] = name;
    entry["key"] = json::array({json::array({"key " + std::string(name), "text"})});
    entry["columns"] = json::array({json::array({name, "numeric"})});
    entry["unique"] = json::array({names});
    entry["references"] = json::array();
    entry["references"].push_back(
        {{"columns", names}, {"table", name}, {"to", json::array({"key " + std::string(name)})}});
    const Database db;
    db.run(create_table_sql(hub_table_from(entry.dump()), {}));
    EXPECT_EQ(db.text("select name from sqlite_master where type = 'table'"), name);
    EXPECT_EQ(db.integer("select count(*) from pragma_foreign_key_list(" + quote_literal(name) + ")"), 1);
    EXPECT_EQ(db.integer("select count(*) from pragma_index_list(" + quote_literal(name) + ")"), 2);
  }
}

TEST(CreateTable, NoKeyCountsUpByItself) {
  for (const char* kind : {"smallint", "integer", "bigint"}) {
    const Database db;
    db.run(create_table_sql(table_with(kind), {}));
    EXPECT_EQ(db.attempt("insert into t values (null)"), SQLITE_CONSTRAINT_NOTNULL) << kind;
  }
}

TEST(CreateTable, ATextKeyMayBeLeftOut) {
  for (const char* kind : {"text", "uuid"}) {
    const Database db;
    db.run(create_table_sql(table_with(kind), {}));
    EXPECT_EQ(db.attempt("insert into t values (null)"), SQLITE_OK) << kind;
  }
}

TEST(CreateTable, DefaultsAreTheHubs) {
  struct Case {
    const char* kind;
    json value;
    const char* inserted;  // as SQL shows it
  };
  const Case cases[] = {
      {"integer", 5, "5"},
      {"integer", -5, "-5"},
      {"bigint", INT64_MIN, "-9223372036854775808"},
      {"bigint", INT64_MAX, "9223372036854775807"},
      {"double precision", 1.5, "1.5"},
      {"double precision", -0.25, "-0.25"},
      {"double precision", 1e300, "1e+300"},
      {"double precision", 5, "5.0"},
      {"double precision", {{"real", "inf"}}, "inf"},
      {"double precision", {{"real", "-inf"}}, "-inf"},
      {"double precision", {{"real", "nan"}}, "'NaN'"},
      {"boolean", true, "1"},
      {"boolean", false, "0"},
      {"text", "", "''"},
      {"text", "it's \"odd\"", "'it's \"odd\"'"},
      {"text", "現在", "'現在'"},
      {"numeric", "12.50", "'12.50'"},
      {"jsonb", "{\"a\": [1, 2]}", "'{\"a\": [1, 2]}'"},
      {"bytea", {{"blob", ""}}, "x''"},
      {"bytea", {{"blob", "AP8n"}}, "x'00ff27'"},
      {"text", nullptr, "NULL"},
  };
  for (const Case& c : cases) {
    const Database db;
    db.run(create_table_sql(table_with("text", column_with(c.kind, {{"default", c.value}})), {}));
    db.run("insert into t(id) values ('a')");
    EXPECT_EQ(test::show(db.rows("select c from t").at(0).at(0)), c.inserted) << c.kind << ' ' << c.value.dump();
  }
}

TEST(CreateTable, DefaultsOfTheTimeHaveTheCanonicalForm) {
  const std::pair<const char*, const char*> cases[] = {
      {"timestamptz", "____-__-__ __:__:__.___000+00"},
      {"timestamp", "____-__-__ __:__:__.___000"},
      {"date", "____-__-__"},
  };
  for (const auto& [kind, form] : cases) {
    const Database db;
    db.run(create_table_sql(table_with("text", column_with(kind, {{"default", {{"now", true}}}, {"not_null", true}})),
                            {}));
    db.run("insert into t(id) values ('a')");
    EXPECT_EQ(db.integer("select c like '" + std::string(form) + "' from t"), 1) << db.text("select c from t");
  }
}

TEST(CreateTable, ADefaultThatIsNotTheProtocolIsRefusedOrLeftOut) {
  for (const char* value :
       {"[1]", R"({"blob":5})", R"({"blob":"not base64"})", R"({"real":1})", "{}", R"({"now":"yes"})"}) {
    try {
      Database().run(create_table_sql(table_with("text", column_with("bytea", {{"default", json::parse(value)}})), {}));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kProtocol) << value;
    }
  }
}

// What the hub may send for a kind, as the device binds it.
std::vector<Cell> samples_of(Kind kind) {
  switch (form_of(kind)) {
    case Form::kIntegers:
      return {Cell::integer(0), Cell::integer(1), Cell::integer(-32768), Cell::integer(INT64_MAX),
              Cell::integer(9007199254740993)};
    case Form::kReals:
      return {Cell::real(1.0),    Cell::real(0.5),   Cell::real(1e300),
              Cell::real(5e-324), Cell::text("NaN"), Cell::real(std::numeric_limits<double>::infinity())};
    case Form::kBooleans: return {Cell::integer(0), Cell::integer(1)};
    case Form::kBlobs: return {Cell::blob(""), Cell::blob("12"), Cell::blob("\xFF")};
    case Form::kTexts: break;
  }
  switch (kind) {
    case Kind::kNumeric:
      return {Cell::text("12.50"), Cell::text("1"), Cell::text("NaN"), Cell::text("123456789012345678901234567890")};
    case Kind::kText:
      return {Cell::text("1"), Cell::text("1e3"), Cell::text(" 1 "), Cell::text("0x10"), Cell::text("")};
    case Kind::kUuid:
      return {Cell::text("00000000-0000-0000-0000-000000000000"), Cell::text("12345678-1234-7234-8234-1234567890ab")};
    case Kind::kDate:
      return {Cell::text("2024-02-29"), Cell::text("infinity"), Cell::text("-infinity"), Cell::text("0044-03-15 BC")};
    case Kind::kTime: return {Cell::text("23:59:59.999999"), Cell::text("00:00:00")};
    case Kind::kTimestamp: return {Cell::text("2024-02-29 12:00:00.000000"), Cell::text("infinity")};
    case Kind::kTimestamptz: return {Cell::text("2024-02-29 12:00:00.000000+00"), Cell::text("-infinity")};
    case Kind::kInterval:
      return {Cell::text("1 year 2 mons"), Cell::text("00:00:01"), Cell::text("-1 days"), Cell::text("P1Y2M"),
              Cell::text("PT0S")};
    case Kind::kJson:
    case Kind::kJsonb:
      return {Cell::text("1"), Cell::text("1.0"), Cell::text("{}"), Cell::text("1e3"), Cell::text("null")};
    case Kind::kEnum: return {Cell::text("open"), Cell::text("1")};
    case Kind::kArray: return {Cell::text("{}"), Cell::text("{1,2}"), Cell::text("[0:1]={1,2}")};
    default: return {};
  }
}

TEST(CannotHold, IsSaidOfExactlyTheTypesThatChangeAValue) {
  const std::pair<const char*, Affinity> types[] = {{"INTEGER", Affinity::kInteger}, {"TEXT", Affinity::kText},
                                                    {"BLOB", Affinity::kBlob},       {"", Affinity::kBlob},
                                                    {"REAL", Affinity::kReal},       {"NUMERIC", Affinity::kNumeric}};
  for (const auto& [type, affinity] : types) {
    const Database db;
    db.run("create table t (c " + std::string(type) + ")");
    for (int number = 0; number <= static_cast<int>(Kind::kArray); ++number) {
      const auto kind = static_cast<Kind>(number);
      std::string changed;
      for (const Cell& sample : samples_of(kind)) {
        db.run("delete from t");
        db.rows("insert into t values (?1)", {sample});
        const Cell stored = db.rows("select c from t").at(0).at(0);
        if (stored != sample) changed = show(sample) + " becomes " + show(stored);
      }
      const LocalColumn column{"c", type, affinity, "", false, true};
      const auto refusal = cannot_hold(column, kind);
      EXPECT_EQ(refusal.has_value(), !changed.empty())
          << name_of(kind) << " in \"" << type << "\": " << changed << "; said: " << refusal.value_or("it can");
      if (refusal) {
        EXPECT_NE(refusal->find("declare it"), std::string::npos) << *refusal;
      }
    }
  }
}

TEST(LocalTable, FindsTheColumnsThatAreNotInTheKey) {
  LocalTable table;
  const auto column = [](const char* name) {
    LocalColumn made;
    made.name = name;
    return made;
  };
  table.key = {column("id")};
  table.columns = {column("a"), column("B")};
  EXPECT_EQ(table.place_of("A"), 0U);
  EXPECT_EQ(table.place_of("b"), 1U);
  EXPECT_EQ(table.place_of("id"), std::nullopt);
}

}  // namespace
}  // namespace tidemark
