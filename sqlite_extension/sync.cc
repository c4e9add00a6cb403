#include "sqlite_extension/sync.h"

#include <algorithm>
#include <utility>

#include "common/error.h"
#include "common/json_text.h"
#include "common/triggers.h"
#include "common/wire.h"
#include "sqlite_extension/conflicts.h"
#include "sqlite_extension/dangling.h"
#include "sqlite_extension/description.h"
#include "sqlite_extension/load.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/reject.h"
#include "sqlite_extension/tracking.h"
#include "sqlite_extension/trigger_run.h"

namespace tidemark::device {
namespace {

namespace dom = simdjson::dom;

// How often a push may be behind before we leave it for later.
constexpr int kMaxRounds = 20;

bool has_pending(sqlite3* db) {
  for (const TrackedTable& table : tracked_tables(db)) {
    if (Statement(db, "select 1 from main." + log_name(table.local) + " where op <> 0 limit 1").step()) return true;
  }
  return false;
}

}  // namespace

std::string SyncReport::json() const {
  JsonObject report;
  report.add("pulled", pulled).add("pushed", pushed).add("conflicts", conflicts).add("rejected", rejected);
  return report.add("cursor", cursor).add("bytes_in", bytes_in).add("bytes_out", bytes_out).text();
}

Session::Session(sqlite3* db, Shapes& shapes) : db_(db), shapes_(db, shapes), hub_(Hub::of(db)) {
  Statement last(db, "select ifnull(max(id), 0) from main.tidemark_conflict");
  last.step();
  last_conflict_ = last.integer(0);
  last.reset();
  shapes_.check_once(refresh_tracking);
}

void Session::pull() {
  if (const auto sealed = unanswered_push(db_)) send(*sealed, false);
  load();
  pull_pages();
  if (!load_ready_tables()) return;
  load();
  pull_pages();  // rows that came are of different moments until what was written meanwhile is read
}

// Marks the tables that were to be loaded again once the log is read; whether there are any.
bool Session::load_ready_tables() {
  bool any = false;
  for (TrackedTable& table : tracked_tables(db_)) {
    if (table.state != TableState::kReady || table.sweep == Sweep::kNothing) continue;
    Transaction transaction(db_);
    load_again(db_, table, table.sweep);
    transaction.commit();
    any = true;
  }
  return any;
}

void Session::push() {
  for (int round = 0; round < kMaxRounds; ++round) {
    if (has_pushes(db_)) pull();
    if (push_once() != Outcome::kBehind) return;
    pull();
  }
  throw Error(ErrorCode::kUnavailable, "the hub changes faster than this device can follow",
              "Nothing is lost. Sync again later.");
}

void Session::sync() {
  pull();
  for (int round = 0; round < kMaxRounds; ++round) {
    const auto schema = meta(db_, "schema");
    const Outcome outcome = push_once();
    if (outcome == Outcome::kNothing) return;
    pull();
    const bool learned = meta(db_, "schema") != schema;  // what was refused for it goes again
    if (outcome == Outcome::kAccepted && !release_waiting(db_) && !learned) return;
  }
  throw Error(ErrorCode::kUnavailable, "the hub changes faster than this device can follow",
              "Nothing is lost. Sync again later.");
}

std::vector<HubTable> Session::learn_tables() {
  dom::parser parser;
  const dom::element answer = answer_in(parser, hub_.tables());
  Transaction transaction(db_);
  std::vector<HubTable> all = learn(answer);
  transaction.commit();
  return all;
}

// Keeps the descriptions in the hub's list of tables. In a transaction of the caller's.
std::vector<HubTable> Session::learn(dom::element answer) {
  std::vector<HubTable> all;
  try {
    hub_.keep_clock_offset(db_, answer["now"]);
    for (const dom::element entry : dom::array(answer["tables"]))
      all.push_back(hub_table_from(simdjson::minify(entry)));
    set_meta(db_, "schema", answer["schema"]);
  } catch (const simdjson::simdjson_error& error) {
    throw Error(ErrorCode::kProtocol, std::string("the hub's list of tables is malformed: ") + error.what(),
                "Is the bridge of the same version?");
  }
  for (TrackedTable& table : tracked_tables(db_)) learn_description(db_, table, find_table(all, table.local.name));
  return all;
}

void Session::load() {
  if (!meta(db_, "schema")) learn_tables();
  const std::vector<TrackedTable> all = tracked_tables(db_);
  const bool some = std::any_of(all.begin(), all.end(), [](const TrackedTable& table) { return table.is_loading(); });
  // What was accepted is in the rows that come: it is read back first, so that no
  // difference is counted twice.
  if (some && has_pushes(db_) && !unanswered_push(db_)) pull_pages();
  for (TrackedTable& table : tracked_tables(db_)) {
    if (!table.is_loading()) continue;
    if (!table.hub) {
      learn_tables();
      const auto now = find_tracked(db_, table.local.name);
      if (!now || !now->hub || now->state == TableState::kRefused) continue;
      table = *now;
    }
    try {
      report_.pulled += load_table(db_, hub_, table, fires_triggers_);
    } catch (const TriggerRollback& rollback) {
      do_without_triggers(rollback);
      return load();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kAhead) {
        load_everything_again();
        return load();
      }
      // Untracked on the hub since it was described, or tracked after the backup it was restored from.
      if (error.code() == ErrorCode::kNotFound) learn_tables();
      const auto now = find_tracked(db_, table.local.name);
      if (now && now->state != TableState::kRefused) throw;
    }
  }
}

