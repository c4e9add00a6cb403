// A single TEXT or BLOB key that is left out is filled with a version 7 UUID by
// plain SQL, in a program without the extension too.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "tests/sqlite/device.h"
#include "tests/sqlite/oracle.h"

namespace tidemark::test {
namespace {

// A file with a table that was tracked, opened without the extension.
Database plain(const Folder& folder, const std::string& create, const std::string& options = "") {
  const std::string file = folder.file("t.db");
  {
    const Database db(file);
    load_tidemark(db);
    db.run(create + "; select tidemark_track('t'" + options + ")");
  }
  return Database(file);
}

constexpr char kThousand[] =
    " from (with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000) select "
    "i from n)";

TEST(Fill, ATextKeyIsAVersion7UuidOfNow) {
  for (const char* type : {"text", "varchar(36)", "character(36)", "clob"}) {
    const Folder folder;
    const Database db = plain(folder, "create table t(id " + std::string(type) + " primary key, n integer)");
    db.run(std::string("insert into t(n) select i") + kThousand);
    const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
    std::string variants;
    for (const Cells& row : db.rows("select id, abs((julianday('now') - 2440587.5) * 86400000) from t")) {
      ASSERT_TRUE(std::regex_match(row[0].bytes, form)) << row[0];
      variants += row[0].bytes[19];
      const std::int64_t ms = std::stoll(row[0].bytes.substr(0, 8) + row[0].bytes.substr(9, 4), nullptr, 16);
      EXPECT_LT(std::abs(static_cast<double>(ms) - row[1].as_real()), 60000);
    }
    for (const char digit : {'8', '9', 'a', 'b'})
      EXPECT_NE(variants.find(digit), std::string::npos) << "all four variants are drawn";
    EXPECT_EQ(db.integer("select count(distinct id) from t"), 1000);
    EXPECT_EQ(db.integer("select count(distinct substr(id, 16, 3)) > 200 and count(distinct "
                         "substr(id, 25)) > 990 from t"),
              1);
  }
}

TEST(Fill, ABlobKeyIs16BytesOfTheSame) {
  const Folder folder;
  const Database db = plain(folder, "create table t(id blob primary key, n integer)");
  db.run(std::string("insert into t(n) select i") + kThousand);
  std::set<int> variants;
  for (const Cells& row : db.rows("select id, (julianday('now') - 2440587.5) * 86400000 from t")) {
    ASSERT_EQ(row[0].type, SQLITE_BLOB);
    ASSERT_EQ(row[0].bytes.size(), 16U);
    const auto byte = [&](int i) { return static_cast<unsigned char>(row[0].bytes[static_cast<std::size_t>(i)]); };
    EXPECT_EQ(byte(6) >> 4, 7);
    EXPECT_EQ(byte(8) >> 6, 2);
    variants.insert(byte(8));
    std::int64_t ms = 0;
    for (int i = 0; i < 6; ++i) ms = ms << 8 | byte(i);
    EXPECT_LT(std::abs(static_cast<double>(ms) - row[1].as_real()), 60000);
  }
  EXPECT_GT(variants.size(), 50U);
  EXPECT_EQ(db.integer("select count(distinct id) from t"), 1000);
}

TEST(Fill, TheKeyThatWasFilledIsWhatIsPending) {
  for (const bool recursive : {false, true}) {
    const Folder folder;
    const Database db = plain(folder, "create table t(id text primary key, n integer unique)");
    db.run(std::string("pragma recursive_triggers = ") + (recursive ? "on" : "off"));
    const Tracked table = tracked(db, "t");
    const Rows before = rows_of(db, table);
    db.run(
        "insert into t(n) values (1), (2); insert into t values (null, 3); insert or replace into "
        "t(n) values (3); insert or ignore into t(n) values (1), (4);"
        "insert into t(n) values (1) on conflict(n) do update set n = 9");
    EXPECT_EQ(wrong(db, table, before), "");
    EXPECT_EQ(db.integer("select count(*) from t where id is null"), 0);
    EXPECT_GE(db.integer("select count(*) from tidemark_pending"), db.integer("select count(*) from t"));
  }
}

TEST(Fill, WorksWhereAColumnHasTheRowidsName) {
  for (const char* names : {"rowid, x", "oid, x", "rowid, oid", "_rowid_, rowid"}) {
    const Folder folder;
    const Database db = plain(folder, "create table t(id text primary key, " + std::string(names) + ")");
    db.run("insert into t values (null, 5, 5), ('given', 5, 5), (null, 1, 2)");
    EXPECT_EQ(db.integer("select count(*) from t where length(id) = 36"), 2) << names;
    EXPECT_EQ(db.integer("select count(*) from t where id = 'given'"), 1) << names;
  }
}

TEST(Fill, LeavesGivenAndOtherKeysAlone) {
  const std::pair<const char*, const char*> tables[] = {
      {"create table t(id text primary key)", "insert into t values (''), ('0')"},
      {"create table t(id blob primary key)", "insert into t values (x''), ('text')"},
      {"create table t(id text not null primary key)", "insert into t values ('a')"},
      {"create table t(x text, y text, primary key (x, y))", "insert into t values ('a', null)"},
      {"create table t(id int primary key)", "insert into t values (null)"},
  };
  for (const auto& [create, insert] : tables) {
    const Folder folder;
    const Database db = plain(folder, create);
    db.run(insert);
    EXPECT_EQ(db.integer("select count(*) from t where length(cast(t.rowid as text)) > 5"), 0);
    EXPECT_EQ(
        db.integer("select count(*) from (select * from t where typeof(" + std::string(create[15] == 'x' ? "x" : "id") +
                   ") in ('text', 'blob')) where length(" + (create[15] == 'x' ? "x" : "id") + ") >= 16"),
        0)
        << create;
  }
}

TEST(Fill, ANullKeyOfANotNullColumnIsRefusedAsBefore) {
  const Folder folder;
  const Database db = plain(folder, "create table t(id text not null primary key)");
  EXPECT_EQ(db.attempt("insert into t values (null)"), SQLITE_CONSTRAINT_NOTNULL);
}

TEST(Fill, ADefaultOfTheTableComesFirst) {
  const Folder folder;
  const Database db = plain(folder, "create table t(id text primary key default (lower(hex(randomblob(16)))), n)");
  db.run("insert into t(n) values (1)");
  EXPECT_EQ(db.text("select length(id) from t"), "32");
}

TEST(Fill, AForeignKeyMaySeeIt) {
  const Folder folder;
  const Database db = plain(folder, "create table t(id text primary key, up text references t(id))");
  db.run(
      "pragma foreign_keys = on; insert into t(up) values (null); insert into t(up) select id from "
      "t");
  EXPECT_EQ(db.integer("select count(*) from pragma_foreign_key_check"), 0);
}

}  // namespace
}  // namespace tidemark::test
