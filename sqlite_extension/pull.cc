// Reads the hub's log: page by page, each applied in one transaction that also
// moves the cursor.
#include <utility>

#include "common/error.h"
#include "common/wire.h"
#include "sqlite_extension/applier.h"
#include "sqlite_extension/compress.h"
#include "sqlite_extension/load.h"
#include "sqlite_extension/page_reader.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/sync.h"
#include "sqlite_extension/trigger_run.h"

namespace tidemark::device {
namespace {

namespace dom = simdjson::dom;

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
    try {
      if (apply_page(after, std::move(body), have, pages, more)) continue;
    } catch (const TriggerRollback& rollback) {
      do_without_triggers(rollback);
    }
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
bool Session::apply_page(const std::string& asked_after, std::string body, std::int64_t have, PageReader& pages,
                         bool& more) {
  const simdjson::dom::element page = parse_body(page_parser_, body);
  const std::string epoch(text_member(page, "epoch"));
  const std::string schema(text_member(page, "schema"));
  const std::string cursor(text_member(page, "cursor"));
  bool open = false;
  if (page["open"].get(open) != simdjson::SUCCESS || page["more"].get(more) != simdjson::SUCCESS) {
    throw Error(ErrorCode::kProtocol, "the hub's page has no \"open\" or \"more\"",
                "Is the bridge of the same version?");
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
  const std::int64_t read_to = more ? -1 : std::stoll(cursor);
  bool is_whole = true;
  {
    ApplyScope scope(db_);
    Savepoint savepoint(db_);
    Applier applier(db_, tables, meta(db_, "device").value_or(""), fires_triggers_);
    const auto log_earlier = [&](const std::vector<OpenCommit::Page>& earlier) {
      for (const OpenCommit::Page& one : earlier) applier.log_page(parse_body(earlier_parser_, one.body), one.have);
    };
    log_earlier(stored_pages(db_));
    log_earlier(open_.pages);
    applier.log_page(page, have);
    applier.finish(read_to);
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
  note_read(db_, read_to);
  if (!more) forget_former_pushes(db_, meta_integer(db_, "cursor", 0));
  transaction.commit();
  open_ = {};
  return true;
}

// What a trigger of the application ends with a ROLLBACK is applied once more, with no trigger fired for it.
void Session::do_without_triggers(const TriggerRollback& rollback) {
  fires_triggers_ = false;
  set_meta(db_, "trigger_error", rollback.what());
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
  forget_pushes(db_);
  set_meta(db_, "last_push", std::to_string(last_push));
  learn(answer);  // rows of a table that is another now would be taken for its own
  for (TrackedTable& table : tracked_tables(db_)) load_again(db_, table, Sweep::kLost);
  transaction.commit();
}

}  // namespace tidemark::device
