// The application changes a tracked table's schema; the device notices at its
// next call.
#include <gtest/gtest.h>

#include "tests/sqlite/device.h"
#include "tests/sqlite/oracle.h"

namespace tidemark::test {
namespace {

// A call that looks at all tables before it finds that there is no hub.
void next_call(const Database& db) {
  db.attempt("select tidemark_sync()");
  db.run("select tidemark_status()");
}

// Inside a transaction that has written, the hub is not asked.
std::string track_unasked(const std::string& name) {
  return "begin immediate; select tidemark_track('" + name + "'); commit";
}

class Schema : public testing::Test {
 protected:
  Schema() : db_(folder_.file("t.db")) {
    load_tidemark(db_);
    db_.run(
        "create table t(id text primary key, n integer unique); insert into t values ('a', 1), "
        "('b', 2), ('c', 3); select tidemark_track('t')");
    forget_log(db_, tracked(db_, "t"));
    // A hub that does not answer: every call looks at the tables, then fails.
    db_.run(
        "insert or replace into tidemark_meta values ('url', 'http://127.0.0.1:1'), ('user', 'u'), "
        "('token', 'x'), ('device', 'd'), ('epoch', 'e'), ('cursor', '0')");
  }

  const Folder folder_;
  const Database db_;
};

TEST_F(Schema, AddedColumnsAreNoticedWithTheRowsWrittenMeanwhile) {
  db_.run("alter table t add column note text default 'none'; alter table t add column x");
  {
    const Database other(folder_.file("t.db"));
    other.run(
        "update t set note = 'new' where id = 'a'; insert into t values ('d', 4, 'mine', 5); "
        "delete from t where id = 'b'");
  }
  next_call(db_);
  const Tracked table = tracked(db_, "t");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"n", "note", "x"}));
  const Rows before = {{{Cell::text("a")}, {Cell::integer(1), Cell::text("none"), {}}},
                       {{Cell::text("b")}, {Cell::integer(2), Cell::text("none"), {}}},
                       {{Cell::text("c")}, {Cell::integer(3), Cell::text("none"), {}}}};
  EXPECT_EQ(wrong(db_, table, before), "");

  forget_log(db_, table);
  const Rows now = rows_of(db_, table);
  db_.run("update t set x = 6, note = null where id = 'a'; delete from t where id = 'd'");
  EXPECT_EQ(wrong(db_, table, now), "") << "the triggers know the new columns";
}

TEST_F(Schema, ManyAddedColumnsGetAnotherMask) {
  for (int i = 0; i < 70; ++i)
    db_.run("alter table t add column v" + std::to_string(i) + " integer default " + std::to_string(i));
  Rows before;
  db_.run("update t set v69 = 1000, v0 = 7");
  next_call(db_);
  const Tracked table = tracked(db_, "t");
  ASSERT_EQ(table.columns.size(), 71U);
  for (const auto& [key, row] : rows_of(db_, table)) {
    Cells old = row;
    old[1] = Cell::integer(0);
    old[70] = Cell::integer(69);
    before[key] = old;
  }
  EXPECT_EQ(wrong(db_, table, before), "");
  forget_log(db_, table);
  const Rows now = rows_of(db_, table);
  db_.run("update t set v61 = -1, v62 = null, v68 = 3 where id = 'b'");
  EXPECT_EQ(wrong(db_, table, now), "");
}

TEST_F(Schema, AddedUniqueIndexesAreNoticed) {
  db_.run("alter table t add column code text; create unique index later on t(code)");
  next_call(db_);
  const Tracked table = tracked(db_, "t");
  db_.run("update t set code = 'x' where id = 'a'");
  forget_log(db_, table);
  const Rows before = rows_of(db_, table);
  db_.run("insert or replace into t values ('d', 9, 'x')");
  EXPECT_EQ(wrong(db_, table, before), "");
}

TEST_F(Schema, AnIndexAloneIsNoticed) {
  db_.run("create unique index later on t(n, id)");
  db_.run("drop index later; create table u(id text primary key, s text)");
  db_.run(track_unasked("u") + "; create unique index later on u(s)");
  next_call(db_);
  const Tracked table = tracked(db_, "u");
  db_.run("insert into u values ('a', 'x')");
  forget_log(db_, table);
  const Rows before = rows_of(db_, table);
  db_.run("replace into u values ('b', 'x')");
  EXPECT_EQ(wrong(db_, table, before), "");
}

TEST_F(Schema, ADroppedTableEndsItsTrackingAndIsListed) {
  db_.run("insert into t values ('d', 4); drop table t");
  next_call(db_);
  EXPECT_EQ(db_.integer("select count(*) from tidemark_tables"), 0);
  EXPECT_EQ(db_.text("select kind || table_name from tidemark_conflicts"), "lostt");
  EXPECT_EQ(db_.integer("select count(*) from sqlite_master where name like 'tidemark_log%'"), 0);
}

TEST_F(Schema, ADroppedTableWithNothingPendingIsForgottenQuietly) {
  db_.run("drop table t");
  next_call(db_);
  EXPECT_EQ(db_.integer("select count(*) from tidemark_conflicts"), 0);
  EXPECT_EQ(db_.integer("select count(*) from tidemark_tables"), 0);
}

TEST_F(Schema, TheViewsWorkWhileATableIsGone) {
  db_.run("drop table t");
  for (const char* sql : {"select * from tidemark_pending", "select * from tidemark_tables", "select tidemark_status()",
                          "create table x(a); alter table x rename to y"}) {
    const std::string message = db_.failure(sql);
    EXPECT_EQ(message.find("no such table: main.t"), std::string::npos) << sql << ": " << message;
  }
}

