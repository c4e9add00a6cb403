#include "pg_extension/push_apply.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <tuple>

#include "common/quote.h"
#include "pg_extension/encode.h"
#include "pg_extension/push_statements.h"
#include "pg_extension/pushed_rows.h"
#include "pg_extension/table_name.h"

namespace tidemark::pg {
namespace {

using Changes = std::span<const std::uint32_t>;

constexpr std::size_t kInsertsAtOnce = 5000;

// Changes that one statement can write: of one table, one operation, the same columns.
struct Group {
  std::uint32_t table = 0;
  Op op = Op::kInsert;
  std::uint32_t column_set = 0;
  std::vector<std::uint32_t> changes;
};

// Updates and inserts parents first, then deletes children first: a child that was
// moved to another parent is moved before its old one is deleted, with what that
// cascades to. An update may free the unique value that an insert takes.
std::vector<Group> groups_of(PushBody& body) {
  std::map<std::tuple<bool, int, bool, std::uint32_t, std::uint32_t>, Group> groups;
  auto& changes = body.changes();
  for (std::uint32_t i = 0; i < changes.size(); ++i) {
    const PushedChange& change = changes[i];
    if (change.refused) continue;
    const int rank = body.tables()[change.table].rank;
    const bool deletes = change.op == Op::kDelete;
    const bool inserts = change.op == Op::kInsert;
    const std::tuple order(deletes, deletes ? -rank : rank, inserts, change.table, change.column_set);
    Group& group = groups[order];
    group.table = change.table;
    group.op = change.op;
    group.column_set = change.column_set;
    group.changes.push_back(i);
  }
  std::vector<Group> list;
  for (auto& [order, group] : groups) list.push_back(std::move(group));
  return list;
}

// The search path that users' triggers expect, the session's own, for the length
// of a scope; temporary tables come last.
class SessionSearchPath {
 public:
  SessionSearchPath() {
    const char* const reset = call([] { return GetConfigOptionResetString("search_path"); });
    std::string path = reset == nullptr ? "" : reset;
    if (path.find("pg_temp") == std::string::npos) path += path.empty() ? "pg_temp" : ", pg_temp";
    level_ = call([&] {
      const int level = NewGUCNestLevel();
      set_config_option("search_path", path.c_str(), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
      return level;
    });
  }
  ~SessionSearchPath() {
    if (std::uncaught_exceptions() == on_entry_) AtEOXact_GUC(true, level_);
  }
  SessionSearchPath(const SessionSearchPath&) = delete;
  SessionSearchPath& operator=(const SessionSearchPath&) = delete;

 private:
  int on_entry_ = std::uncaught_exceptions();
  int level_ = 0;
};

class Applier {
 public:
  Applier(PushBody& body, PushJournal& journal) : body_(body), journal_(journal) {}

  void run() {
    refuse_alike_keys();
    groups_ = groups_of(body_);
    if (groups_.empty()) return;
    for (const Rows rows : {Rows::kNew, Rows::kPerhapsThere}) {
      rows_ = rows;
      if (try_all()) return;
      if (refusal_ != ERRCODE_UNIQUE_VIOLATION || !has_inserts()) break;
    }
    rows_ = Rows::kPerhapsThere;
    if (try_isolating()) return;
    // A deferred constraint is broken, and only checking after each change tells by which.
    isolate(Checks::kAtOnce);
    refuse_failed();
  }

 private:
  enum class Checks { kLater, kAtOnce };

  struct Failed {
    const Group* group;
    std::uint32_t change;
    Report report;
  };

  // A key may be equal to one that is there and yet be another text, 1.50 for 1.5:
  // on the device they are two rows.
  void refuse_alike_keys() {
    for (std::uint32_t i = 0; i < body_.tables().size(); ++i) {
      const PushedTable& table = body_.tables()[i];
      if (!table.alike_keys || table.refusal) continue;
      std::vector<std::uint32_t> places;
      for (std::uint32_t j = 0; j < body_.changes().size(); ++j) {
        if (body_.changes()[j].table == i && !body_.changes()[j].refused) places.push_back(j);
      }
      if (!places.empty()) refuse_alike_keys(*table.layout, places);
    }
  }

