// The views say what is pending, whoever asks.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/sqlite/device.h"
#include "tests/sqlite/oracle.h"

namespace tidemark::test {
namespace {

TEST(Views, ArePlainSqlForAConnectionWithoutTheExtension) {
  const Folder folder;
  {
    const Database db(folder.file("t.db"));
    load_tidemark(db);
    db.run(
        "create table t(id text primary key, n); insert into t values ('a', 1); select "
        "tidemark_track('t')");
  }
  const Database db(folder.file("t.db"));
  db.run("insert into t values ('b', 1)");
  EXPECT_EQ(db.text("select group_concat(key || operation || state) from tidemark_pending"),
            R"(["a"]insertpending,["b"]insertpending)");
  EXPECT_EQ(db.text("select table_name || state || pending || conflicts from tidemark_tables"), "tnew20");
  EXPECT_EQ(db.integer("select count(*) from tidemark_conflicts"), 0);
}

TEST(Views, WorkWhereTheSchemaIsNotTrusted) {
  const Database db;
  load_tidemark(db);
  db.run(
      "create table t(id text primary key, n); select tidemark_track('t'); insert into t values "
      "('a', 1)");
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  for (const char* sql : {"select * from tidemark_pending", "select * from tidemark_tables",
                          "select * from tidemark_conflicts", "select tidemark_status()", "select tidemark_track('t')",
                          R"(select tidemark_untrack('t', '{"discard":true}'))"}) {
    EXPECT_EQ(db.failure(sql), "") << sql;
  }
}

TEST(Views, ShowAnyKeyAsAJsonArray) {
  const std::pair<const char*, const char*> keys[] = {
      {"1", "[1]"},
      {"9223372036854775807", "[9223372036854775807]"},
      {"'a'", R"(["a"])"},
      {"''", R"([""])"},
      {"'say \"hi\"' || char(10)", R"(["say \"hi\"\n"])"},
      {"'価格'", R"(["価格"])"},
      {"x'00ff'", R"([{"hex":"00FF"}])"},
      {"x''", R"([{"hex":""}])"},
      {"1.5", "[1.5]"},
      {"0.1 + 0.2", "[0.30000000000000004]"},
      {"9007199254740994.0", "[9007199254740994.0]"},
      {"9e999", R"([{"real":"inf"}])"},
      {"-9e999", R"([{"real":"-inf"}])"},
  };
  for (const auto& [key, json] : keys) {
    const Database db;
    load_tidemark(db);
    db.run("create table t(id primary key, n); select tidemark_track('t'); insert into t values (" + std::string(key) +
           ", 1)");
    const auto shown = nlohmann::json::parse(db.text("select key from tidemark_pending"), nullptr, false);
    EXPECT_EQ(shown, nlohmann::json::parse(json))
        << key << " is shown as " << db.text("select key from tidemark_pending");
  }
}

TEST(Views, TellKeysApartThatAreEqual) {
  const Database db;
  load_tidemark(db);
  db.run(
      "create table t(id text collate nocase primary key, n); select tidemark_track('t'); insert "
      "into t values ('a', 1)");
  forget_log(db, tracked(db, "t"));
  db.run("replace into t values ('A', 2)");
  EXPECT_EQ(db.text("select group_concat(key || operation, ' ') from (select * from "
                    "tidemark_pending order by operation)"),
            R"(["A"]insert ["a"]update)");
}

TEST(Views, ListAChangedKeyAsADeleteAndAnInsert) {
  const Database db;
  load_tidemark(db);
  db.run("create table t(id text primary key, n); insert into t values ('a', 1), ('b', 1); select tidemark_track('t')");
  forget_log(db, tracked(db, "t"));
  const char* const listed =
      "select group_concat(key || operation, ' ') from (select * from tidemark_pending order by key)";
  db.run("update or ignore t set id = 'b' where id = 'a'");
  EXPECT_EQ(db.text(listed), R"(["a"]update ["b"]update)") << "what was left alone may be listed until the next push";
  forget_log(db, tracked(db, "t"));
  db.run("update t set id = 'c' where id = 'a'");
  EXPECT_EQ(db.text(listed), R"(["a"]delete ["c"]insert)");
  db.run("update t set id = 'd' where id = 'c'");
  EXPECT_EQ(db.text(listed), R"(["a"]delete ["d"]insert)");
  EXPECT_NE(db.failure("update or fail t set id = 'b' where id = 'd'"), "");
  EXPECT_EQ(db.text(listed), R"(["a"]delete ["b"]update ["d"]insert)") << "OR FAIL keeps what a trigger has written";
}

TEST(Views, CountEachTablesOwn) {
  const Database db;
  load_tidemark(db);
  db.run(
      "create table a(id text primary key); create table b(id text primary key); insert into a "
      "values ('1'), ('2');"
      "select tidemark_track('a'); select tidemark_track('b'); insert into b values ('3'); insert "
      "into b values ('4'); delete from b where id = '4'");
  EXPECT_EQ(db.text("select group_concat(table_name || pending) from (select * from "
                    "tidemark_tables order by 1)"),
            "a2,b1");
  db.run(R"(select tidemark_untrack('a', '{"discard":true}'))");
  EXPECT_EQ(db.text("select group_concat(table_name || pending) from tidemark_tables"), "b1");
}

TEST(Views, AreEmptyWhenNothingIsTracked) {
  const Database db;
  load_tidemark(db);
  db.run(
      R"(create table a(id text primary key); select tidemark_track('a'); select tidemark_untrack('a', '{"discard":true}'))");
  for (const char* view : {"tidemark_pending", "tidemark_tables", "tidemark_conflicts"}) {
    EXPECT_EQ(db.integer("select count(*) from " + std::string(view)), 0) << view;
  }
}

}  // namespace
}  // namespace tidemark::test
