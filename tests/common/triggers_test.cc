// The triggers' SQL: its text for one table, and what SQLite does with it.
#include "common/triggers.h"

#include <gtest/gtest.h>

#include "common/quote.h"
#include "tests/sqlite/database.h"

namespace tidemark {
namespace {

using test::Cell;
using test::Database;

LocalColumn column(const std::string& name, const std::string& type) {
  LocalColumn made;
  made.name = name;
  made.declared_type = type;
  made.affinity = affinity_of(type);
  return made;
}

LocalTable note() {
  LocalTable table;
  table.number = 7;
  table.name = "note";
  table.key = {column("id", "TEXT")};
  table.columns = {column("body", "TEXT"), column("stars", "INTEGER")};
  table.unique = {UniqueSet{{"body"}, {}, false}};
  table.rowid_name = "rowid";
  return table;
}

LocalTable wide(std::size_t columns) {
  LocalTable table;
  table.number = 1;
  table.name = "wide";
  table.key = {column("id", "TEXT")};
  for (std::size_t i = 0; i < columns; ++i) table.columns.push_back(column("v" + std::to_string(i), "INTEGER"));
  table.rowid_name = "rowid";
  return table;
}

// Creates the table, its log and its triggers.
void install(const Database& db, const LocalTable& table) {
  std::string sql = "create table " + quote_identifier(table.name) + " (";
  for (const auto* list : {&table.key, &table.columns}) {
    for (const LocalColumn& c : *list) sql += quote_identifier(c.name) + " " + c.declared_type + ", ";
  }
  for (const auto& unique : table.unique) {
    sql += "unique (" + quote_identifier(unique.columns.at(0)) + "), ";
  }
  sql += "primary key (";
  for (std::size_t i = 0; i < table.key.size(); ++i) sql += (i == 0 ? "" : ", ") + quote_identifier(table.key[i].name);
  db.run(sql + "))");
  db.run(create_log_sql(table));
  for (const Trigger& trigger : triggers_of(table)) db.run(trigger.sql);
}

TEST(Triggers, TheLogOfATableHasItsMasksKeysAndColumns) {
  EXPECT_EQ(log_name(note()), "tidemark_log_7");
  EXPECT_EQ(create_log_sql(note()), "create table tidemark_log_7 (seq integer primary key, op, at, m0, k0, c0, c1)");
  LocalTable table = wide(62);
  table.key.push_back(column("b", "INT"));
  EXPECT_EQ(create_log_sql(table).find(", m0, m1, k0, k1, c0, "),
            std::string("create table tidemark_log_1 (seq integer primary key, op, at").size());
}

TEST(Triggers, AMaskHas62Columns) {
  EXPECT_EQ(mask_count(0), 1U);
  EXPECT_EQ(mask_count(61), 1U);
  EXPECT_GE(mask_count(63), 2U);
  EXPECT_GE(mask_count(124 + 1), 3U);
  EXPECT_GE(mask_count(200) * kMaskBits, 200U);
}

TEST(Triggers, AreAFunctionOfTheTableAlone) {
  const auto first = triggers_of(note());
  const auto second = triggers_of(note());
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].name, second[i].name);
    EXPECT_EQ(first[i].sql, second[i].sql);
    EXPECT_EQ(first[i].name.rfind("tidemark_", 0), 0U);
  }
}

TEST(Triggers, SqliteKeepsTheirTextToTheLetter) {
  for (const LocalTable& table : {note(), wide(0), wide(200)}) {
    const Database db;
    install(db, table);
    for (const Trigger& trigger : triggers_of(table)) {
      EXPECT_EQ(db.text("select sql from sqlite_master where name = '" + trigger.name + "'"), trigger.sql);
    }
  }
}

TEST(Triggers, CallNoFunctionOfOurs) {
  for (const Trigger& trigger : triggers_of(note())) {
    std::size_t at = trigger.sql.find("tidemark_");
    for (; at != std::string::npos; at = trigger.sql.find("tidemark_", at + 1)) {
      const std::size_t end = trigger.sql.find_first_of(" (\n.,;", at);
      const std::string word = trigger.sql.substr(at, end - at);
      EXPECT_TRUE(trigger.sql[end] != '(' || word == "tidemark_log_7") << word << " is called";
    }
  }
}

