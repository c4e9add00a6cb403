// Writes that reach rows by ways of their own: each is one that was overlooked
// once, or is easily overlooked.
#include <gtest/gtest.h>

#include "tests/sqlite/device.h"
#include "tests/sqlite/oracle.h"

namespace tidemark::test {
namespace {

struct Corner {
  const char* name;
  std::string table;                    // the statements that make it
  std::string rows;                     // what is there before
  std::vector<std::string> statements;  // may fail
  std::string tracked = "t";
  bool keys_given = false;
};

std::string quoted_text(const std::string& text) {
  std::string out = "'";
  for (const char character : text) out += character == '\'' ? "''" : std::string(1, character);
  return out + "'";
}

void expect_right(const Corner& corner) {
  for (const bool recursive : {false, true}) {
    SCOPED_TRACE(std::string(corner.name) + (recursive ? ", recursive triggers" : ""));
    const Database db;
    load_tidemark(db);
    db.run(corner.table);
    db.run("select tidemark_track(" + quoted_text(corner.tracked) +
           (corner.keys_given ? R"(, '{"keys":"given"}')" : "") + ")");
    db.run(corner.rows);
    db.run(std::string("pragma recursive_triggers = ") + (recursive ? "on" : "off"));
    const Tracked table = tracked(db, corner.tracked);
    forget_log(db, table);
    const Rows before = rows_of(db, table);
    for (const std::string& statement : corner.statements) db.attempt(statement);
    EXPECT_EQ(wrong(db, table, before), "");
  }
}

const char* const kRows = "insert into t values ('a', 1, 'x'), ('b', 2, 'y'), ('c', 3, 'z')";

TEST(Corners, ReplaceBringsARowIntoAPartialIndex) {
  expect_right({"by a column that is only in the index's condition",
                "create table t(id text primary key, n integer, s text); create unique index u on t(s) where n > 5",
                "insert into t values ('a', 1, 'x'), ('b', 9, 'x')",
                {"update or replace t set n = 7 where id = 'a'"}});
}

TEST(Corners, ReplaceThroughTheRowid) {
  const std::string table = "create table t(id text primary key, n integer, s text)";
  expect_right({"insert or replace with the rowid of another row",
                table,
                kRows,
                {"insert or replace into t(rowid, id, n) values (2, 'd', 9)"}});
  expect_right(
      {"by its other names",
       table,
       kRows,
       {"insert or replace into t(oid, id, n) values (2, 'd', 9)", "replace into t(_rowid_, id) values (3, 'a')"}});
  expect_right({"update or replace of the rowid", table, kRows, {"update or replace t set rowid = 2 where id = 'a'"}});
  expect_right({"update of the rowid alone",
                table,
                kRows,
                {"update t set rowid = 77 where id = 'a'", "update t set rowid = rowid + 100"}});
  expect_right({"rowid and a taken key", table, kRows, {"insert or replace into t(rowid, id, n) values (2, 'a', 9)"}});
}

TEST(Corners, ReplaceOfARowidAlias) {
  const std::string table = "create table t(id integer primary key, n integer unique, s text)";
  const std::string rows = "insert into t values (1, 10, 'x'), (2, 20, 'y'), (3, 30, 'z')";
  expect_right(
      {"set under the name rowid", table, rows, {"update or replace t set rowid = 2 where id = 1"}, "t", true});
  expect_right(
      {"inserted under the name oid", table, rows, {"insert or replace into t(oid, n) values (2, 30)"}, "t", true});
  expect_right({"drawn",
                table,
                rows,
                {"insert or replace into t(n) values (20)", "insert into t(id, n) values (null, 40)"},
                "t",
                true});
  expect_right(
      {"every key moved", table, rows, {"update t set id = id + 100", "update or replace t set id = 5"}, "t", true});
}

TEST(Corners, ReplaceThroughADefault) {
  const std::string table = "create table t(id text primary key, n integer not null default 1 unique, s text)";
  expect_right(
      {"NULL becomes the default, which is taken", table, kRows, {"insert or replace into t values ('d', null, 'w')"}});
  expect_right(
      {"update to NULL becomes the default", table, kRows, {"update or replace t set n = null where id = 'b'"}});
}

TEST(Corners, ReplaceThroughADefaultThatIsALoneName) {
  for (const std::string word : {"red", "\"s\"", "[id]", "`true`"}) {
    const std::string table = "create table t(id text primary key, n not null default " + word + " unique, s text)";
    SCOPED_TRACE(word);
    expect_right({"NULL becomes the text",
                  table,
                  std::string(kRows) + "; insert into t (id) values ('e')",
                  {"insert or replace into t values ('d', null, 'w')", "insert into t (id, n) values ('f', 9)",
                   "update or replace t set n = null where id = 'f'"}});
  }
}

TEST(Corners, ReplaceThroughAnIndexOfAnotherCollation) {
  const std::string table =
      "create table t(id text primary key, n integer, s text); create unique index u on t(s "
      "collate nocase)";
  expect_right({"insert", table, kRows, {"insert or replace into t values ('d', 9, 'X')"}});
  expect_right({"update", table, kRows, {"update or replace t set s = 'Y' where id = 'a'"}});
  expect_right({"rtrim",
                "create table t(id text primary key, n, s text); create unique index u on t(n, s "
                "collate rtrim)",
                kRows,
                {"replace into t values ('d', 1, 'x  ')"}});
}

TEST(Corners, ReplaceThroughAKeyOfAnotherCollation) {
  const std::string rows = "insert into t values ('a', 1), ('b', 2)";
  expect_right({"insert",
                "create table t(id text, n integer, primary key (id collate nocase))",
                rows,
                {"insert or replace into t values ('A', 9)"}});
  expect_right({"update",
                "create table t(id text, n integer, primary key (id collate nocase))",
                rows,
                {"update or replace t set id = 'B' where id = 'a'"}});
  expect_right({"without rowid",
                "create table t(id text, n integer, primary key (id collate nocase)) without rowid",
                rows,
                {"replace into t values ('A', 9)", "update t set id = 'a' where id = 'A'"}});
}

TEST(Corners, ReplaceThroughAGeneratedColumn) {
  const std::string virtually = "create table t(id text primary key, n integer, s text, g as (upper(s)) unique)";
  const std::string stored =
      "create table t(id text primary key, n integer, s text, g text as (upper(s)) stored); create "
      "unique index u on t(g)";
  for (const std::string& table : {virtually, stored}) {
    expect_right({"insert",
                  table,
                  "insert into t(id, n, s) values ('a', 1, 'x'), ('b', 2, 'y')",
                  {"insert or replace into t(id, n, s) values ('d', 9, 'X')"}});
    expect_right({"update of the column it is made from",
                  table,
                  "insert into t(id, n, s) values ('a', 1, 'x'), ('b', 2, 'y')",
                  {"update or replace t set s = 'Y' where id = 'a'"}});
  }
}

TEST(Corners, TablesNamedAsTheRowsOfATrigger) {
  for (const char* name : {"old", "new", "OLD", "New"}) {
    const std::string n = name;
    const Corner corner{
        name,
        "create table " + n + "(id text primary key, n integer unique)",
        "insert into " + n + " values ('a', 1), ('b', 2), ('c', 3)",
        {"update or replace " + n + " set n = 2 where id = 'a'", "insert or replace into " + n + " values ('d', 3)",
         "update " + n + " set id = 'e' where id = 'd'"},
        n};
    expect_right(corner);
  }
}

TEST(Corners, AnInsertLogsOnlyWhatItReplaces) {
  for (const char* name : {"new", "old", "t"}) {
    const std::string n = name;
    const Database db;
    load_tidemark(db);
    db.run("create table " + n + "(id text primary key, n integer); select tidemark_track('" + n + "')");
    for (int i = 0; i < 20; ++i) db.run("insert into " + n + " values ('k' || " + std::to_string(i) + ", 1)");
    EXPECT_EQ(db.integer("select count(*) from tidemark_log_1"), 20) << n;
  }
}

TEST(Corners, MinusZeroIsNotZero) {
  expect_right({"in a column without a type",
                "create table t(id text primary key, d)",
                "insert into t values ('a', 0.0), ('b', -0.0), ('c', 0)",
                {"update t set d = -0.0 where id = 'a'", "update t set d = 0.0 where id = 'b'",
                 "update t set d = -0.0 where id = 'c'"}});
  expect_right({"in a real column",
                "create table t(id text primary key, d real)",
                "insert into t values ('a', 0.0), ('b', -0.0)",
                {"update t set d = -0.0 where id = 'a'", "update t set d = 0.0 where id = 'b'"}});
  expect_right({"in a key without a type",
                "create table t(id primary key, d)",
                "insert into t values (0.0, 1)",
                {"update t set id = -0.0"}});
}

TEST(Corners, TheSmallestIntegerIsNotItsDouble) {
  expect_right({"integer column",
                "create table t(id text primary key, n integer)",
                "insert into t values ('a', -9223372036854775808)",
                {"update t set n = -9223372036854775808.0"}});
  expect_right({"numeric column",
                "create table t(id text primary key, n numeric)",
                "insert into t values ('a', -9223372036854775808)",
                {"update t set n = -9223372036854775808.0"}});
}

TEST(Corners, KeysThatAreEqualAndNotTheSame) {
  expect_right({"1 becomes 1.0",
                "create table t(id primary key, n)",
                "insert into t values (1, 1), ('a', 2)",
                {"update t set id = 1.0 where id = 1"}});
  expect_right({"1 is replaced by 1.0",
                "create table t(id primary key, n)",
                "insert into t values (1, 1), ('a', 2)",
                {"insert or replace into t values (1.0, 5)"}});
  expect_right({"upsert of 1.0 where 1 is",
                "create table t(id primary key, n)",
                "insert into t values (1, 1)",
                {"insert into t values (1.0, 5) on conflict do update set n = 6"}});
  expect_right({"a becomes A",
                "create table t(id text collate nocase primary key, n)",
                "insert into t values ('a', 1), ('b', 2)",
                {"update t set id = 'A' where id = 'a'"}});
  expect_right({"a is replaced by A",
                "create table t(id text collate nocase primary key, n)",
                "insert into t values ('a', 1), ('b', 2)",
                {"replace into t values ('A', 5)"}});
  expect_right({"a is deleted, A inserted",
                "create table t(id text collate nocase primary key, n)",
                "insert into t values ('a', 1)",
                {"delete from t", "insert into t values ('A', 1)"}});
}

TEST(Corners, ReplaceOfSeveralRowsAtOnce) {
  const std::string table = "create table t(id text primary key, n integer unique, s text unique, unique (s, n))";
  expect_right({"one row knocks out three", table, kRows, {"insert or replace into t values ('a', 2, 'z')"}});
  expect_right({"an update knocks out two", table, kRows, {"update or replace t set n = 2, s = 'z' where id = 'a'"}});
  expect_right({"an update of all rows leaves one", table, kRows, {"update or replace t set n = 7, s = 'w'"}});
  expect_right({"a row replaced twice in a statement",
                table,
                kRows,
                {"insert or replace into t values ('d', 1, 'q'), ('e', 1, 'r'), ('a', 1, 'q')"}});
}

TEST(Corners, ATemporaryTableOfTheSameName) {
  const Database db;
  load_tidemark(db);
  db.run(
      "create table t(id text primary key, n integer); create temp table t(id text primary key, n "
      "integer)");
  db.run("select tidemark_track('t')");
  EXPECT_EQ(db.integer("select count(*) from temp.sqlite_master where type = 'trigger'"), 0);
  forget_log(db, tracked(db, "t"));
  const Rows before = rows_of(db, tracked(db, "t"));
  db.run("insert into main.t values ('a', 1); insert into temp.t values ('b', 2)");
  EXPECT_EQ(wrong(db, tracked(db, "t"), before), "");
}

TEST(Corners, AnAttachedDatabase) {
  const Database db;
  load_tidemark(db);
  db.run(
      "create table t(id text primary key, n integer unique); attach ':memory:' as other; create "
      "table other.t(id text primary key, n integer)");
  db.run("select tidemark_track('t')");
  const Tracked table = tracked(db, "t");
  forget_log(db, table);
  const Rows before = rows_of(db, table);
  db.run(
      "insert into other.t values ('o', 1); insert into main.t select * from other.t; insert or "
      "replace into main.t values ('p', 1)");
  EXPECT_EQ(wrong(db, table, before), "");
}

TEST(Corners, ADatabaseInUtf16) {
  const Database db;
  db.run("pragma encoding = 'UTF-16le'");
  load_tidemark(db);
  db.run(
      "create table t(id text primary key, s text); select tidemark_track('t'); insert into t "
      "values ('ä', 'a'), ('価', '格')");
  const Tracked table = tracked(db, "t");
  forget_log(db, table);
  const Rows before = rows_of(db, table);
  db.run(
      "update t set s = '🧾'; update t set id = 'é' where id = 'ä'; insert into t values (null, "
      "'x')");
  EXPECT_EQ(wrong(db, table, before), "");
}

}  // namespace
}  // namespace tidemark::test
