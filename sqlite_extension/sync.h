// The conversation of a device with its hub: connect, pull, push, sync. Every
// network request happens outside of any transaction.
#pragma once

#include <cstdint>
#include <string>

#include "common/error.h"
#include "sqlite_extension/catalog.h"
#include "sqlite_extension/hub.h"

namespace tidemark::device {

struct SyncReport {
  std::int64_t pulled = 0;     // changes and loaded rows of tracked tables
  std::int64_t pushed = 0;     // changes that the hub accepted
  std::int64_t conflicts = 0;  // new rows in tidemark_conflicts but for rejects
  std::int64_t rejected = 0;   // changes that were refused
  std::int64_t bytes_in = 0;
  std::int64_t bytes_out = 0;
  std::string cursor;

  std::string json() const;
};

// Pages of a commit that has not come whole yet, held until it has. Only where the
// line breaks, or they become too many, do they go into tidemark_page.
struct OpenCommit {
  struct Page {
    std::string body;
    std::int64_t have = 0;  // what it was asked with
  };
  std::vector<Page> pages;
  std::size_t bytes = 0;
  std::string begun_after;  // what the database had read before the first
  std::string cursor;       // behind the last
};

// One run of the conversation, on a connection that is in no transaction.
class Session {
 public:
  Session(sqlite3* db, Shapes& shapes);

  void pull();
  void push();
  void sync();

  // Asks the hub for its tables and keeps the descriptions of the tracked ones.
  // Returns all of them.
  std::vector<HubTable> learn_tables();

  // Loads the tables that are new or half loaded.
  void load();

  // Changes and rows of tracked tables until now.
  std::int64_t pulled() const { return report_.pulled; }

  SyncReport finish();

 private:
  enum class Outcome { kNothing, kAccepted, kBehind };

  Outcome push_once();
  void ask_time();
  // `first`: sealed a moment ago, and never sent before.
  Outcome send(const struct SealedPush& push, bool first);
  bool nothing_was_applied(ErrorCode code, bool first) const;
  void pull_pages();
  bool load_ready_tables();
  bool pull_run(class PageReader& pages, std::int64_t have);
  bool apply_page(const std::string& asked_after, std::string body, std::int64_t have, class PageReader& pages,
                  bool& more);
  void do_without_triggers(const class TriggerRollback& rollback);
  bool store_open_commit();
  void keep_open_commit();
  std::vector<HubTable> learn(simdjson::dom::element answer);
  void enrol_again();
  void load_everything_again();

  sqlite3* db_;
  ShapeCache shapes_;
  Hub hub_;
  SyncReport report_;
  OpenCommit open_;
  // Of the page that came last, and of those before it: kept, since their memory costs more than the parsing.
  simdjson::dom::parser page_parser_;
  simdjson::dom::parser earlier_parser_;
  bool fires_triggers_ = true;
  std::int64_t last_conflict_ = 0;
};

}  // namespace tidemark::device
