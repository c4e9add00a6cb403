// Out of memory at each single allocation of capture and of our functions: an
// error, never a crash; all of it is done or nothing; the database is whole.
#include <gtest/gtest.h>

#include "tests/sqlite/device.h"
#include "tests/sqlite/failing_memory.h"
#include "tests/sqlite/oracle.h"

namespace tidemark::test {
namespace {

// What a statement leaves in the application's and our tables.
std::string state_of(const Database& db) {
  std::string text;
  for (const Cells& row : db.rows("select type, name, tbl_name, sql from sqlite_master order by 1, 2"))
    text += show(row) + "\n";
  for (const Cells& row : db.rows("select name from sqlite_master where type = 'table' and name "
                                  "not like 'sqlite%' order by 1")) {
    // The time of a log row and of a conflict differs from run to run.
    const bool log = row[0].bytes.rfind("tidemark_log_", 0) == 0;
    const std::string columns = log                                   ? "op, k0"
                                : row[0].bytes == "tidemark_conflict" ? "id, kind, state, held, message"
                                                                      : "*";
    for (const Cells& content : db.rows("select " + columns + " from " + quoted(row[0].bytes)))
      text += row[0].bytes + show(content) + "\n";
  }
  return text;
}

struct Operation {
  const char* name;
  std::string before;  // makes the database
  std::string sql;     // one statement
};

constexpr char kTables[] =
    "create table t(id text primary key, n integer unique, s text, b blob); insert into t values "
    "('a', 1, 'x', x'00'), ('b', 2, 'y', null);"
    "create table u(id integer primary key, v)";
constexpr char kTracked[] = "; select tidemark_track('t')";
constexpr char kTrackedTwo[] =
    R"(; select tidemark_track('t'); select tidemark_track('u', '{"keys":"given"}'); update t set n = n + 10; insert into u values (1, 1))";

constexpr char kNoHub[] = "; insert into tidemark_meta values ('token', 'x'), ('url', 'http://127.0.0.1:1')";
constexpr char kConflicts[] =
    R"(; insert into tidemark_conflict (id, table_name, key, column_name, kind, mine, theirs, held, noticed_at) values
      (1, 't', '["a"]', 's', 'update', 'my text', 'theirs', null, 0),
      (2, 't', '["c"]', null, 'update', null, '{"id":"c","n":7,"b":{"blob":"AAEC"}}', null, 0),
      (3, 't', '["a"]', null, 'reject', '{}', null, 1, 0))";

const Operation kOperations[] = {
    {"track the first table", kTables, "select tidemark_track('t')"},
    {"track another table", std::string(kTables) + kTracked, R"(select tidemark_track('u', '{"keys":"given"}'))"},
    {"track what cannot be tracked", kTables, "select tidemark_track('u')"},
    {"insert", std::string(kTables) + kTracked,
     "insert into t values (null, 3, 'z', zeroblob(5000)), ('d', 4, 'w', null)"},
    {"update", std::string(kTables) + kTracked, "update t set s = s || 'more', n = n + 5"},
    {"key change", std::string(kTables) + kTracked, "update t set id = 'z' where id = 'a'"},
    {"replace", std::string(kTables) + kTracked, "insert or replace into t values ('a', 2, 'new', null)"},
    {"delete", std::string(kTables) + kTracked, "delete from t"},
    {"read what is pending", std::string(kTables) + kTrackedTwo, "select * from tidemark_pending"},
    {"status", std::string(kTables) + kTrackedTwo, "select tidemark_status()"},
    {"uuids", "select 1", "select tidemark_uuid(), tidemark_uuid_blob(), tidemark_version()"},
    {"untrack", std::string(kTables) + kTrackedTwo, R"(select tidemark_untrack('t', '{"discard":true}'))"},
    {"untrack, refused", std::string(kTables) + kTrackedTwo, "select tidemark_untrack('t')"},
    {"disconnect", std::string(kTables) + kTracked + kNoHub, "select tidemark_disconnect()"},
    {"sync after a new column", std::string(kTables) + kTracked + kNoHub + "; alter table t add column more default 5",
     "select tidemark_sync()"},
    {"sync after a drop", std::string(kTables) + kTrackedTwo + kNoHub + "; drop table t", "select tidemark_sync()"},
    {"resolve a column", std::string(kTables) + kTracked + kConflicts, "select tidemark_resolve(1, 'mine')"},
    {"resolve a row", std::string(kTables) + kTracked + kConflicts, "select tidemark_resolve(2, 'theirs')"},
    {"give up a reject", std::string(kTables) + kTracked + kConflicts, "select tidemark_resolve(3, 'theirs')"},
    {"policy", std::string(kTables) + kTracked, "select tidemark_policy('t', 's', ':mine || :theirs')"},
    {"check", std::string(kTables) + kTracked, "select tidemark_check()"},
    {"configure", std::string(kTables) + kTracked, "select tidemark_configure('keep_conflicts', 1)"},
    {"retry", std::string(kTables) + kTracked + kConflicts, "select tidemark_retry(3)"},
};

void PrintTo(const Operation& operation, std::ostream* out) { *out << operation.name; }

bool is_no_memory(int code) { return (code & 0xFF) == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM; }

// How memory fails, and where the caller is when it does.
struct Way {
  bool for_good = false;
  bool in_transaction = false;
};

class OutOfMemory : public testing::TestWithParam<Operation> {
 protected:
  OutOfMemory() {
    Database db(template_);
    load_tidemark(db);
    db.run(GetParam().before);
    before_ = state_of(db);
  }