TEST_F(Schema, ADroppedTableMadeAgainIsTrackedAgainOrNotAtAll) {
  db_.run(
      "drop table t; create table t(id text primary key, other text); insert into t values ('a', "
      "'x')");
  next_call(db_);
  db_.attempt(track_unasked("t"));
  db_.run("insert into t values ('z', 'y')");
  const std::string status = db_.text("select tidemark_status()");
  const bool noticed = db_.integer("select count(*) from tidemark_pending where key = '[\"z\"]'") == 1;
  const bool refused = db_.text("select state from tidemark_tables where table_name = 't'") == "refused" ||
                       status.find("refused") != std::string::npos;
  EXPECT_TRUE(noticed || refused) << status;
}

TEST_F(Schema, ARenamedColumnIsARefusalWithAHintAndNothingIsLost) {
  db_.run(
      "insert into t values ('d', 4); alter table t rename column n to amount; insert into t "
      "values ('e', 5)");
  next_call(db_);
  const std::string status = db_.text("select tidemark_status()");
  EXPECT_NE(status.find("column \\\"n\\\" of table \\\"t\\\" is gone"), std::string::npos) << status;
  EXPECT_EQ(db_.integer("select count(*) from tidemark_pending"), 2);
  db_.run(R"(select tidemark_untrack('t', '{"discard":true}'))");
  db_.run(track_unasked("t"));
  EXPECT_EQ(tracked(db_, "t").columns, std::vector<std::string>{"amount"});
  EXPECT_EQ(db_.integer("select count(*) from tidemark_pending"), 5);
}

TEST_F(Schema, WhatIsPendingInARefusedTableStaysListedWhateverElseIsTracked) {
  db_.run("update t set n = 9 where id = 'a'; delete from t where id = 'b'; alter table t rename column n to m");
  const char* const pending = "select group_concat(operation || ' ' || key, ', ') from tidemark_pending";
  const std::string before = db_.text(pending);
  EXPECT_NE(before, "NULL");
  db_.run("create table other(id text primary key); " + track_unasked("other"));
  EXPECT_EQ(db_.text(pending), before);
  db_.run("select tidemark_untrack('other')");
  EXPECT_EQ(db_.text(pending), before);
  EXPECT_NE(db_.failure("select tidemark_untrack('t')").find("2 pending changes"), std::string::npos);
}

TEST_F(Schema, ARenamedTableKeepsWhatIsPending) {
  db_.run("insert into t values ('d', 4); alter table t rename to u; insert into u values ('e', 5)");
  next_call(db_);
  const bool still = db_.integer("select count(*) from tidemark_pending") == 2;
  const bool listed = db_.integer("select count(*) from tidemark_conflicts where kind = 'lost'") == 1;
  EXPECT_TRUE(still || listed) << db_.text("select tidemark_status()");
  EXPECT_EQ(db_.failure("insert into u values ('f', 6)"), "");
  EXPECT_EQ(db_.failure(track_unasked("u") + "; update u set n = n + 10"), "");
}

TEST_F(Schema, AColumnIsDroppedOnlyAfterUntracking) {
  EXPECT_NE(db_.failure("alter table t drop column id"), "");
  db_.run("alter table t add column extra text");
  EXPECT_EQ(db_.failure("alter table t drop column extra"), "") << "not known to the triggers yet";
  db_.run("alter table t add column extra text");
  next_call(db_);
  const std::string message = db_.failure("alter table t drop column extra");
  EXPECT_NE(message, "") << "SQLite refuses: the triggers speak of it";
  db_.run(R"(select tidemark_untrack('t', '{"discard":true}'); alter table t drop column extra)");
  db_.run(track_unasked("t"));
  EXPECT_EQ(tracked(db_, "t").columns, std::vector<std::string>{"n"});
}

TEST_F(Schema, AColumnDroppedByATriggerlessWayIsARefusal) {
  // As an application does that rebuilds its table.
  db_.run(
      "pragma foreign_keys = off; begin; create table t2(id text primary key, m integer); insert "
      "into t2 select * from t; drop table t; alter table t2 rename to t; commit");
  next_call(db_);
  EXPECT_NE(db_.text("select tidemark_status()").find("is gone"), std::string::npos)
      << db_.text("select tidemark_status()");
}

TEST_F(Schema, ATableRebuiltInTheSameShapeIsCapturedAgainAfterTheNextCall) {
  db_.run(
      "begin; create table t2(id text primary key, n integer unique); insert into t2 select * from "
      "t; drop table t; alter table t2 rename to t; commit");
  next_call(db_);
  const Tracked table = tracked(db_, "t");
  forget_log(db_, table);
  const Rows before = rows_of(db_, table);
  db_.run("update t set n = 77 where id = 'a'; insert or replace into t values ('z', 2)");
  EXPECT_EQ(wrong(db_, table, before), "");
}

TEST_F(Schema, ADroppedTriggerIsMadeAgain) {
  db_.run("drop trigger tidemark_update_1; drop trigger tidemark_insert_1");
  next_call(db_);
  const Tracked table = tracked(db_, "t");
  const Rows before = rows_of(db_, table);
  db_.run("update t set n = 77 where id = 'a'; insert or replace into t values ('z', 2)");
  EXPECT_EQ(wrong(db_, table, before), "");
}

TEST_F(Schema, VacuumAndReindexAreNoChange) {
  const Tracked table = tracked(db_, "t");
  const Rows before = rows_of(db_, table);
  db_.run("vacuum; reindex; analyze");
  db_.run("update t set n = 5 where id = 'a'");
  EXPECT_EQ(wrong(db_, table, before), "");
  EXPECT_EQ(db_.integer("select count(*) from tidemark_log_1"), 1);
}

}  // namespace
}  // namespace tidemark::test