TEST(Triggers, LogInsertUpdateAndDelete) {
  const Database db;
  install(db, note());
  db.run("insert into note values ('a', 'milk', 1)");
  db.run("update note set stars = 2");
  db.run("update note set stars = 2");
  db.run("update note set stars = null");
  db.run("update note set stars = 3");
  db.run("delete from note");
  const char* const expected[] = {
      "(1, NULL, 'a', NULL, NULL)",  // insert: the key alone
      "(2, 0, 'a', NULL, 1)",        // the old value of c1 alone
      "(2, 0, 'a', NULL, NULL)",     // an update that changes nothing is logged too
      "(2, 0, 'a', NULL, 2)",        // to NULL
      "(2, 2, 'a', NULL, NULL)",     // from NULL: bit 1 says that NULL is the old value of c1
      "(3, NULL, 'a', 'milk', 3)",   // delete: the whole old row
  };
  const auto log = db.rows("select op, m0, k0, c0, c1 from tidemark_log_7 order by seq");
  ASSERT_EQ(log.size(), std::size(expected));
  for (std::size_t i = 0; i < log.size(); ++i) EXPECT_EQ(test::show(log[i]), expected[i]);
  EXPECT_EQ(db.integer("select count(*) from tidemark_log_7 where abs(at - (julianday('now') - "
                       "2440587.5) * 86400000) > 60000"),
            0);
}

TEST(Triggers, EveryColumnHasABitOfItsOwnForAnOldNull) {
  for (const std::size_t columns : {1U, 61U, 62U, 63U, 124U, 125U, 200U}) {
    const LocalTable table = wide(columns);
    const Database db;
    install(db, table);
    db.run("insert into wide(id) values ('a')");
    for (std::size_t i = 0; i < columns; ++i) {
      const std::string place = std::to_string(i);
      db.run("update wide set v" + place + " = " + place);
      std::string masks = "select ";
      for (std::size_t m = 0; m < mask_count(columns); ++m) masks += (m == 0 ? "m" : ", m") + std::to_string(m);
      const auto row = db.rows(masks + " from tidemark_log_1 order by seq desc limit 1").at(0);
      for (std::size_t m = 0; m < row.size(); ++m) {
        const std::int64_t expected = m == i / kMaskBits ? std::int64_t{1} << (i % kMaskBits) : 0;
        ASSERT_EQ(row[m], Cell::integer(expected)) << columns << " columns, column " << i << ", mask " << m;
      }
    }
  }
}

TEST(Triggers, ATableOfOnlyKeyColumnsIsLogged) {
  LocalTable table = wide(0);
  table.key.push_back(column("second", "INTEGER"));
  const Database db;
  install(db, table);
  db.run(
      "insert into wide values ('a', 1); update wide set second = 1; update wide set second = 2; "
      "delete from wide");
  EXPECT_EQ(db.text("select group_concat(op || k0 || k1, ' ') from (select * from tidemark_log_1 "
                    "where op <> 2 order by seq)"),
            "1a1 4a1 1a2 5a1 3a2");
}

TEST(Triggers, NamesThatNeedQuotingDoNotBreakThem) {
  for (const char* name :
       {"order", "it's", "say \"hi\"", "a b", "価格", "rowid", "NEW", "seq", "op", "at", "k0", "c0", "m0", ";--"}) {
    LocalTable table;
    table.number = 1;
    table.name = name;
    table.key = {column("key " + std::string(name), "TEXT")};
    table.columns = {column(name, "TEXT"), column(std::string(name) + "2", "TEXT")};
    table.unique = {UniqueSet{{name}, {}, false}};
    table.rowid_name = "oid";
    const Database db;
    install(db, table);
    const std::string t = quote_identifier(name);
    db.run("insert into " + t + " values ('a', 'x', 'y'), (null, 'z', 'z')");
    db.run("update " + t + " set " + t + " = 'w' where " + t + " = 'x'");
    db.run("delete from " + t);
    EXPECT_EQ(db.rows("select c0, c1 from tidemark_log_1 where op = 2 and k0 = 'a' and c0 is not null").at(0).at(0),
              Cell::text("x"))
        << name;
    EXPECT_EQ(db.integer("select count(distinct k0) from tidemark_log_1 where op = 3 and k0 is not null"), 2) << name;
  }
}

