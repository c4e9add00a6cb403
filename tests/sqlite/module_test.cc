// The extension as a guest: what it exports, that it loads anywhere, and that a
// connection closes after every use of it.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <set>
#include <thread>

#include "tests/sqlite/device.h"

namespace tidemark::test {
namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  char buffer[4096];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, pipe.get())) text.append(buffer, count);
  return text;
}

TEST(Module, ExportsItsEntryPointAlone) {
  EXPECT_EQ(output_of("nm -D --defined-only --format=posix " TIDEMARK_EXTENSION
                      " | grep -v '^__asan\\|^__odr_asan' | cut -d' ' -f1"),
            "sqlite3_tidemark_init\n");
}

TEST(Module, CallsSqliteOnlyThroughTheTableItWasGiven) {
  EXPECT_EQ(output_of("nm -D --undefined-only " TIDEMARK_EXTENSION " | grep -c sqlite3_"), "0\n");
}

const char* const kFunctions[] = {"tidemark_connect", "tidemark_disconnect", "tidemark_pull",   "tidemark_push",
                                  "tidemark_status",  "tidemark_sync",       "tidemark_track",  "tidemark_untrack",
                                  "tidemark_uuid",    "tidemark_uuid_blob",  "tidemark_version"};

TEST(Module, AddsTheFunctionsOfTheReference) {
  const Database db;
  load_tidemark(db);
  std::set<std::string> found;
  for (const Cells& row : db.rows("select name from pragma_function_list where name like 'tidemark%'"))
    found.insert(row[0].bytes);
  for (const char* name : kFunctions) EXPECT_TRUE(found.contains(name)) << name;
}

TEST(Module, LoadingChangesNothingInTheDatabase) {
  const Database db;
  load_tidemark(db);
  EXPECT_EQ(db.integer("select count(*) from sqlite_master"), 0);
  EXPECT_EQ(db.integer("pragma user_version"), 0);
  EXPECT_EQ(db.integer("pragma application_id"), 0);
  db.run(
      "select tidemark_version(), tidemark_uuid(), tidemark_uuid_blob(), tidemark_status(), "
      "tidemark_disconnect(), tidemark_untrack('t')");
  EXPECT_EQ(db.integer("select count(*) from sqlite_master"), 0);
}

TEST(Module, LoadsTwiceOnOneConnection) {
  const Database db;
  load_tidemark(db);
  load_tidemark(db);
  EXPECT_EQ(db.text("select tidemark_version()"), TIDEMARK_VERSION);
}

TEST(Module, LoadsByTheShellsWayAndByAnyPath) {
  const Database db;
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
  const std::string without_suffix = TIDEMARK_EXTENSION_FOLDER "/tidemark";  // .load ./tidemark
  EXPECT_EQ(sqlite3_load_extension(db.handle(), without_suffix.c_str(), nullptr, nullptr), SQLITE_OK);
  EXPECT_NE(db.text("select tidemark_uuid()"), "NULL");
}

TEST(Module, TheConnectionClosesAfterEachFunction) {
  const char* const calls[] = {
      "select 1",
      "select tidemark_version()",
      "select tidemark_uuid(), tidemark_uuid_blob()",
      "select tidemark_status()",
      "select tidemark_track('t')",
      "select tidemark_track('t'); select tidemark_track('t')",
      "select tidemark_track('nothing')",
      "select tidemark_track('t'); insert into t values (null, 1); update t set n = 2; delete from "
      "t",
      "select tidemark_track('t'); select * from tidemark_pending; select * from tidemark_tables; "
      "select * from tidemark_conflicts; select tidemark_status()",
      "select tidemark_track('t'); select tidemark_untrack('t', '{\"discard\":true}')",
      "select tidemark_untrack('t')",
      "select tidemark_sync()",
      "select tidemark_pull()",
      "select tidemark_push()",
      "select tidemark_disconnect()",
      "select tidemark_connect('http://127.0.0.1:1', 'u', 's')",
      "select tidemark_connect('nonsense', 'u', 's')",
      "begin; select tidemark_track('t'); rollback",
      "begin; select * from t; select tidemark_sync(); rollback",
  };
  for (const char* call : calls) {
    const Folder folder;
    Database db(folder.file("t.db"));
    load_tidemark(db);
    db.run("create table t(id text primary key, n integer)");
    db.attempt(call);
    db.attempt("rollback");
    EXPECT_EQ(db.close(), SQLITE_OK) << call;
  }
}

TEST(Module, AConnectionClosedInATransactionLeavesNothing) {
  const Folder folder;
  {
    Database db(folder.file("t.db"));
    load_tidemark(db);
    db.run(
        "create table t(id text primary key, n integer); begin; select tidemark_track('t'); insert "
        "into t values ('a', 1)");
    EXPECT_EQ(db.close(), SQLITE_OK);
  }
  const Database db(folder.file("t.db"));
  EXPECT_EQ(db.integer("select count(*) from sqlite_master where name like 'tidemark%'"), 0);
  EXPECT_EQ(db.integer("select count(*) from t"), 0);
}

TEST(Module, ServesManyConnectionsInManyThreads) {
  const Folder folder;
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 5; ++round) {
        Database db(folder.file(std::to_string(t) + "-" + std::to_string(round)));
        load_tidemark(db);
        db.run(
            "pragma synchronous = off; create table t(id text primary key, n integer); select "
            "tidemark_track('t')");
        for (int i = 0; i < 10; ++i) db.run("insert into t values (null, 1); select tidemark_uuid()");
        const bool right = db.integer("select count(*) from tidemark_pending") == 10 &&
                           db.text("select tidemark_status()").find("\"pending\":10") != std::string::npos;
        good += right && db.close() == SQLITE_OK;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 30);
}

TEST(Module, WorksAfterTheFirstConnectionThatLoadedItIsGone) {
  auto first = std::make_unique<Database>();
  load_tidemark(*first);
  const Database second;
  load_tidemark(second);
  first.reset();
  EXPECT_EQ(second.text("select length(tidemark_uuid())"), "36");
}

TEST(Module, FunctionsThatWriteCannotBeCalledFromASchema) {
  const Database db;
  load_tidemark(db);
  db.run("create table t(id text primary key, n); create table u(id text)");
  for (const char* call :
       {"tidemark_track('t')", "tidemark_untrack('t')", "tidemark_sync()", "tidemark_push()", "tidemark_pull()",
        "tidemark_disconnect()", "tidemark_status()", "tidemark_connect('http://x', 'u', 's')"}) {
    const std::string text = call;
    db.run("drop view if exists v; drop trigger if exists g");
    db.attempt("create view v as select " + text + " as x");
    EXPECT_NE(db.failure("select * from v").find("unsafe use of tidemark_"), std::string::npos)
        << text << ": " << db.failure("select * from v");
    db.run("drop view if exists v");
    db.attempt("create trigger g after insert on u begin select " + text + "; end");
    EXPECT_NE(db.failure("insert into u values ('x')").find("unsafe use of tidemark_"), std::string::npos) << text;
  }
  db.run(
      "drop trigger g; create table d(id text default (tidemark_uuid())); pragma trusted_schema = "
      "off; insert into d default values");
  EXPECT_EQ(db.integer("select length(id) from d"), 36) << "a uuid may be a default";
}

}  // namespace
}  // namespace tidemark::test