  void run_all(const Way& way) {
    constexpr std::int64_t kNever = INT64_MAX;
    constexpr std::int64_t kMost = 200'000;
    run(kNever, way);
    Sample sample(300);
    std::int64_t runs = 0;
    std::int64_t n = sample.next();
    for (; n < kMost; n = sample.next(), ++runs) {
      const std::int64_t live = live_allocations();
      if (!run(n, way)) break;
      ASSERT_FALSE(HasFailure()) << GetParam().name << ", allocation " << n;
      ASSERT_EQ(live_allocations(), live) << "a leak, allocation " << n;
    }
    EXPECT_LT(n, kMost) << "it never succeeds";
    EXPECT_GT(runs, 5) << "the allocator is not in use";
  }

 private:
  // Runs the operation with allocation number `n` failing. True if it was reached.
  bool run(std::int64_t n, const Way& way) {
    const std::string file = folder_.file("t.db");
    std::filesystem::copy_file(template_, file, std::filesystem::copy_options::overwrite_existing);
    Database db(file);
    db.run("pragma synchronous = off");
    load_tidemark(db);
    std::string untouched = before_;
    if (way.in_transaction) {
      db.run("begin; create table mine (x)");
      untouched = state_of(db);
    }

    fail_allocation(n, way.for_good);
    int code = SQLITE_OK;
    bool host_failed = false;
    try {
      code = sqlite3_exec(db.handle(), GetParam().sql.c_str(), nullptr, nullptr, nullptr);
    } catch (const std::bad_alloc&) {
      host_failed = true;  // nothing may come out of SQLite by exception
    }
    const bool failed = memory_is_back();
    const std::string message = sqlite3_errmsg(db.handle());
    EXPECT_FALSE(host_failed);
    const bool open = !sqlite3_get_autocommit(db.handle());
    EXPECT_TRUE(way.in_transaction || !open) << "a transaction that the caller had not begun";
    if (!open) untouched = before_;  // SQLite may roll all of a transaction back

    const std::string after = state_of(db);
    if (!failed) {
      done_ = after;
      done_code_ = code;
    }
    EXPECT_TRUE(code == done_code_ || is_no_memory(code)) << code << ": " << message;
    if (code == SQLITE_OK) {
      EXPECT_EQ(after == untouched, done_ == untouched) << "no error and yet no change";
    } else {
      // The last allocation, of the result, comes when all of it is done.
      EXPECT_TRUE(after == untouched || after == done_) << "a part of it is done, and: " << message << "\n" << after;
    }
    if (open) db.run("rollback");
    EXPECT_EQ(db.text("pragma integrity_check"), "ok");
    EXPECT_EQ(db.close(), SQLITE_OK);
    return failed;
  }

  const Folder folder_;
  const std::string template_ = folder_.file("template.db");
  std::string before_;         // the database before the operation
  std::string done_;           // and after it, when nothing fails
  int done_code_ = SQLITE_OK;  // what it gives then
};

TEST_P(OutOfMemory, OnceIsAnErrorAndNothingElse) { run_all({}); }

TEST_P(OutOfMemory, FromThereOnIsAnErrorAndNothingElse) { run_all({.for_good = true}); }

TEST_P(OutOfMemory, InATransactionIsAnErrorAndNothingElse) { run_all({.in_transaction = true}); }

INSTANTIATE_TEST_SUITE_P(At, OutOfMemory, testing::ValuesIn(kOperations), [](const auto& info) {
  std::string name = info.param.name;
  std::erase(name, ',');
  for (char& character : name) character = character == ' ' ? '_' : character;
  return name;
});

TEST(OutOfMemoryWhileLoading, IsAnErrorAndTheConnectionStaysUsable) {
  for (std::int64_t n = 1; n < 5000; ++n) {
    Database db;
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
    fail_allocation(n, false);
    const int code = sqlite3_load_extension(db.handle(), TIDEMARK_EXTENSION, nullptr, nullptr);
    const bool failed = memory_is_back();
    if (code != SQLITE_OK) load_tidemark(db);
    EXPECT_EQ(db.text("select length(tidemark_uuid())"), "36");
    EXPECT_EQ(db.close(), SQLITE_OK);
    if (!failed) return;
  }
  FAIL() << "it never succeeds";
}

}  // namespace
}  // namespace tidemark::test

int main(int argc, char** argv) {
  tidemark::test::install_failing_memory();
  testing::InitGoogleTest(&argc, argv);
  const tidemark::test::Database keeps_the_extension_loaded;
  tidemark::test::load_tidemark(keeps_the_extension_loaded);
  return RUN_ALL_TESTS();
}
