#include "sqlite_extension/sync.h"

#include <algorithm>
#include <utility>

#include "common/error.h"
#include "common/json_text.h"
#include "common/wire.h"
#include "sqlite_extension/applier.h"
#include "sqlite_extension/compress.h"
#include "sqlite_extension/conflicts.h"
#include "sqlite_extension/dangling.h"
#include "sqlite_extension/load.h"
#include "sqlite_extension/page_reader.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/reject.h"
#include "sqlite_extension/tracking.h"

namespace tidemark::device {
namespace {

namespace dom = simdjson::dom;

// How often a push may be behind before we leave it for later.
constexpr int kMaxRounds = 20;

// Of an open commit's pages, what is held in memory at most.
constexpr std::size_t kMaxHeldBytes = std::size_t{64} << 20;

std::vector<OpenCommit::Page> stored_pages(sqlite3* db) {
  std::vector<OpenCommit::Page> pages;
  Statement list(db, "select body, have from main.tidemark_page order by id");
  while (list.step()) pages.push_back({decompress(list.view(0).bytes), list.integer(1)});
  return pages;
}

void forget_stored_pages(sqlite3* db) {
  execute(db, "delete from main.tidemark_page");
  clear_meta(db, "staged_cursor");
}

// How far this database has read: behind the stored pages of an open commit, if there are any.
std::string stored_cursor(sqlite3* db) {
  if (const auto staged = meta(db, "staged_cursor")) return *staged;
  return meta(db, "cursor").value_or("0");
}

}  // namespace

std::string SyncReport::json() const {
  JsonObject report;
  report.add("pulled", pulled).add("pushed", pushed).add("conflicts", conflicts).add("rejected", rejected);
  return report.add("cursor", cursor).add("bytes_in", bytes_in).add("bytes_out", bytes_out).text();
}

Session::Session(sqlite3* db) : db_(db), shapes_(db), hub_(Hub::of(db)) {
  Statement last(db, "select ifnull(max(id), 0) from main.tidemark_conflict");
  last.step();
  last_conflict_ = last.integer(0);
  last.reset();
  refresh_tracking(db_);
}

void Session::pull() {
  if (const auto sealed = unanswered_push(db_)) send(*sealed, false);
  load();
  pull_pages();
}

void Session::push() {
  for (int round = 0; round < kMaxRounds; ++round) {
    if (has_pushes(db_)) pull();
    if (push_once() != Outcome::kBehind) return;
    pull();
  }
  throw Error(ErrorCode::kUnavailable, "the hub changes faster than this device can follow", "Nothing is lost. Sync again later.");
}

void Session::sync() {
  pull();
  for (int round = 0; round < kMaxRounds; ++round) {
    const Outcome outcome = push_once();
    if (outcome == Outcome::kNothing) return;
    pull();
    if (outcome == Outcome::kAccepted && !release_waiting(db_)) return;
  }
  throw Error(ErrorCode::kUnavailable, "the hub changes faster than this device can follow", "Nothing is lost. Sync again later.");
}

std::vector<HubTable> Session::learn_tables() {
  dom::parser parser;
  const dom::element answer = answer_in(parser, hub_.tables());
  std::vector<HubTable> all;
  Transaction transaction(db_);
  try {
    hub_.keep_clock_offset(db_, answer["now"]);
    for (const dom::element entry : dom::array(answer["tables"])) all.push_back(hub_table_from(simdjson::minify(entry)));
    set_meta(db_, "schema", answer["schema"]);
  } catch (const simdjson::simdjson_error& error) {
    throw Error(ErrorCode::kProtocol, std::string("the hub's list of tables is malformed: ") + error.what(), "Is the bridge of the same version?");
  }
  for (TrackedTable& table : tracked_tables(db_)) learn_description(db_, table, find_table(all, table.local.name));
  transaction.commit();
  return all;
}

void Session::load() {
  if (!meta(db_, "schema")) learn_tables();
  const std::vector<TrackedTable> all = tracked_tables(db_);
  const bool some = std::any_of(all.begin(), all.end(), [](const TrackedTable& table) {
    return table.state == TableState::kNew || table.state == TableState::kLoading;
  });
  // What was accepted is in the rows that come: it is read back first, so that no
  // difference is counted twice.
  if (some && has_pushes(db_) && !unanswered_push(db_)) pull_pages();
  for (TrackedTable& table : tracked_tables(db_)) {
    if (table.state != TableState::kNew && table.state != TableState::kLoading) continue;
    if (!table.hub) {
      learn_tables();
      const auto now = find_tracked(db_, table.local.name);
      if (!now || !now->hub || now->state == TableState::kRefused) continue;
      table = *now;
    }
    try {
      report_.pulled += load_table(db_, hub_, table);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kAhead) throw;
      load_everything_again();
      return load();
    }
  }
}

