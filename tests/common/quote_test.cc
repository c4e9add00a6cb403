// Names and texts stay what they are when they become part of SQL.
#include "common/quote.h"

#include <gtest/gtest.h>

#include "tests/sqlite/database.h"

namespace tidemark {
namespace {

const char* const kOddTexts[] = {
    "",
    "order",
    "select",
    "a b",
    "it's",
    "say \"hi\"",
    "\"",
    "''",
    "\"\"",
    "a;b",
    "--",
    "/*",
    "]",
    "[x]",
    "`back`",
    "a\\'b",
    "%s %q",
    "\n\t\r ",
    "$1 ?1 :a @b",
    "naïve",
    "価格",
    "🧾",
    "rowid",
    "NEW",
    "\x01",
    "a.b",
    "x'00'",
    "a\\",
    "'; drop table t; --",
};

TEST(Quote, WritesTheDocumentedForms) {
  EXPECT_EQ(quote_identifier("order"), R"("order")");
  EXPECT_EQ(quote_identifier(R"(say "hi")"), R"("say ""hi""")");
  EXPECT_EQ(quote_identifier("it's"), R"("it's")");
  EXPECT_EQ(quote_identifier(""), R"("")");
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal(R"(say "hi")"), R"('say "hi"')");
  EXPECT_EQ(quote_literal(""), "''");
}

TEST(Quote, KeepsEveryByte) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(quote_literal(all).size(), all.size() + 3);  // two marks, one doubled
  EXPECT_EQ(quote_identifier(all).size(), all.size() + 3);
}

TEST(Quote, LiteralsReadBackAsTheSameTextInSqlite) {
  const test::Database db;
  for (const char* text : kOddTexts) {
    EXPECT_EQ(db.rows("select " + quote_literal(text)).at(0).at(0), test::Cell::text(text)) << text;
  }
}

TEST(Quote, IdentifiersNameTablesAndColumnsInSqlite) {
  for (const char* name : kOddTexts) {
    if (*name == '\0') continue;  // SQLite takes it, and no program can speak of it well
    const test::Database db;
    const std::string quoted = quote_identifier(name);
    db.run("create table " + quoted + " (" + quoted + " text)");
    db.run("insert into " + quoted + "(" + quoted + ") values ('x')");
    EXPECT_EQ(db.text("select name from sqlite_master"), name);
    EXPECT_EQ(db.text("select name from pragma_table_info(" + quote_literal(name) + ")"), name);
    EXPECT_EQ(db.text("select " + quoted + "." + quoted + " from " + quoted), "x") << name;
  }
}

}  // namespace
}  // namespace tidemark