TEST(Triggers, TheTextForOneTable) {
  std::string text;
  for (const Trigger& trigger : triggers_of(note())) text += trigger.sql + ";\n";
  // `now` stands for the expression of the time, which has a test of its own.
  const std::string now = kNowMs;
  for (std::size_t at = text.find(now); at != std::string::npos; at = text.find(now, at))
    text.replace(at, now.size(), "now");
  EXPECT_EQ(text, R"golden(CREATE TRIGGER tidemark_insert_7 before insert on "note" begin
  insert into tidemark_log_7(op, at, k0, c0, c1)
    select 4, now, tidemark_row."id", tidemark_row."body", tidemark_row."stars"
    from "note" as tidemark_row where tidemark_row."id" = NEW."id";
  insert into tidemark_log_7(op, at, k0, c0, c1)
    select 4, now, tidemark_row."id", tidemark_row."body", tidemark_row."stars"
    from "note" as tidemark_row where tidemark_row."body" = NEW."body";
  insert into tidemark_log_7(op, at, k0, c0, c1)
    select 4, now, tidemark_row."id", tidemark_row."body", tidemark_row."stars"
    from "note" as tidemark_row where tidemark_row.rowid = NEW.rowid and NEW.rowid <> -1;
  insert into tidemark_log_7(op, at, k0)
    values (1, now, NEW."id");
end;
CREATE TRIGGER tidemark_delete_7 before delete on "note" begin
  insert into tidemark_log_7(op, at, k0, c0, c1)
    values (3, now, OLD."id", OLD."body", OLD."stars");
end;
CREATE TRIGGER tidemark_rekey_7 before update of "id" on "note" when (OLD."id" is not NEW."id") begin
  insert into tidemark_log_7(op, at, k0, c0, c1)
    values (4, now, OLD."id", OLD."body", OLD."stars");
  insert into tidemark_log_7(op, at, k0, c0, c1)
    select 4, now, tidemark_row."id", tidemark_row."body", tidemark_row."stars"
    from "note" as tidemark_row where tidemark_row."id" = NEW."id" and not (tidemark_row."id" is OLD."id");
  insert into tidemark_log_7(op, at, k0)
    values (1, now, NEW."id");
end;
CREATE TRIGGER tidemark_rekeyed_7 after update of "id" on "note" when (OLD."id" is not NEW."id") begin
  insert into tidemark_log_7(op, at, k0)
    values (5, now, OLD."id");
end;
CREATE TRIGGER tidemark_displace_7 before update of "body" on "note" begin
  insert into tidemark_log_7(op, at, k0, c0, c1)
    select 4, now, tidemark_row."id", tidemark_row."body", tidemark_row."stars"
    from "note" as tidemark_row where tidemark_row."body" = NEW."body" and not (tidemark_row."id" is OLD."id");
end;
CREATE TRIGGER tidemark_move_7 before update of rowid, _rowid_, oid on "note" begin
  insert into tidemark_log_7(op, at, k0, c0, c1)
    select 4, now, tidemark_row."id", tidemark_row."body", tidemark_row."stars"
    from "note" as tidemark_row where tidemark_row.rowid = NEW.rowid and NEW.rowid <> OLD.rowid;
end;
CREATE TRIGGER tidemark_update_7 before update on "note" begin
  insert into tidemark_log_7(op, at, m0, k0, c0, c1)
    values (2, now,
      (OLD."body" is null and NEW."body" is not null) | ((OLD."stars" is null and NEW."stars" is not null) << 1), OLD."id",
      case when (OLD."body" is not NEW."body") then OLD."body" end,
      case when (OLD."stars" is not NEW."stars" or NEW."stars" = -9223372036854775808 and typeof(OLD."stars") <> typeof(NEW."stars")) then OLD."stars" end);
end;
CREATE TRIGGER tidemark_fill_7 after insert on "note" when NEW."id" is null begin
  update "note" set "id" = printf('%08x-%04x-7%03x-%04x-%012x', now >> 16, now & 65535, random() & 4095, 32768 | (random() & 16383), random() & 281474976710655) where rowid = NEW.rowid;
end;
)golden");
}

TEST(Triggers, AColumnThatIsNeverNullNeedsNoBit) {
  LocalTable table;
  table.name = "note";
  table.number = 7;
  table.key = {column("id", "text")};
  table.columns = {column("body", "text"), column("stars", "integer")};
  table.columns[0].not_null = true;
  std::string update;
  for (const Trigger& trigger : triggers_of(table)) {
    if (trigger.name == "tidemark_update_7") update = trigger.sql;
  }
  EXPECT_EQ(update.find("\"body\" is null"), std::string::npos);
  EXPECT_NE(update.find("((OLD.\"stars\" is null and NEW.\"stars\" is not null) << 1)"), std::string::npos);
}

TEST(Triggers, TheTimeIsInMilliseconds) {
  const Database db;
  EXPECT_EQ(db.integer(std::string("select abs(") + kNowMs + " - strftime('%s', 'now') * 1000) <= 1001"), 1);
  EXPECT_EQ(db.text(std::string("select typeof(") + kNowMs + ")"), "integer");
}

}  // namespace
}  // namespace tidemark
