// Every shape of table x every way of writing x every setting of the writer's
// connection: from the table as it is and the log, the table as it was.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/sqlite/device.h"
#include "tests/sqlite/oracle.h"
#include "tests/sqlite/writes.h"

namespace tidemark::test {
namespace {

class Capture : public testing::TestWithParam<Shape> {
 protected:
  const Shape& shape() const { return GetParam(); }

  // A file with the table, tracked.
  std::string tracked_file(const Setting& setting) {
    const std::string file = folder_.file(std::to_string(files_++) + ".db");
    Setting with_extension = setting;
    with_extension.extension = true;
    const Database db = connect(file, with_extension);
    db.run(shape().create_sql());
    db.run(shape().track_sql());
    return file;
  }

  // The rows 0 to 4 and a log that says nothing.
  void begin(const Database& db, const Tracked& table) const {
    if (!sqlite3_get_autocommit(db.handle())) db.run("rollback");
    db.run("delete from " + quoted(table.name));
    if (db.attempt(insert_sql(shape(), {0, 1, 2, 3, 4})) != SQLITE_OK) {
      for (std::size_t i = 0; i < kRowsAtFirst; ++i) db.attempt(insert_sql(shape(), {i}));
    }
    ASSERT_GE(db.integer("select count(*) from " + quoted(table.name)), 3) << "the values are of no use";
    forget_log(db, table);
  }

 private:
  Folder folder_;
  int files_ = 0;
};

TEST_P(Capture, TellsTheOldTableAfterEveryWayOfWriting) {
  for (const Setting& setting : settings()) {
    const Database db = connect(tracked_file(setting), setting);
    const Tracked table = tracked(db, shape().table);
    for (const Write& write : writes(shape())) {
      begin(db, table);
      const Rows before = rows_of(db, table);
      std::string done;
      for (const std::string& statement : write.statements) {
        done += "\n  " + statement;
        if (db.attempt(statement) != SQLITE_OK) done += "  -- " + std::string(sqlite3_errmsg(db.handle()));
      }
      EXPECT_EQ(wrong(db, table, before), "") << write.name << " (" << setting.name << ")" << done;
      if (HasFailure()) return;
    }
  }
}

TEST_P(Capture, SeesEveryChangeFromOneValueToAnother) {
  const Database db = connect(tracked_file(settings()[0]), settings()[2]);
  const Tracked table = tracked(db, shape().table);
  begin(db, table);
  const std::string update = "update " + quoted(table.name) + " set ";
  std::size_t columns = 0;
  for (const Column& column : shape().written()) {
    if (column.key || ++columns > 9) continue;
    for (const std::string& from : column.values) {
      for (const std::string& to : column.values) {
        const std::string set = update + quoted(column.name) + " = ";
        if (db.attempt(set + from) != SQLITE_OK) continue;
        forget_log(db, table);
        const Rows before = rows_of(db, table);
        if (db.attempt(set + to) != SQLITE_OK) continue;
        EXPECT_EQ(wrong(db, table, before), "")
            << column.name << " " << column.declaration << " from " << from << " to " << to;
      }
    }
  }
}

std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* const given = std::getenv("TIDEMARK_SEED");
    const std::uint64_t drawn = given ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::cout << "TIDEMARK_SEED=" << drawn << std::endl;
    return drawn;
  }();
  return value;
}

int rounds() {
  const char* const given = std::getenv("TIDEMARK_ROUNDS");
  return given ? std::atoi(given) : 60;
}

TEST_P(Capture, TellsTheOldTableAfterRandomStatements) {
  std::mt19937_64 random(seed());
  for (const Setting& setting : settings()) {
    const Database db = connect(tracked_file(setting), setting);
    const Tracked table = tracked(db, shape().table);
    begin(db, table);
    for (int round = 0; round < rounds() / static_cast<int>(settings().size()); ++round) {
      forget_log(db, table);
      const Rows before = rows_of(db, table);
      std::string done;
      for (std::size_t i = 1 + random() % 8; i > 0; --i) {
        const std::string statement = random_statement(shape(), random);
        done += "\n  " + statement +
                (db.attempt(statement) == SQLITE_OK ? "" : "  -- " + std::string(sqlite3_errmsg(db.handle())));
      }
      EXPECT_EQ(wrong(db, table, before), "") << setting.name << ", TIDEMARK_SEED=" << seed() << done;
      if (HasFailure()) return;
    }
  }
}

// The test of the test: without any one trigger, some way of writing is told wrongly.
TEST(Oracle, NoticesTheLackOfAnyTrigger) {
  for (const Shape& shape : shapes()) {
    if (shape.name != "unique_several") continue;
    Database db;
    load_tidemark(db);
    db.run(shape.create_sql());
    db.run(shape.track_sql());
    const Tracked table = tracked(db, shape.table);
    const auto triggers = db.rows(
        "select name, sql from sqlite_master where type = 'trigger' and name not like '%fill%' and "
        "name not like '%rekeyed%'");  // these two have tests of their own
    EXPECT_GE(triggers.size(), 4U);
    for (const Cells& trigger : triggers) {
      db.run("drop trigger " + trigger[0].bytes);
      bool noticed = false;
      for (const Write& write : writes(shape)) {
        if (!sqlite3_get_autocommit(db.handle())) db.run("rollback");
        db.run("delete from t");
        db.run(insert_sql(shape, {0, 1, 2, 3, 4}));
        forget_log(db, table);
        const Rows before = rows_of(db, table);
        for (const std::string& statement : write.statements) db.attempt(statement);
        noticed = noticed || !wrong(db, table, before).empty();
      }
      EXPECT_TRUE(noticed) << trigger[0].bytes;
      db.attempt("rollback");
      db.run(trigger[1].bytes);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Capture, testing::ValuesIn(shapes()),
                         [](const auto& info) { return info.param.name; });

}  // namespace

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

}  // namespace tidemark::test
