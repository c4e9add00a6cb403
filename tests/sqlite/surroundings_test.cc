// Writes that the application does not write itself: cascades, its own
// triggers, other connections.
#include <gtest/gtest.h>

#include <thread>

#include "tests/sqlite/device.h"
#include "tests/sqlite/oracle.h"

namespace tidemark::test {
namespace {

struct Scene {
  const char* name;
  std::string setup;  // tables and rows
  std::vector<std::string> tracked;
  std::vector<std::string> statements;  // may fail
};

const char* const kParents =
    "create table p(id text primary key, n integer unique); "
    "insert into p values ('a', 1), ('b', 2), ('c', 3); ";

std::string children(const std::string& action) {
  return std::string(kParents) + "create table c(id text primary key, p text default 'c' references p(id) " + action +
         ", v integer); insert into c values ('1', 'a', 1), ('2', 'a', 2), ('3', 'b', 3)";
}

const Scene kScenes[] = {
    {"delete cascades", children("on delete cascade"), {"p", "c"}, {"delete from p where id = 'a'"}},
    {"delete sets null", children("on delete set null"), {"p", "c"}, {"delete from p where id = 'a'"}},
    {"delete sets the default", children("on delete set default"), {"p", "c"}, {"delete from p where id = 'a'"}},
    {"delete is restricted",
     children("on delete restrict"),
     {"p", "c"},
     {"delete from p where id = 'a'", "delete from p where id = 'c'"}},
    {"key change cascades", children("on update cascade"), {"p", "c"}, {"update p set id = 'z' where id = 'a'"}},
    {"key change sets null", children("on update set null"), {"p", "c"}, {"update p set id = 'z' where id = 'a'"}},
    {"replace of a parent by its key",
     children("on delete cascade"),
     {"p", "c"},
     {"insert or replace into p values ('a', 9)"}},
    {"replace of a parent by a unique column",
     children("on delete cascade"),
     {"p", "c"},
     {"insert or replace into p values ('z', 1)"}},
    {"update or replace of a parent",
     children("on delete cascade"),
     {"p", "c"},
     {"update or replace p set n = 1 where id = 'b'"}},
    {"only the child is tracked",
     children("on delete cascade on update cascade"),
     {"c"},
     {"update p set id = 'z' where id = 'b'", "delete from p where id = 'a'"}},
    {"deferred",
     children("on delete cascade deferrable initially deferred"),
     {"p", "c"},
     {"begin", "insert into c values ('4', 'new', 4)", "insert into p values ('new', 4)",
      "delete from p where id = 'a'", "commit"}},
    {"a tree that refers to itself",
     "create table t(id text primary key, up text references t(id) on delete cascade on update "
     "cascade, n integer);"
     "insert into t values ('1', null, 1), ('2', '1', 2), ('3', '2', 3), ('4', '3', 4), ('5', '1', "
     "5), ('x', null, 9)",
     {"t"},
     {"update t set id = 'two' where id = '2'", "delete from t where id = '1'"}},
    {"a composite key cascades",
     "create table p(a text, b integer, n, primary key (a, b)) without rowid; insert into p values "
     "('a', 1, 1), ('b', 2, 2);"
     "create table c(a text, b integer, i integer, n, primary key (a, b, i), foreign key (a, b) "
     "references p(a, b) on update cascade on delete cascade);"
     "insert into c values ('a', 1, 1, 'x'), ('a', 1, 2, 'y'), ('b', 2, 1, 'z')",
     {"p", "c"},
     {"update p set b = 7 where a = 'a'", "delete from p where a = 'b'"}},

    {"a trigger keeps the time of a change",
     "create table t(id text primary key, v, at text); insert into t values ('a', 1, 'then'), "
     "('b', 2, 'then');"
     "create trigger stamp after update of v on t begin update t set at = 'now' where id = NEW.id; "
     "end",
     {"t"},
     {"update t set v = 9"}},
    {"a trigger changes the row that was inserted",
     "create table t(id text primary key, v, at text);"
     "create trigger stamp after insert on t begin update t set at = 'now', v = v + 1 where id = "
     "NEW.id; end",
     {"t"},
     {"insert into t(id, v) values ('a', 1), ('b', 2)", "insert or replace into t(id, v) values ('a', 5)"}},
    {"a trigger changes the key of the row that was inserted",
     "create table t(id text primary key, v);"
     "create trigger rename after insert on t when NEW.v > 5 begin update t set id = id || '-big' "
     "where id = NEW.id; end",
     {"t"},
     {"insert into t values ('a', 1), ('b', 9)", "insert into t values ('a-big', 2), ('c', 7)"}},
    {"a trigger deletes the row that was inserted",
     "create table t(id text primary key, v); create trigger drop_it after insert on t when NEW.v "
     "= 0 begin delete from t where id = NEW.id; end",
     {"t"},
     {"insert into t values ('a', 0), ('b', 1), ('c', 1)", "insert or replace into t values ('b', 0)"}},
    {"a trigger inserts more rows into the same table",
     "create table t(id text primary key, v integer); create trigger more after insert on t when "
     "NEW.v > 0 begin insert into t values (NEW.id || '+', NEW.v - 1); end",
     {"t"},
     {"insert into t values ('a', 3)", "insert into t(v) values (1)"}},
    {"a trigger writes another tracked table",
     "create table t(id text primary key, v integer); create table log(id text primary key, what "
     "text);"
     "create trigger l1 after insert on t begin insert into log(what) values ('insert ' || "
     "NEW.id); end;"
     "create trigger l2 after update on t begin insert into log(what) values ('update ' || "
     "NEW.id); end;"
     "create trigger l3 before delete on t begin insert into log(what) values ('delete ' || "
     "OLD.id); end",
     {"t", "log"},
     {"insert into t values ('a', 1), ('b', 2)", "update t set v = 3", "delete from t where id = 'a'",
      "insert or replace into t values ('b', 9)"}},
    {"a trigger adds up",
     "create table t(id text primary key, n integer); create table sums(id text primary key, total "
     "integer); insert into sums values ('all', 0);"
     "create trigger s1 after insert on t begin update sums set total = total + NEW.n; end;"
     "create trigger s2 after delete on t begin update sums set total = total - OLD.n; end",
     {"t", "sums"},
     {"insert into t values ('a', 1), ('b', 2)", "insert or replace into t values ('b', 9)",
      "delete from t where id = 'a'"}},
    {"a trigger puts a deleted row back",
     "create table t(id text primary key, n, gone integer default 0); insert into t values ('a', "
     "1, 0), ('b', 2, 0);"
     "create trigger soft after delete on t when OLD.gone = 0 begin insert into t values (OLD.id, "
     "OLD.n, 1); end",
     {"t"},
     {"delete from t where id = 'a'"}},
    {"a trigger corrects what was written",
     "create table t(id text primary key, s text); insert into t values ('a', 'x');"
     "create trigger up after update of s on t when NEW.s <> upper(NEW.s) begin update t set s = "
     "upper(s) where id = NEW.id; end;"
     "create trigger up2 after insert on t begin update t set s = upper(s) where id = NEW.id; end",
     {"t"},
     {"update t set s = 'new'", "insert into t values ('b', 'y')"}},
    {"a trigger takes a change back",
     "create table t(id text primary key, n integer, note text); insert into t values ('a', 1, '');"
     "create trigger keep after update of n on t when NEW.n > 9 begin update t set n = OLD.n, note "
     "= 'too much' where id = NEW.id; end",
     {"t"},
     {"update t set n = 99"}},
    {"a trigger moves the key back",
     "create table t(id text primary key, n integer); insert into t values ('a', 1), ('b', 2);"
     "create trigger keep after update of id on t when NEW.id = 'z' begin update t set id = "
     "OLD.id, n = n + 1 where id = NEW.id; end",
     {"t"},
     {"update t set id = 'z' where id = 'a'"}},
    {"a trigger refuses",
     "create table t(id text primary key, n integer); insert into t values ('a', 1);"
     "create trigger no before update on t when NEW.n < 0 begin select raise(abort, 'no'); end;"
     "create trigger skip before insert on t when NEW.n < 0 begin select raise(ignore); end;"
     "create trigger fails after insert on t when NEW.n = 77 begin select raise(fail, 'enough'); "
     "end",
     {"t"},
     {"update t set n = -1", "insert into t values ('b', -1), ('c', 1)", "insert or replace into t values ('a', -5)",
      "insert into t values ('d', 1), ('e', 77), ('f', 1)"}},
    {"a trigger that replaces",
     "create table t(id text primary key, n integer unique); create table u(id text primary key, n "
     "integer); insert into t values ('a', 1), ('b', 2);"
     "create trigger over after insert on u begin insert or replace into t values (NEW.id, NEW.n); "
     "end",
     {"t", "u"},
     {"insert into u values ('z', 1), ('b', 7)", "insert or ignore into u values ('y', 2)",
      "insert or replace into u values ('y', 7)"}},
    {"a trigger before the insert takes the place",
     "create table t(id text primary key, n integer unique); insert into t values ('a', 1), ('b', "
     "2);"
     "create trigger shift before insert on t begin update t set n = n + 100 where n = NEW.n; end",
     {"t"},
     {"insert into t values ('c', 1)", "insert or replace into t values ('a', 2)"}},
    {"a trigger before the update writes another row",
     "create table t(id text primary key, n integer unique); insert into t values ('a', 1), ('b', "
     "2), ('c', 3);"
     "create trigger shift before update of n on t when NEW.n < 50 begin update t set n = n + 100 "
     "where n = NEW.n and id <> NEW.id; end",
     {"t"},
     {"update t set n = 2 where id = 'a'", "update or replace t set n = 3 where id = 'b'"}},
    {"a view that is written through",
     "create table t(id text primary key, n integer); insert into t values ('a', 1); create view v "
     "as select * from t;"
     "create trigger vi instead of insert on v begin insert or replace into t values (NEW.id, "
     "NEW.n); end;"
     "create trigger vd instead of delete on v begin delete from t where id = OLD.id; end",
     {"t"},
     {"insert into v values ('b', 2), ('a', 5)", "delete from v where id = 'a'"}},
    {"a full-text index that follows",
     "create table t(id text primary key, body text); create virtual table f using fts5(body, "
     "content='');"
     "create trigger fi after insert on t begin insert into f(rowid, body) values (NEW.rowid, "
     "NEW.body); end",
     {"t"},
     {"insert into t values ('a', 'tide'), (null, 'mark')", "update t set body = 'x'"}},
};

TEST(Surroundings, TheOldTablesAreTold) {
  for (const Scene& scene : kScenes) {
    for (const Setting& setting : settings()) {
      for (const bool triggers_after : {false, true}) {
        SCOPED_TRACE(std::string(scene.name) + ", " + setting.name + (triggers_after ? ", made after ours" : ""));
        const Folder folder;
        const std::string file = folder.file("t.db");
        Setting with_extension = setting;
        with_extension.extension = true;
        {
          const Database db = connect(file, with_extension);
          db.run(scene.setup);
          for (const std::string& name : scene.tracked) db.run("select tidemark_track('" + name + "')");
          if (triggers_after) {  // the application's triggers are made again, after ours
            for (const Cells& row : db.rows("select name, sql from sqlite_master where type = "
                                            "'trigger' and name not like 'tidemark%'")) {
              db.run("drop trigger " + row[0].bytes + "; " + row[1].bytes);
            }
          }
        }
        const Database db = connect(file, setting);
        db.run("pragma foreign_keys = on");
        std::vector<std::pair<Tracked, Rows>> before;
        for (const std::string& name : scene.tracked) {
          const Tracked table = tracked(db, name);
          forget_log(db, table);
          before.emplace_back(table, rows_of(db, table));
        }
        bool changed = false;
        for (const std::string& statement : scene.statements) db.attempt(statement);
        for (const auto& [table, rows] : before) {
          EXPECT_EQ(wrong(db, table, rows), "") << table.name;
          changed = changed || rows_of(db, table) != rows;
        }
        if (setting.trusted_schema) EXPECT_TRUE(changed) << "the scene shows nothing";
      }
    }
  }
}

TEST(Surroundings, AProgramsCountersAreItsOwn) {
  const Database db;
  load_tidemark(db);
  db.run(
      "create table t(id text primary key, n integer unique); select tidemark_track('t'); insert "
      "into t values ('a', 1), ('b', 2)");
  EXPECT_EQ(sqlite3_changes(db.handle()), 2);
  EXPECT_EQ(db.integer("select last_insert_rowid()"), 2);
  db.run("insert into t(n) values (3)");
  EXPECT_EQ(db.integer("select last_insert_rowid()"), 3) << "the key that was filled in is another statement's";
  EXPECT_EQ(db.integer("select changes()"), 1);
  db.run("update t set n = n + 10");
  EXPECT_EQ(db.integer("select changes()"), 3);
  db.run("insert or replace into t values ('c', 11)");
  EXPECT_EQ(db.integer("select changes()"), 1);
  db.run("delete from t");
  EXPECT_EQ(db.integer("select changes()"), 3);
}

// Two programs write as fast as they can, one with the extension, one without.
TEST(Surroundings, TwoConnectionsAtOnce) {
  for (const bool wal : {false, true}) {
    const Folder folder;
    const std::string file = folder.file("t.db");
    Setting setting{"", true, false, false, true, wal};
    const Database db = connect(file, setting);
    db.run(
        "create table t(id text primary key, n integer unique, s text); select tidemark_track('t');"
        "insert into t values ('a', 1, ''), ('b', 2, ''), ('c', 3, '')");
    const Tracked table = tracked(db, "t");
    forget_log(db, table);
    const Rows before = rows_of(db, table);
    const auto write = [&](bool extension, int first) {
      Setting mine = setting;
      mine.extension = extension;
      const Database own = connect(file, mine);
      for (int i = 0; i < 60; ++i) {
        const std::string n = std::to_string(first + i);
        own.attempt("insert into t values (null, " + n + ", 'new')");
        own.attempt("begin immediate");
        own.attempt("insert or replace into t values ('" + std::string(1, static_cast<char>('a' + i % 3)) + "', " +
                    std::to_string(i % 7) + ", '" + n + "')");
        own.attempt("update t set s = s || 'x' where n % 5 = 0");
        own.attempt("delete from t where n = " + std::to_string(first + i - 3));
        own.attempt(i % 4 ? "commit" : "rollback");
      }
    };
    std::thread other(write, false, 1000);
    write(true, 2000);
    other.join();
    EXPECT_EQ(wrong(db, table, before), "") << (wal ? "WAL" : "rollback journal");
    EXPECT_EQ(db.text("pragma integrity_check"), "ok");
    EXPECT_GT(db.integer("select count(*) from t"), 20);
  }
}

}  // namespace
}  // namespace tidemark::test
