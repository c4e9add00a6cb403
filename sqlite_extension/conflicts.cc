#include "sqlite_extension/conflicts.h"

#include "sqlite_extension/catalog.h"
#include "sqlite_extension/hub.h"

namespace tidemark::device {

namespace {

constexpr std::int64_t kDaysKept = 90;
constexpr std::int64_t kMsPerDay = 86'400'000;

}  // namespace

void record(sqlite3* db, const Conflict& conflict) {
  Statement add(db,
                "insert into main.tidemark_conflict (table_name, key, column_name, kind, base, mine, theirs, result,"
                " policy, state, mine_at, theirs_at, device, seq, sqlstate, message, hint, held, noticed_at)"
                " values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)");
  const auto bind_text = [&add](int parameter, const std::string& text) {
    if (!text.empty()) add.bind(parameter, std::string_view(text));
  };
  const auto bind_integer = [&add](int parameter, const std::optional<std::int64_t>& value) {
    if (value) add.bind(parameter, *value);
  };
  bind_text(1, conflict.table);
  bind_text(2, conflict.key);
  bind_text(3, conflict.column);
  bind_text(4, conflict.kind);
  add.bind(5, conflict.base);
  add.bind(6, conflict.mine);
  add.bind(7, conflict.theirs);
  add.bind(8, conflict.result);
  bind_text(9, conflict.policy);
  bind_text(10, conflict.state);
  bind_integer(11, conflict.mine_at_ms);
  bind_integer(12, conflict.theirs_at_ms);
  bind_text(13, conflict.device);
  bind_integer(14, conflict.seq);
  bind_text(15, conflict.sqlstate);
  bind_text(16, conflict.message);
  bind_text(17, conflict.hint);
  bind_integer(18, conflict.held);
  add.bind(19, now_ms(db));
  add.run();
}

std::int64_t days_kept(sqlite3* db) {
  return meta(db, "keep_conflicts") ? meta_integer(db, "keep_conflicts", kDaysKept) : kDaysKept;
}

void forget_old_conflicts(sqlite3* db) {
  const std::int64_t now = now_ms(db) + clock_offset_ms(db);
  Statement settle(db,
                   "update main.tidemark_conflict set settled_at = ?1"
                   " where state not in ('open', 'waiting') and settled_at is null");
  settle.bind(1, now);
  settle.run();
  Statement forget(db, "delete from main.tidemark_conflict where settled_at <= ?1");
  forget.bind(1, now - days_kept(db) * kMsPerDay);
  forget.run();
}

}  // namespace tidemark::device