  void refuse_alike_keys(const Layout& layout, Changes places) {
    std::string sql = "select p.change";
    for (const Column& column : layout.key) sql += ", t." + quote_identifier(column.name);
    sql += " from pushed p join " + qualified_name(layout.relation) + " t on " + same_key_condition(layout, "t");
    Spi spi;
    PushedRows rows(body_, places, false);
    rows.register_in(spi);
    spi.run(sql);
    CanonicalOutput canonical;
    for (std::uint64_t row = 0; row < spi.rows(); ++row) {
      bool is_null = false;
      const auto place = static_cast<std::uint32_t>(call([&] { return DatumGetInt32(spi.datum(row, 0, &is_null)); }));
      std::string key = "[";
      for (std::size_t i = 0; i < layout.key.size(); ++i) {
        if (i > 0) key += ',';
        call([&] { append_value(key, layout.key[i], spi.datum(row, static_cast<int>(i) + 1, &is_null), is_null); });
      }
      key += ']';
      if (key == body_.changes()[place].key) continue;
      body_.refuse(place, {ERRCODE_INVALID_PARAMETER_VALUE,
                           "key " + std::string(body_.changes()[place].key) + " is not written as the hub writes it",
                           "The hub's form is " + key + ". Write the key in that form on the device.",
                           {}});
    }
  }

  bool has_inserts() const {
    return std::any_of(groups_.begin(), groups_.end(), [](const Group& group) { return group.op == Op::kInsert; });
  }

  bool try_all() {
    return succeeds([&] {
      for (const Group& group : groups_) write(group, group.changes);
      check_deferred();
    });
  }

  // Everything but the bad changes, with deferred constraints checked at the end.
  bool try_isolating() {
    const bool done = succeeds([&] {
      isolate(Checks::kLater);
      check_deferred();
    });
    if (done) refuse_failed();
    return done;
  }

  void isolate(Checks checks) {
    failed_.clear();
    for (const Group& group : groups_) write_all_but_bad(group, group.changes, checks);
    retry_failed(checks);
  }

  void write_all_but_bad(const Group& group, Changes changes, Checks checks) {
    const std::size_t mark = journal_.mark();
    auto refused = attempt([&] {
      write(group, changes);
      if (checks == Checks::kAtOnce) check_deferred();
    });
    if (!refused) return;
    journal_.back_to(mark);
    if (changes.size() == 1) {
      failed_.push_back({&group, changes[0], std::move(*refused)});
      return;
    }
    write_all_but_bad(group, changes.first(changes.size() / 2), checks);
    write_all_but_bad(group, changes.subspan(changes.size() / 2), checks);
  }

  // A change may have failed only because another had not been made yet: a unique
  // value was not free, a parent not there.
  void retry_failed(Checks checks) {
    for (bool progress = true; progress && !failed_.empty();) {
      std::vector<Failed> again;
      again.swap(failed_);
      const std::size_t before = again.size();
      for (const Failed& failed : again) write_all_but_bad(*failed.group, {&failed.change, 1}, checks);
      progress = failed_.size() < before;
    }
    pass_values_on(checks);
  }

  // Rows that pass unique values on in a circle: none can be first. They let go of
  // theirs and then take the new ones. Those that clash with a row outside of the
  // circle keep what they have, and the others try without them.
  void pass_values_on(Checks checks) {
    std::vector<Failed> circle;
    std::vector<Failed> others;
    for (Failed& failed : failed_) {
      const bool clashes = failed.report.sqlstate == ERRCODE_UNIQUE_VIOLATION && failed.group->op == Op::kUpdate;
      (clashes ? circle : others).push_back(std::move(failed));
    }
    while (circle.size() > 1) {
      const std::size_t mark = journal_.mark();
      failed_.clear();
      const bool done = tried([&] {
        for (const Failed& failed : circle) {
          if (!let_go(*failed.group, {&failed.change, 1})) return false;
        }
        for (const Failed& failed : circle) write_all_but_bad(*failed.group, {&failed.change, 1}, checks);
        return failed_.empty();
      });
      if (done) {
        circle.clear();
        break;
      }
      journal_.back_to(mark);
      if (failed_.empty()) break;  // not even letting go was possible
      std::set<std::uint32_t> clashing;
      for (const Failed& failed : failed_) clashing.insert(failed.change);
      const auto outside = std::stable_partition(
          circle.begin(), circle.end(), [&](const Failed& failed) { return clashing.count(failed.change) == 0; });
      std::move(outside, circle.end(), std::back_inserter(others));
      circle.erase(outside, circle.end());
    }
    std::move(circle.begin(), circle.end(), std::back_inserter(others));
    failed_ = std::move(others);
  }