SyncReport Session::finish() {
  report_.bytes_in = hub_.take_bytes_in();
  report_.bytes_out = hub_.take_bytes_out();
  report_.cursor = meta(db_, "cursor").value_or("0");
  Transaction transaction(db_);
  release_mended(db_);  // before they are off the list
  list_dangling(db_);
  if (hub_.has_told_time()) forget_old_conflicts(db_);
  set_meta(db_, "last_sync_at", std::to_string(now_ms(db_)));
  transaction.commit();
  Statement conflicts(
      db_, "select count(*) from main.tidemark_conflict where id > ?1 and kind <> 'reject' and state <> 'merged'");
  conflicts.bind(1, last_conflict_);
  conflicts.step();
  report_.conflicts = conflicts.integer(0);
  return report_;
}

Session::Outcome Session::push_once() {
  std::optional<SealedPush> push = unanswered_push(db_);
  bool first = false;
  if (!push) {
    if (former_device(db_)) {
      throw Error(
          ErrorCode::kUnavailable,
          "the log comes from a standby that does not tell yet what this device has pushed under its former name",
          "Sync again later, or ask the bridge that serves the primary.");
    }
    if (!hub_.has_told_time() && has_pending(db_)) ask_time();
    Transaction transaction(db_);
    push = unanswered_push(db_);  // another connection may have been faster
    if (!push) {
      const SealReport sealed = seal(db_, tracked_tables(db_));
      report_.rejected += sealed.rejected;
      push = sealed.push;
      first = true;
    }
    transaction.commit();
  }
  return push ? send(*push, first) : Outcome::kNothing;
}

// When the pending changes were made is told by the hub's clock, as of now.
void Session::ask_time() {
  dom::parser parser;
  const std::int64_t now_ms = integer_member(answer_in(parser, hub_.status()), "now");
  Transaction transaction(db_);
  hub_.keep_clock_offset(db_, now_ms);
  transaction.commit();
}

// Whether an error says for certain that the hub has nothing of the push, so
// that its changes are pending again. Any other error leaves it sealed, to be
// repeated in the same bytes.
bool Session::nothing_was_applied(ErrorCode code, bool first) const {
  switch (code) {
    case ErrorCode::kBehind:
    case ErrorCode::kForked:
    case ErrorCode::kForbidden:
    case ErrorCode::kAhead:
    case ErrorCode::kTooLarge:
    case ErrorCode::kInvalidInput: return true;
    case ErrorCode::kUnauthorized:
    case ErrorCode::kUnreachable: return first;
    default: return false;
  }
}

// Sends a sealed push and carries the verdict out.
Session::Outcome Session::send(const SealedPush& push, bool first) {
  std::string verdict;
  try {
    verdict = hub_.push(push.body);
  } catch (const Error& error) {
    if (!nothing_was_applied(error.code(), first)) throw;
    Transaction transaction(db_);
    const auto still = unanswered_push(db_);
    if (still && still->number == push.number) unseal(db_, push.number);
    transaction.commit();
    if (error.code() == ErrorCode::kForked) {
      enrol_again();
    } else if (error.code() == ErrorCode::kAhead) {
      load_everything_again();
    } else if (error.code() != ErrorCode::kBehind) {
      throw;
    }
    return Outcome::kBehind;
  }
  Transaction transaction(db_);
  const auto still = unanswered_push(db_);
  if (still && still->number == push.number) {
    dom::parser parser;
    const dom::element answer = answer_in(parser, verdict);
    const std::int64_t rejected = accept(db_, tracked_tables(db_), push, answer);
    report_.rejected += rejected;
    report_.pushed += push.changes - rejected;
    std::int64_t now_ms = 0;
    if (answer["now"].get(now_ms) == simdjson::SUCCESS) hub_.keep_clock_offset(db_, now_ms);
  }
  transaction.commit();
  return Outcome::kAccepted;
}

// Another copy of this file uses its identity: this one takes a new one. Its
// pending changes stay and go under the new name.
void Session::enrol_again() {
  const Enrolment enrolment = hub_.enrol_again();
  Transaction transaction(db_);
  give_up_identity(db_);
  set_meta(db_, "device", enrolment.device);
  set_meta(db_, "token", enrolment.token);
  expect_former_pushes(db_, enrolment.head);
  transaction.commit();
}

}  // namespace tidemark::device
