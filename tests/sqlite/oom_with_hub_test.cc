// Out of memory at the allocations of a conversation with a real hub: an error,
// never a crash, and the next sync makes everything right. Run by oom_with_hub.py.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/sqlite/device.h"
#include "tests/sqlite/failing_memory.h"
#include "tests/sqlite/oracle.h"

namespace tidemark::test {
namespace {

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

std::string connect_sql() {
  return "select tidemark_connect('" + environment("TIDEMARK_TEST_URL") + "', '" + environment("TIDEMARK_TEST_USER") +
         "', '" + environment("TIDEMARK_TEST_SECRET") + "')";
}

class WithHub : public testing::TestWithParam<const char*> {
 protected:
  WithHub() : mine_(folder_.file("mine.db")), other_(folder_.file("other.db")) {
    for (const Database* db : {&mine_, &other_}) {
      load_tidemark(*db);
      db->run("pragma synchronous = off");
      db->run(connect_sql());
      db->run("select tidemark_track('item')");
    }
    mine_.run("create table seen (name)");
    mine_.run("create trigger see after update on item begin insert into seen values (new.name); end");
  }

  void write(const Database& db, std::int64_t round) const {
    const std::string number = std::to_string(round);
    db.run("insert into item (name, price) values ('made in " + number + "', '" + number + ".50')");
    db.run("update item set name = name || '.' where rowid % 3 = " + std::to_string(round % 3));
    db.run("update item set picture = randomblob(300) where rowid % 5 = " + std::to_string(round % 5));
    db.run("delete from item where rowid = (select min(rowid) from item)");
  }

  // Both know everything of each other.
  void settle() const {
    for (const Database* db : {&mine_, &other_, &mine_}) db->run("select tidemark_sync()");
    ASSERT_EQ(rows_of(mine_, tracked(mine_, "item")), rows_of(other_, tracked(other_, "item")));
    for (const Database* db : {&mine_, &other_}) {
      ASSERT_EQ(db->integer("select count(*) from tidemark_pending"), 0);
      ASSERT_EQ(db->text("pragma integrity_check"), "ok");
      db->run("delete from tidemark_conflict");  // many would make the rounds slow
    }
  }

  const Folder folder_;
  Database mine_;
  Database other_;
};

// Runs statements with allocation number `n` failing. False if it was not reached.
bool run_without_memory(const Database& db, const std::string& sql, std::int64_t n) {
  fail_allocation(n, false);
  const int code = sqlite3_exec(db.handle(), sql.c_str(), nullptr, nullptr, nullptr);
  const bool failed = memory_is_back();
  // libcurl does not always say that it was memory that it lacked; and it sends a request without
  // its query where there was none to copy that (parseurlandfillconn).
  const bool lost_query = std::string(sqlite3_errmsg(db.handle())).find("\"after\" is missing") != std::string::npos;
  EXPECT_TRUE(code == SQLITE_OK || code == SQLITE_NOMEM || (code & 0xFF) == SQLITE_IOERR || lost_query)
      << sqlite3_errmsg(db.handle()) << ", allocation " << n;
  EXPECT_TRUE(failed || code == SQLITE_OK) << sqlite3_errmsg(db.handle());
  EXPECT_TRUE(sqlite3_get_autocommit(db.handle())) << "a transaction is open, allocation " << n;
  return failed;
}

TEST_P(WithHub, OutOfMemoryIsAnErrorAndTheNextSyncMakesItRight) {
  for (int i = 0; i < 30; ++i) mine_.run("insert into item (name, price) values ('first', '1.00')");
  settle();
  Sample sample(30);
  bool failed = true;
  std::int64_t round = 0;
  for (; failed; ++round) {
    write(other_, round);
    other_.run("select tidemark_sync()");
    write(mine_, round);
    const std::int64_t n = sample.next();
    failed = run_without_memory(mine_, GetParam(), n);
    settle();
    ASSERT_FALSE(HasFailure()) << GetParam() << ", allocation " << n;
  }
  EXPECT_GT(round, 100) << "the allocator is not in use";
  EXPECT_EQ(mine_.close(), SQLITE_OK);
}

INSTANTIATE_TEST_SUITE_P(Calls, WithHub,
                         testing::Values("select tidemark_sync()", "select tidemark_pull()", "select tidemark_push()"),
                         [](const auto& info) { return std::string(info.param).substr(16, 4); });

TEST(WithHubAtFirst, OutOfMemoryWhileConnectingAndLoadingLeavesNothingHalfDone) {
  const std::string sql = connect_sql() + "; select tidemark_track('item')";
  Sample sample(30);
  bool failed = true;
  while (failed) {
    const std::int64_t n = sample.next();
    const Folder folder;
    Database db(folder.file("t.db"));
    load_tidemark(db);
    db.run("pragma synchronous = off");
    failed = run_without_memory(db, sql, n);
    db.run(sql);
    db.run("select tidemark_sync()");
    ASSERT_FALSE(HasFailure());
    ASSERT_EQ(db.text("select state from tidemark_tables"), "ready") << "allocation " << n;
    ASSERT_GT(db.integer("select count(*) from item"), 0);
    ASSERT_EQ(db.integer("select count(*) from tidemark_pending"), 0);
    ASSERT_EQ(db.text("pragma integrity_check"), "ok");
    ASSERT_EQ(db.close(), SQLITE_OK);
  }
}

}  // namespace
}  // namespace tidemark::test

int main(int argc, char** argv) {
  tidemark::test::install_failing_memory();
  testing::InitGoogleTest(&argc, argv);
  const tidemark::test::Database keeps_the_extension_loaded;
  tidemark::test::load_tidemark(keeps_the_extension_loaded);
  if (tidemark::test::environment("TIDEMARK_TEST_URL").empty()) {
    std::fputs("tests/sqlite/oom_with_hub.py runs this: it needs a hub\n", stderr);
    return 2;
  }
  return RUN_ALL_TESTS();
}
