// What each function says to wrong arguments and in the wrong moment: a result
// code and a hint.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "tests/sqlite/device.h"

namespace tidemark::test {
namespace {

struct Refusal {
  const char* sql;
  int code;
  const char* message;  // a part of it
  bool hint = true;
};

void expect_refused(const Database& db, const Refusal& c) {
  EXPECT_EQ(db.attempt(c.sql), c.code) << c.sql;
  const std::string message = db.failure(c.sql);
  EXPECT_NE(message.find(c.message), std::string::npos) << c.sql << " says: " << message;
  if (c.hint) EXPECT_NE(message.find(". Hint: "), std::string::npos) << c.sql << " says: " << message;
}

TEST(Functions, RefuseWrongNumbersOfArguments) {
  const Database db;
  load_tidemark(db);
  for (const char* call :
       {"tidemark_version(1)", "tidemark_uuid(1)", "tidemark_uuid_blob(null)", "tidemark_status(1)",
        "tidemark_connect()", "tidemark_connect('http://x')", "tidemark_connect('http://x', 'u')",
        "tidemark_connect('http://x', 'u', 's', '{}', 1)", "tidemark_disconnect(1)", "tidemark_track()",
        "tidemark_track('t', '{}', 1)", "tidemark_untrack()", "tidemark_untrack('t', '{}', 1)", "tidemark_sync(1)",
        "tidemark_pull(1)", "tidemark_push(1)"}) {
    EXPECT_NE(db.failure("select " + std::string(call)).find("wrong number of arguments"), std::string::npos) << call;
  }
}

TEST(Functions, RefuseArgumentsOfAnotherType) {
  const Database db;
  load_tidemark(db);
  db.run("create table t(id text primary key)");
  const Refusal cases[] = {
      {"select tidemark_track(5)", SQLITE_ERROR, "table must be a text"},
      {"select tidemark_track(null)", SQLITE_ERROR, "table must be a text"},
      {"select tidemark_track(x'74')", SQLITE_ERROR, "table must be a text"},
      {"select tidemark_track(1.5)", SQLITE_ERROR, "table must be a text"},
      {"select tidemark_track(cast(x'74ff' as text))", SQLITE_ERROR, "table must be valid UTF-8"},
      {"select tidemark_track('t', 5)", SQLITE_ERROR, "options must be a text"},
      {"select tidemark_track('t', x'7b7d')", SQLITE_ERROR, "options must be a text"},
      {"select tidemark_track('t', '')", SQLITE_ERROR, "options must be a JSON object"},
      {"select tidemark_track('t', '[]')", SQLITE_ERROR, "options must be a JSON object"},
      {"select tidemark_track('t', 'given')", SQLITE_ERROR, "options must be a JSON object"},
      {"select tidemark_track('t', '{\"keys\":')", SQLITE_ERROR, "options must be a JSON object"},
      {"select tidemark_track('t', '{\"key\":\"given\"}')", SQLITE_ERROR, "unknown option \"key\""},
      {"select tidemark_track('t', '{\"keys\":\"mine\"}')", SQLITE_ERROR, "\"given\" or \"hub\""},
      {"select tidemark_track('t', '{\"keys\":1}')", SQLITE_ERROR, "option \"keys\" must be a text", false},
      {"select tidemark_untrack(5)", SQLITE_ERROR, "table must be a text"},
      {"select tidemark_untrack('t', 'x')", SQLITE_ERROR, "options must be a JSON object"},
      {"select tidemark_untrack('t', '{\"force\":true}')", SQLITE_ERROR, "unknown option \"force\""},
      {"select tidemark_connect(5, 'u', 's')", SQLITE_ERROR, "url must be a text"},
      {"select tidemark_connect('http://x', null, 's')", SQLITE_ERROR, "user must be a text"},
      {"select tidemark_connect('http://x', 'u', x'00')", SQLITE_ERROR, "secret must be a text"},
      {"select tidemark_connect('', 'u', 's')", SQLITE_ERROR, "is not an http or https URL"},
      {"select tidemark_connect('127.0.0.1:8880', 'u', 's')", SQLITE_ERROR, "is not an http or https URL"},
      {"select tidemark_connect('ftp://x', 'u', 's')", SQLITE_ERROR, "is not an http or https URL"},
      {"select tidemark_connect('file:///etc/passwd', 'u', 's')", SQLITE_ERROR, "is not an http or https URL"},
      {"select tidemark_connect('http://x', 'u', 's', '[]')", SQLITE_ERROR, "options must be a JSON object"},
      {"select tidemark_connect('http://x', 'u', 's', '{\"port\":1}')", SQLITE_ERROR, "unknown option \"port\""},
      {"select tidemark_connect('http://x', 'u', 's', '{\"timeout\":\"5\"}')", SQLITE_ERROR, "whole number of seconds",
       false},
      {"select tidemark_connect('http://x', 'u', 's', '{\"timeout\":-1}')", SQLITE_ERROR, "whole number of seconds",
       false},
      {"select tidemark_connect('http://x', 'u', 's', '{\"timeout\":1.5}')", SQLITE_ERROR, "whole number of seconds",
       false},
      {"select tidemark_connect('http://x', 'u', 's', '{\"ca\":5}')", SQLITE_ERROR, "option \"ca\" must be a text",
       false},
      {"select tidemark_connect('http://x', 'u', 's', '{\"name\":5}')", SQLITE_ERROR, "option \"name\" must be a text",
       false},
  };
  for (const Refusal& c : cases) expect_refused(db, c);
  EXPECT_EQ(db.integer("select count(*) from sqlite_master where name like 'tidemark%'"), 0);
}

TEST(Functions, RefuseOptionsOfUntrackThatAreNotTrueOrFalse) {
  const Database db;
  load_tidemark(db);
  db.run(
      "create table t(id text primary key); insert into t values ('a'); select "
      "tidemark_track('t')");
  for (const char* options : {"{\"discard\":\"yes\"}", "{\"discard\":1}", "{\"discard\":null}"}) {
    const std::string message = db.failure("select tidemark_untrack('t', '" + std::string(options) + "')");
    EXPECT_NE(message, "") << options;
    EXPECT_EQ(message.find("internal error"), std::string::npos) << options << ": " << message;
  }
}

TEST(Functions, OptionsMayBeNull) {
  const Database db;
  load_tidemark(db);
  db.run(
      "create table t(id text primary key); select tidemark_track('t', null); select "
      "tidemark_untrack('t', null)");
}

TEST(Functions, SyncNeedsAConnectionToAHub) {
  const Database db;
  load_tidemark(db);
  for (const bool tracked : {false, true}) {
    if (tracked) db.run("create table t(id text primary key); select tidemark_track('t')");
    for (const char* sql : {"select tidemark_sync()", "select tidemark_pull()", "select tidemark_push()"}) {
      expect_refused(db, {sql, SQLITE_MISUSE, "not connected to a hub"});
      EXPECT_NE(db.failure(sql).find("tidemark_connect("), std::string::npos);
    }
  }
  EXPECT_EQ(db.integer("select tidemark_disconnect()"), 0);
}

TEST(Functions, TheNetworkIsNotTouchedWhileTheCallerHoldsAWriteLock) {
  const Folder folder;
  const Database db(folder.file("t.db"));
  load_tidemark(db);
  db.run("create table t(id text primary key)");
  for (const char* begin : {"begin immediate", "begin exclusive", "begin; insert into t values (null)",
                            "savepoint s; delete from t where id = 'x'"}) {
    db.run(begin);
    for (const char* sql : {"select tidemark_connect('http://127.0.0.1:1', 'u', 's')", "select tidemark_sync()",
                            "select tidemark_pull()", "select tidemark_push()"}) {
      expect_refused(db, {sql, SQLITE_MISUSE, "this transaction has written"});
      EXPECT_NE(db.failure(sql).find("COMMIT first"), std::string::npos);
    }
    EXPECT_EQ(sqlite3_get_autocommit(db.handle()), 0) << "the caller's transaction stays";
    db.run("rollback");
  }
}

TEST(Functions, AStatementThatWritesCannotSync) {
  const Folder folder;
  const Database db(folder.file("t.db"));
  load_tidemark(db);
  db.run("create table t(id text primary key, n)");
  for (const char* sql : {"insert into t values ('a', tidemark_sync())",
                          "create table u as select tidemark_connect('http://127.0.0.1:1', 'u', 's') as x",
                          "update t set n = tidemark_pull()"}) {
    if (std::string(sql).find("update") == 0) db.run("insert into t values ('b', 1)");
    EXPECT_NE(db.failure(sql), "") << sql;
  }
  EXPECT_EQ(db.integer("select count(*) from t"), 1);
}

TEST(Functions, ADeadHubIsAnInputOutputErrorWithAHint) {
  const Folder folder;
  const Database db(folder.file("t.db"));
  load_tidemark(db);
  expect_refused(db, {"select tidemark_connect('http://127.0.0.1:1', 'u', 's')", SQLITE_IOERR, "127.0.0.1"});
  EXPECT_EQ(db.integer("select count(*) from sqlite_master"), 0) << "nothing was kept";
  db.run("begin; select 1");
  expect_refused(db, {"select tidemark_connect('http://127.0.0.1:1', 'u', 's')", SQLITE_IOERR, "127.0.0.1"});
  db.run("commit");
}

TEST(Functions, AReadOnlyDatabaseIsRefused) {
  const Folder folder;
  { Database(folder.file("t.db")).run("create table t(id text primary key); insert into t values ('a')"); }
  const Database db(folder.file("t.db"), SQLITE_OPEN_READONLY);
  load_tidemark(db);
  for (const char* sql : {"select tidemark_track('t')", "select tidemark_connect('http://127.0.0.1:1', 'u', 's')",
                          "select tidemark_sync()"}) {
    EXPECT_EQ(db.attempt(sql) & 0xFF, SQLITE_READONLY) << sql << ": " << db.failure(sql);
    EXPECT_NE(db.failure(sql).find("Hint: "), std::string::npos) << sql << ": " << db.failure(sql);
  }
  EXPECT_NE(db.text("select tidemark_status()"), "NULL") << "what only reads works";
}

TEST(Functions, ALockedDatabaseIsBusyAfterTheTimeOut) {
  const Folder folder;
  const Database other(folder.file("t.db"));
  other.run("create table t(id text primary key); begin immediate");
  const Database db(folder.file("t.db"));
  load_tidemark(db);
  sqlite3_busy_timeout(db.handle(), 50);
  EXPECT_EQ(db.attempt("select tidemark_track('t')"), SQLITE_BUSY);
  other.run("rollback");
  EXPECT_EQ(db.attempt("select tidemark_track('t')"), SQLITE_OK);
}

TEST(Functions, UuidsAreVersion7AndRise) {
  const Database db;
  load_tidemark(db);
  const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string uuid = db.text("select tidemark_uuid()");
    EXPECT_TRUE(std::regex_match(uuid, form)) << uuid;
    EXPECT_TRUE(seen.insert(uuid).second);
  }
  const std::int64_t ms = std::stoll(db.text("select replace(substr(tidemark_uuid(), 1, 13), '-', '')"), nullptr, 16);
  EXPECT_LT(std::abs(ms - db.integer("select cast((julianday('now') - 2440587.5) * 86400000 as integer)")), 1000);
  const Cell blob = db.rows("select tidemark_uuid_blob()").at(0).at(0);
  ASSERT_EQ(blob.type, SQLITE_BLOB);
  ASSERT_EQ(blob.bytes.size(), 16U);
  EXPECT_EQ(blob.bytes[6] >> 4 & 15, 7);
  EXPECT_EQ(static_cast<unsigned char>(blob.bytes[8]) >> 6, 2);
  EXPECT_EQ(db.integer("select count(distinct u) from (select tidemark_uuid() as u from (with recursive n(i) as "
                       "(select 1 union all select i + 1 from n where i < 5000) select * from n))"),
            5000)
      << "each row has its own";
}

TEST(Functions, TheStatusIsJsonBeforeAndAfterTracking) {
  const Database db;
  load_tidemark(db);
  EXPECT_EQ(db.integer("select json_valid(tidemark_status())"), 1);
  EXPECT_EQ(db.integer("select tidemark_status() ->> 'connected'"), 0);
  db.run(
      "create table t(id text primary key); insert into t values ('a'); select "
      "tidemark_track('t')");
  EXPECT_EQ(db.integer("select tidemark_status() ->> 'pending'"), 1);
  EXPECT_EQ(db.text("select tidemark_status() -> 'tables' ->> 't'"), "new");
  EXPECT_EQ(db.text("select tidemark_status() ->> 'version'"), TIDEMARK_VERSION);
}

}  // namespace
}  // namespace tidemark::test
