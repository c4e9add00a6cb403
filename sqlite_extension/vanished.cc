#include "sqlite_extension/vanished.h"

#include "common/fold.h"
#include "common/triggers.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/conflicts.h"
#include "sqlite_extension/log.h"
#include "sqlite_extension/reject.h"
#include "sqlite_extension/writer.h"

namespace tidemark::device {
namespace {

Conflict lost_change(const Writer& writer, const Row& key, const Pending& pending) {
  Conflict lost;
  lost.table = writer.local().name;
  lost.key = key_json(key);
  lost.kind = "lost";
  if (pending.base_exists) lost.base = Value(ValueView::text(writer.base_json(pending)));
  lost.message =
      "the row was gone when the triggers that log changes were missing: what was pending of it cannot be sent";
  lost.hint = "Write it again if it is wanted; tidemark_dismiss(id) takes it off the list.";
  return lost;
}

}  // namespace

void list_vanished(sqlite3* db, const TrackedTable& table) {
  const LocalTable& local = table.local;
  Writer writer(db, table);
  writer.pending().ensure(db);
  for (const Row& key : pending_keys(db, local)) {
    const auto key_views = views_of(key);
    const auto* const seqs = writer.pending().find(lookup_of(key_views));
    if (!seqs || writer.read(key_views)) continue;
    const std::vector<LogEntry> entries = read_entries(db, local, *seqs);
    if (entries.back().op != LogOp::kInsert && entries.back().op != LogOp::kUpdate) continue;  // it went by a statement
    record(db, lost_change(writer, key, fold(entries, local.columns.size())));
    forget_refusals(db, local, key, "resolved");
    void_entries(db, local, *seqs);
  }
}

}  // namespace tidemark::device
