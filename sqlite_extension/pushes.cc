#include "sqlite_extension/pushes.h"

#include <algorithm>

#include "common/error.h"
#include "common/triggers.h"
#include "common/wire.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/compress.h"
#include "sqlite_extension/conflicts.h"
#include "sqlite_extension/reject.h"

namespace tidemark::device {
namespace {

// Holds the changes of a push that the verdict refuses.
class Refuser {
 public:
  Refuser(sqlite3* db, const std::vector<TrackedTable>& tables, const SealedPush& push)
      : db_(db), tables_(tables), number_(push.number), body_(decompress(push.body)) {
    const simdjson::dom::element root = parse_body(parser_, body_);
    wire_tables_ = WireReader::tables(root["tables"].value());
    changes_ = array_member(root, "changes");
  }

  void refuse(std::size_t place, const Refusal& refusal);

  // When all are refused: those that a missing row stopped may wait for another of them.
  void find_causes() {
    for (const auto& [table, key] : orphans_) wait_for_cause(db_, tables_, *table, key);
  }

 private:
  void list_unreadable(const TrackedTable& table, simdjson::dom::element change, const Refusal& refusal) const;
  std::int64_t upto(const LocalTable& table) const;

  sqlite3* db_;
  const std::vector<TrackedTable>& tables_;
  std::int64_t number_;
  std::string body_;
  simdjson::dom::parser parser_;
  std::vector<WireTable> wire_tables_;
  simdjson::dom::array changes_;
  std::vector<std::pair<const TrackedTable*, Row>> orphans_;
};

void Refuser::refuse(std::size_t place, const Refusal& refusal) {
  simdjson::dom::element element;
  if (changes_.at(place).get(element) != simdjson::SUCCESS) {
    throw Error(ErrorCode::kProtocol,
                "the hub's verdict names change " + std::to_string(place) + ", which is not in the push",
                "Is the bridge of the same version?");
  }
  WireReader reader(wire_tables_);
  WireChange change;
  reader.change(element, change);
  const std::string& name = wire_tables_[change.table].name;
  const auto table =
      std::find_if(tables_.begin(), tables_.end(), [&](const TrackedTable& t) { return t.hub && t.hub->name == name; });
  if (table == tables_.end()) return;  // no longer tracked here
  if (table->local.key.size() != change.key.size()) {
    list_unreadable(*table, element, refusal);
    return;
  }

  std::deque<std::string> bytes;
  Row key;
  for (std::size_t i = 0; i < change.key.size(); ++i) {
    key.emplace_back(
        from_wire(wire_tables_[change.table].key[i].kind, table->local.key[i].holds_bytes(), change.key[i], bytes));
  }
  TriggerRun run(db_);
  Writer writer(db_, *table, &run);
  writer.pending().ensure(db_);
  const auto* const seqs = writer.pending().find(lookup_of(views_of(key)));
  if (!seqs) return;  // its table was untracked and tracked again meanwhile
  if (yield_expressions(db_, writer, key, *seqs, refusal)) {
    ApplyScope scope(db_);
    if (has_application_triggers(db_, tables_)) run.play(tables_);
    return;
  }
  const auto first_later = std::upper_bound(seqs->begin(), seqs->end(), upto(table->local));
  hold(db_, writer, key, std::span(seqs->begin(), first_later), std::span(first_later, seqs->end()), refusal);
  constexpr std::string_view kForeignKeyViolation = "23503";
  if (refusal.sqlstate == kForeignKeyViolation) orphans_.emplace_back(&*table, key);
}

// The application has renamed the table or rebuilt its key: there is no row to hold.
void Refuser::list_unreadable(const TrackedTable& table, simdjson::dom::element change, const Refusal& refusal) const {
  Conflict lost;
  lost.table = table.local.name;
  lost.key = simdjson::minify(change.at(2));
  lost.kind = "lost";
  lost.mine = Value(ValueView::text(simdjson::minify(change)));
  lost.sqlstate = refusal.sqlstate;
  lost.message = "the hub refused this change, and the table is not as it was when it was sent: " + refusal.message;
  lost.hint = "`mine` is the change as it was sent. Write it again if it is wanted; tidemark_dismiss(id) takes it off.";
  record(db_, lost);
}

std::int64_t Refuser::upto(const LocalTable& table) const {
  Statement find(db_, "select upto from main.tidemark_sealed where number = ?1 and table_number = ?2");
  find.bind(1, number_);
  find.bind(2, table.number);
  return find.step() ? find.integer(0) : 0;
}

void forget_push(sqlite3* db, std::int64_t number) {
  for (const char* sql :
       {"delete from main.tidemark_push where number = ?1", "delete from main.tidemark_sealed where number = ?1"}) {
    Statement forget(db, sql);
    forget.bind(1, number);
    forget.run();
  }
}

}  // namespace

std::optional<SealedPush> unanswered_push(sqlite3* db) {
  Statement find(db,
                 "select number, changes, body from main.tidemark_push where state = 'sealed' order by number limit 1");
  if (!find.step()) return std::nullopt;
  return SealedPush{find.integer(0), find.integer(1), std::string(find.view(2).bytes)};
}

std::int64_t exact_push(sqlite3* db) {
  Statement find(db, "select max(number) from main.tidemark_push where state = 'accepted' and exact");
  find.step();
  return find.integer(0);
}

void want_whole(sqlite3* db, std::int64_t table_number, std::int64_t seq) {
  Statement note(db,
                 "update main.tidemark_push set exact = 0 where state = 'accepted' and number in"
                 " (select number from main.tidemark_sealed where table_number = ?1 and upto >= ?2)");
  note.bind(1, table_number);
  note.bind(2, seq);
  note.run();
}

bool must_come_whole(sqlite3* db, std::int64_t number) {
  Statement find(db, "select exact from main.tidemark_push where number = ?1 and state = 'accepted'");
  find.bind(1, number);
  return find.step() && find.integer(0) == 0;
}

std::int64_t accept(sqlite3* db, const std::vector<TrackedTable>& tables, const SealedPush& push,
                    simdjson::dom::element verdict) {
  std::int64_t count = 0;
  try {
    const simdjson::dom::array rejected = verdict["rejected"];
    if (rejected.size() > 0) {
      Refuser refuser(db, tables, push);
      for (const simdjson::dom::element entry : rejected) {
        const auto text = [&entry](const char* name) { return std::string(text_or_empty(entry, name)); };
        refuser.refuse(entry["change"].get_uint64(), {text("sqlstate"), text("message"), text("hint"), text("column")});
        ++count;
      }
      refuser.find_causes();
    }
  } catch (const simdjson::simdjson_error& error) {
    throw Error(ErrorCode::kProtocol, std::string("the hub's verdict is malformed: ") + error.what(),
                "Is the bridge of the same version?");
  }
  Statement note(db, "update main.tidemark_push set state = 'accepted', body = null where number = ?1");
  note.bind(1, push.number);
  note.run();
  return count;
}

void unseal(sqlite3* db, std::int64_t number) {
  forget_push(db, number);
  set_meta(db, "last_push", std::to_string(number - 1));
}

bool drop_confirmed(sqlite3* db, std::int64_t number) {
  Statement find(db, "select 1 from main.tidemark_push where number = ?1 and state = 'accepted'");
  find.bind(1, number);
  if (!find.step()) return false;
  find.reset();
  Statement list(db,
                 "select s.table_number, s.upto from main.tidemark_sealed s join main.tidemark_table t on t.number = "
                 "s.table_number"
                 " where s.number = ?1");
  list.bind(1, number);
  while (list.step()) drop_log(db, list.integer(0), list.integer(1));
  list.reset();
  forget_push(db, number);
  return true;
}

void give_up_identity(sqlite3* db) {
  const auto device = meta(db, "device");
  if (has_pushes(db) && device && !former_device(db)) {
    set_meta(db, "former_device", *device);
    execute(db,
            "update main.tidemark_push set exact = 0, body = null,"
            " state = case state when 'sealed' then 'unknown' else state end");
  }
  clear_meta(db, "device");
  clear_meta(db, "last_push");
}

std::optional<std::string> former_device(sqlite3* db) { return meta(db, "former_device"); }

void expect_former_pushes(sqlite3* db, std::int64_t head) {
  if (former_device(db)) set_meta(db, "former_head", std::to_string(head));
}

void forget_former_pushes(sqlite3* db, std::int64_t cursor) {
  if (former_device(db) && cursor >= meta_integer(db, "former_head", 0)) forget_pushes(db);
}

std::map<std::int64_t, std::int64_t> find_unknown(sqlite3* db, std::int64_t number) {
  std::map<std::int64_t, std::int64_t> covered;
  Statement list(db,
                 "select s.table_number, s.upto from main.tidemark_sealed s join main.tidemark_push p using (number)"
                 " where p.number = ?1 and p.state = 'unknown'");
  list.bind(1, number);
  while (list.step()) covered.emplace(list.integer(0), list.integer(1));
  list.reset();
  if (!covered.empty()) forget_push(db, number);
  return covered;
}

void forget_pushes(sqlite3* db) {
  execute(db, "delete from main.tidemark_push; delete from main.tidemark_sealed");
  clear_meta(db, "former_device");
  clear_meta(db, "former_head");
}

std::vector<std::int64_t> accepted_pushes(sqlite3* db) {
  Statement list(db, "select number from main.tidemark_push where state = 'accepted' order by number");
  std::vector<std::int64_t> numbers;
  while (list.step()) numbers.push_back(list.integer(0));
  return numbers;
}

bool has_pushes(sqlite3* db) {
  Statement find(db, "select 1 from main.tidemark_push limit 1");
  return find.step();
}

std::vector<std::int64_t> sealed_boundaries(sqlite3* db, std::int64_t table_number) {
  Statement list(db, "select upto from main.tidemark_sealed where table_number = ?1 order by upto");
  list.bind(1, table_number);
  std::vector<std::int64_t> boundaries;
  while (list.step()) boundaries.push_back(list.integer(0));
  return boundaries;
}

}  // namespace tidemark::device
