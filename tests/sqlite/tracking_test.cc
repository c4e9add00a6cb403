// tidemark_track and tidemark_untrack: what they refuse, and that a refusal
// changes nothing.
#include <gtest/gtest.h>

#include "tests/sqlite/device.h"
#include "tests/sqlite/oracle.h"

namespace tidemark::test {
namespace {

// Everything in the database: the schema, and the rows of every table.
std::string content_of(const Database& db) {
  std::string text;
  for (const Cells& row : db.rows("select type, name, tbl_name, sql from sqlite_master order by 1, 2"))
    text += show(row) + "\n";
  for (const Cells& row : db.rows("select name from pragma_table_list where schema = 'main' and type in ('table', "
                                  "'shadow') and name not like 'sqlite_schema' order by 1")) {
    text += row[0].bytes + ":\n";
    for (const Cells& content : db.rows("select * from " + quoted(row[0].bytes))) text += "  " + show(content) + "\n";
  }
  return text;
}

struct Refused {
  const char* name;
  std::string setup;
  std::string table;
  const char* message;
  const char* hint;
};

const Refused kRefused[] = {
    {"no such table", "", "nothing", "there is no table \"nothing\"", "tidemark_connect()"},
    {"a table of an attached database", "attach ':memory:' as other; create table other.o(id text primary key)", "o",
     "there is no table \"o\"", ""},
    {"a temporary table", "create temp table o(id text primary key)", "o", "there is no table \"o\"", ""},
    {"a view", "create table x(id text primary key); create view v as select * from x", "v", "is a view",
     "Track the tables"},
    {"a virtual table", "create virtual table f using fts5(body)", "f", "is a virtual table", "ordinary table"},
    {"a part of a virtual table", "create virtual table f using fts5(body)", "f_data", "belongs to a virtual table",
     "ordinary table"},
    {"no primary key", "create table t(id text, n integer); insert into t values ('a', 1)", "t", "has no primary key",
     "tidemark_uuid()"},
    {"a unique column is no primary key", "create table t(id text unique not null)", "t", "has no primary key",
     "tidemark_uuid()"},
    {"INTEGER PRIMARY KEY", "create table t(id integer primary key, n); insert into t values (1, 1)", "t",
     "counts up on each device", "\"keys\":\"given\""},
    {"INTEGER PRIMARY KEY as a constraint", "create table t(n, id integer, primary key (id))", "t",
     "counts up on each device", "tidemark_uuid()"},
    {"AUTOINCREMENT", "create table t(id integer primary key autoincrement)", "t", "counts up on each device",
     "tidemark_uuid()"},
    {"a UNIQUE index over an expression",
     "create table t(id text primary key, n); create unique index u on t(lower(n))", "t", "over an expression",
     "UNIQUE"},
    {"a UNIQUE index partly over an expression",
     "create table t(id text primary key, n); create unique index u on t(n, abs(n))", "t", "over an expression",
     "UNIQUE"},
    {"a column's name that no JSON can carry", "create table t(id text primary key, \"caf\xe9\" text)", "t",
     "a column whose name is not valid UTF-8", "Rename"},
    {"a reserved name", "create table tidemark_mine(id text primary key)", "tidemark_mine", "reserved", "another name"},
    {"a reserved name in capitals", "create table TideMark_mine(id text primary key)", "TIDEMARK_MINE", "reserved",
     "another name"},
    {"a table of SQLite's", "create table x(id integer primary key autoincrement)", "sqlite_sequence", "reserved",
     "another name"},
    {"the schema itself", "", "sqlite_master", "reserved", "another name"},
    {"an empty name", "", "", "there is no table \"\"", ""},
};

TEST(Tracking, RefusesWithAHintAndChangesNothing) {
  for (const Refused& c : kRefused) {
    for (const bool tracked_another : {false, true}) {
      for (const bool in_transaction : {false, true}) {
        SCOPED_TRACE(c.name);
        const Database db;
        load_tidemark(db);
        db.run(c.setup);
        if (tracked_another) db.run("create table another(id text primary key); select tidemark_track('another')");
        if (in_transaction) db.run("begin");
        const std::string before = content_of(db);
        const std::string message = db.failure("select tidemark_track('" + c.table + "')");
        EXPECT_NE(message.find(c.message), std::string::npos) << message;
        EXPECT_NE(message.find(c.hint), std::string::npos) << message;
        EXPECT_NE(message.find(". Hint: "), std::string::npos) << message;
        EXPECT_EQ(sqlite3_errcode(db.handle()), SQLITE_ERROR) << message;
        EXPECT_EQ(content_of(db), before);
        EXPECT_EQ(sqlite3_get_autocommit(db.handle()), in_transaction ? 0 : 1);
      }
    }
  }
}

TEST(Tracking, FindsTheTableByAnySpellingOfItsName) {
  const Database db;
  load_tidemark(db);
  db.run("create table Product(id text primary key); select tidemark_track('PRODUCT')");
  EXPECT_EQ(db.text("select table_name from tidemark_tables"), "Product");
  db.run("select tidemark_track('product')");
  EXPECT_EQ(db.integer("select count(*) from tidemark_tables"), 1);
  EXPECT_EQ(db.integer("select tidemark_untrack('pRODUCT')"), 1);
}

TEST(Tracking, TwiceDoesNoHarm) {
  const Database db;
  load_tidemark(db);
  db.run(
      "create table t(id text primary key, n); insert into t values ('a', 1); select "
      "tidemark_track('t'); insert into t values ('b', 2)");
  const std::string before = content_of(db);
  db.run("select tidemark_track('t'); select tidemark_track('T')");
  EXPECT_EQ(content_of(db), before);
}

TEST(Tracking, RowsThatWereThereAreChangesOfTimeZero) {
  const Database db;
  load_tidemark(db);
  db.run(
      "create table t(x text, y integer, n, primary key (x, y)); insert into t values ('a', 1, 1), "
      "('b', 2, 2); select tidemark_track('t')");
  EXPECT_EQ(db.text("select group_concat(op || at || k0 || k1) from tidemark_log_1"), "10a1,10b2");
}

TEST(Tracking, UntrackingPutsTheDatabaseBack) {
  const Database db;
  load_tidemark(db);
  db.run("create table t(id text primary key, n unique); insert into t values ('a', 1)");
  const auto own = [&] {
    return db.rows(
        "select type, name, sql from sqlite_master where name not like 'tidemark%' and name not "
        "like 'sqlite_autoindex_tidemark%' order by 2");
  };
  const auto before = own();
  db.run(
      R"(select tidemark_track('t'); insert into t values ('b', 2); select tidemark_untrack('t', '{"discard":true}'))");
  EXPECT_EQ(own(), before);
  EXPECT_EQ(db.integer("select count(*) from sqlite_master where name like 'tidemark_log%' or type = 'trigger'"), 0);
  db.run("insert or replace into t values ('c', 1); delete from t where id = 'b'");
  EXPECT_EQ(db.text("select group_concat(id || n) from t"), "c1");
}

TEST(Tracking, UntrackingRefusesWhatWouldBeLost) {
  const Database db;
  load_tidemark(db);
  db.run("create table t(id text primary key, n); select tidemark_track('t')");
  EXPECT_EQ(db.integer("select tidemark_untrack('t')"), 1) << "nothing is pending";
  db.run("select tidemark_track('t'); insert into t values ('a', 1)");
  const std::string before = content_of(db);
  EXPECT_NE(db.failure("select tidemark_untrack('t')").find("has 1 pending change"), std::string::npos)
      << db.failure("select tidemark_untrack('t')");
  EXPECT_EQ(content_of(db), before);
  EXPECT_EQ(db.integer("select tidemark_untrack('nothing')"), 0);
}

TEST(Tracking, WorksInsideTheCallersTransactionAndGoesWithIt) {
  const Database db;
  load_tidemark(db);
  db.run("create table t(id text primary key, n); insert into t values ('a', 1)");
  const std::string before = content_of(db);
  db.run(
      "begin; insert into t values ('b', 2); select tidemark_track('t'); update t set n = 5; "
      "rollback");
  EXPECT_EQ(content_of(db), before);
  db.run("savepoint s; select tidemark_track('t'); insert into t values ('b', 2); release s");
  EXPECT_EQ(db.integer("select count(*) from tidemark_pending"), 2);
}

TEST(Tracking, ManyTablesInOneStatement) {
  const Database db;
  load_tidemark(db);
  for (int i = 0; i < 20; ++i) db.run("create table t" + std::to_string(i) + "(id text primary key, n)");
  const std::string message = db.failure(
      "select tidemark_track(name) from (select name from sqlite_master where type = 'table' and "
      "name like 't%' limit -1 offset 0)");
  if (message.empty()) {
    EXPECT_EQ(db.integer("select count(*) from tidemark_tables"), 20);
  } else {  // a schema that is being read may be locked: then nothing is half done
    EXPECT_EQ(sqlite3_get_autocommit(db.handle()), 1) << message;
  }
  db.run("select tidemark_track(column1) from (values ('t0'), ('t1'), ('t2'))");
  db.run("insert into t0 values ('a', 1); insert into t2 values ('b', 1)");
  EXPECT_GE(db.integer("select count(*) from tidemark_pending"), 2);
}

TEST(Tracking, InTheMiddleOfReadingTheTable) {
  const Database db;
  load_tidemark(db);
  db.run("create table t(id text primary key, n); insert into t values ('a', 1), ('b', 2)");
  EXPECT_EQ(db.failure("select id, tidemark_track('t') from t"), "");
  db.run("update t set n = 7");
  EXPECT_EQ(db.integer("select count(*) from tidemark_pending"), 2);
}

TEST(Tracking, OptionsSayThatKeysAreGiven) {
  for (const char* options : {"{\"keys\":\"given\"}", "{\"keys\":\"hub\"}"}) {
    const Database db;
    load_tidemark(db);
    db.run("create table t(id integer primary key autoincrement, n); select tidemark_track('t', '" +
           std::string(options) + "'); insert into t values (7, 1)");
    EXPECT_EQ(db.text("select key from tidemark_pending"), "[7]");
  }
}

TEST(Tracking, LeavesNamesOfTheApplicationAlone) {
  const Database db;
  load_tidemark(db);
  db.run(
      "create table t(id text primary key, n); create trigger tidemark_mine after insert on t "
      "begin select 1; end; create index tidemark_x_1 on t(n);"
      R"(select tidemark_track('t'); insert into t values ('a', 1); select tidemark_untrack('t', '{"discard":true}'))");
  EXPECT_EQ(db.integer("select count(*) from sqlite_master where name in ('tidemark_mine', 'tidemark_x_1')"), 2);
}

}  // namespace
}  // namespace tidemark::test