SyncReport Session::finish() {
  report_.bytes_in = hub_.take_bytes_in();
  report_.bytes_out = hub_.take_bytes_out();
  report_.cursor = meta(db_, "cursor").value_or("0");
  Transaction transaction(db_);
  list_dangling(db_);
  forget_old_conflicts(db_);
  set_meta(db_, "last_sync_at", std::to_string(now_ms(db_)));
  transaction.commit();
  Statement conflicts(db_, "select count(*) from main.tidemark_conflict where id > ?1 and kind <> 'reject' and state <> 'merged'");
  conflicts.bind(1, last_conflict_);
  conflicts.step();
  report_.conflicts = conflicts.integer(0);
  return report_;
}

Session::Outcome Session::push_once() {
  std::optional<SealedPush> push = unanswered_push(db_);
  bool first = false;
  if (!push) {
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

void Session::pull_pages() {
  bool more = true;
  while (more) {
    const std::int64_t have = exact_push(db_);
    PageReader pages([this, have](const std::string& after) { return hub_.log(after, have); });
    more = pull_run(pages, have);
  }
}

// Applies pages one after the other, the next on its way while one is applied.
// False when there are no more, true if something came between: ask anew.
bool Session::pull_run(PageReader& pages, std::int64_t have) {
  bool more = true;
  while (more) {
    const std::string after = open_.pages.empty() ? stored_cursor(db_) : open_.cursor;
    std::string body;
    try {
      body = pages.get(after);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kAhead) {
        keep_open_commit();
        throw;
      }
      load_everything_again();
      load();
      return true;
    }
    if (apply_page(after, std::move(body), have, pages, more)) continue;
    // Not applied: another connection moved on, or something must be done first.
    pages.forget();
    open_ = {};
    if (const auto sealed = unanswered_push(db_)) send(*sealed, false);
    load();
    return true;
  }
  return false;
}

// Applies one page in one transaction. False if the page is not the next one any more.
bool Session::apply_page(const std::string& asked_after, std::string body, std::int64_t have, PageReader& pages, bool& more) {
  simdjson::dom::parser parser;
  const simdjson::dom::element page = parse_body(parser, body);
  const std::string epoch(text_member(page, "epoch"));
  const std::string schema(text_member(page, "schema"));
  const std::string cursor(text_member(page, "cursor"));
  bool open = false;
  if (page["open"].get(open) != simdjson::SUCCESS || page["more"].get(more) != simdjson::SUCCESS) {
    throw Error(ErrorCode::kProtocol, "the hub's page has no \"open\" or \"more\"", "Is the bridge of the same version?");
  }
  if (epoch != meta(db_, "epoch")) {
    load_everything_again();
    return false;
  }
  if (schema != meta(db_, "schema")) {
    learn_tables();
    return false;
  }

  if (more) pages.expect(cursor);
  if (open) {
    if (open_.pages.empty()) open_.begun_after = asked_after;
    open_.bytes += body.size();
    open_.pages.push_back({std::move(body), have});
    open_.cursor = cursor;
    return open_.bytes <= kMaxHeldBytes || store_open_commit();
  }
  Transaction transaction(db_);
  const std::string& read_so_far = open_.pages.empty() ? asked_after : open_.begun_after;
  if (stored_cursor(db_) != read_so_far || unanswered_push(db_)) return false;
  hub_.keep_clock_offset(db_, integer_member(page, "now"));
  const std::vector<TrackedTable> tables = tracked_tables(db_);
  bool is_whole = true;
  {
    ApplyScope scope(db_);
    Savepoint savepoint(db_);
    Applier applier(db_, tables, meta(db_, "device").value_or(""));
    const auto log_earlier = [&applier](const std::vector<OpenCommit::Page>& earlier) {
      for (const OpenCommit::Page& one : earlier) {
        simdjson::dom::parser earlier_parser;
        applier.log_page(parse_body(earlier_parser, one.body), one.have);
      }
    };
    log_earlier(stored_pages(db_));
    log_earlier(open_.pages);
    applier.log_page(page, have);
    applier.finish();
    is_whole = !applier.needs_own_changes();
    if (is_whole) {
      report_.pulled += applier.changes();
      savepoint.release();
    }
  }
  if (meta(db_, "staged_cursor")) forget_stored_pages(db_);
  if (!is_whole) {
    execute(db_, "update main.tidemark_push set exact = 0");
    transaction.commit();
    return false;  // nothing of it was applied: asked again without `have`
  }
  set_meta(db_, "cursor", cursor);
  transaction.commit();
  open_ = {};
  return true;
}

// Moves the pages that are held into the database. False, and nothing done, if
// another connection has read on meanwhile.
bool Session::store_open_commit() {
  Transaction transaction(db_);
  if (stored_cursor(db_) != open_.begun_after) return false;
  Statement keep(db_, "insert into main.tidemark_page (body, have) values (?1, ?2)");
  for (const OpenCommit::Page& page : open_.pages) {
    keep.bind_blob(1, compress(page.body));
    keep.bind(2, page.have);
    keep.run();
  }
  set_meta(db_, "staged_cursor", open_.cursor);
  transaction.commit();
  open_ = {};
  return true;
}

// The line broke inside a commit: what came of it need not come again. Where it
// cannot be stored it does, and the line's error says more than this one.
void Session::keep_open_commit() {
  if (open_.pages.empty()) return;
  try {
    store_open_commit();
  } catch (const SqliteError&) {
  }
}

// Another copy of this file uses its identity: this one takes a new one. Its
// pending changes stay and go under the new name.
void Session::enrol_again() {
  const Enrolment enrolment = hub_.enrol_again();
  Transaction transaction(db_);
  set_meta(db_, "device", enrolment.device);
  set_meta(db_, "token", enrolment.token);
  execute(db_, "delete from main.tidemark_push; delete from main.tidemark_sealed");
  clear_meta(db_, "last_push");
  transaction.commit();
}

// The hub's log is not the one we have read: all tables are loaded again.
void Session::load_everything_again() {
  dom::parser parser;
  dom::parser status_parser;
  const dom::element answer = answer_in(parser, hub_.tables());
  const dom::element status = answer_in(status_parser, hub_.status());
  std::int64_t last_push = 0;
  if (const auto last = optional_member(status, "push")) last_push = *last;
  Transaction transaction(db_);
  set_meta(db_, "epoch", text_member(answer, "epoch"));
  set_meta(db_, "cursor", std::to_string(integer_member(answer, "head")));
  open_ = {};
  forget_stored_pages(db_);
  // What that hub has accepted is in the rows that come; the rest is lost there and counts as pending again.
  for (const std::int64_t number : accepted_pushes(db_)) {
    if (number <= last_push) drop_confirmed(db_, number);
  }
  execute(db_, "delete from main.tidemark_push; delete from main.tidemark_sealed");
  set_meta(db_, "last_push", std::to_string(last_push));
  for (TrackedTable& table : tracked_tables(db_)) load_again(db_, table, true);
  transaction.commit();
}

}  // namespace tidemark::device