  // Gives the rows values of their unique columns that nobody else has; false if
  // there are none.
  bool let_go(const Group& group, Changes changes) {
    const PushedTable& table = body_.tables()[group.table];
    const std::string statement = let_go_statement(*table.layout, table.column_sets[group.column_set]);
    if (statement.empty()) return false;
    Spi spi;
    PushedRows rows(body_, changes, false);
    rows.register_in(spi);
    ActingAs owner(table.owner);
    SessionSearchPath path;
    spi.run(statement);
    return true;
  }

  void refuse_failed() {
    for (Failed& failed : failed_) body_.refuse(failed.change, std::move(failed.report));
  }

  template <class Body>
  bool succeeds(Body&& body) {
    const std::size_t mark = journal_.mark();
    const auto refused = attempt(std::forward<Body>(body));
    if (!refused) return true;
    refusal_ = refused->sqlstate;
    journal_.back_to(mark);
    return false;
  }

  // Many inserts are several statements, so that what each keeps of its rows stays in
  // the caches; but a row may refer to any other of its statement.
  void write(const Group& group, Changes changes) {
    const PushedTable& table = body_.tables()[group.table];
    const bool whole = group.op != Op::kInsert || table.refers_to_itself;
    const std::size_t at_once = whole ? changes.size() : kInsertsAtOnce;
    for (; changes.size() > at_once; changes = changes.subspan(at_once)) write_at_once(group, changes.first(at_once));
    write_at_once(group, changes);
  }

  // One statement, as the table's owner.
  void write_at_once(const Group& group, Changes changes) {
    const PushedTable& table = body_.tables()[group.table];
    const auto& columns = table.column_sets[group.column_set];
    std::string statement;
    switch (group.op) {
      case Op::kInsert: statement = insert_statement(*table.layout, columns, rows_); break;
      case Op::kUpdate: statement = update_statement(*table.layout, columns); break;
      case Op::kDelete: statement = delete_statement(*table.layout); break;
    }
    const bool writes_nothing = group.op == Op::kUpdate && columns.places.empty();
    std::uint64_t written = 0;
    if (!writes_nothing) {
      Spi spi;
      PushedRows rows(body_, changes, group.op != Op::kDelete);
      rows.register_in(spi);
      ActingAs owner(table.owner);
      SessionSearchPath path;
      written = spi.run(statement);
    }
    if (written == changes.size()) return;
    for (const std::uint32_t change : changes) body_.changes()[change].doubtful = true;
  }

  // Constraint triggers run as the owner of a pushed table; if they have several,
  // as one who is no superuser.
  void check_deferred() {
    Oid user = body_.tables()[groups_[0].table].owner;
    for (const Group& group : groups_) {
      const Oid owner = body_.tables()[group.table].owner;
      if (call([&] { return superuser_arg(user); })) user = owner;
    }
    Spi spi;
    ActingAs owner(user);
    SessionSearchPath path;
    spi.run("set constraints all immediate");
  }

  PushBody& body_;
  PushJournal& journal_;
  std::vector<Group> groups_;
  std::vector<Failed> failed_;
  Rows rows_ = Rows::kPerhapsThere;
  int refusal_ = 0;  // SQLSTATE of the last attempt that did not succeed
};

}  // namespace

void apply_push(PushBody& body, PushJournal& journal) { Applier(body, journal).run(); }

}  // namespace tidemark::pg
