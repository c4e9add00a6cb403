// Seals a push: what is pending becomes its body, stored before it is sent.
#include <algorithm>

#include "sqlite_extension/dangling.h"
#include "sqlite_extension/pushes.h"
#include "sqlite_extension/reject.h"
#include "sqlite_extension/sealer.h"

namespace tidemark::device {

SealReport seal(sqlite3* db, const std::vector<TrackedTable>& tables) {
  const std::int64_t number = meta_integer(db, "last_push", 0) + 1;
  SealReport report;
  std::int64_t rows_at_most = INT64_MAX;
  while (true) {
    Savepoint savepoint(db);
    Sealer sealer(db, number, rows_at_most);
    bool fits = true;
    for (const TrackedTable& table : tables) {
      if (table.state != TableState::kReady || !table.hub) continue;
      if (!(fits = sealer.add(table))) break;
    }
    if (!fits && rows_at_most > 1) {
      rows_at_most = std::min<std::int64_t>(rows_at_most, 1 << 20) / 2;
      continue;  // the savepoint is rolled back
    }
    report.rejected += sealer.rejected();
    // What waits for a row that goes now, goes with it; so does what had none to refer to.
    if (release_waiting(db) || release_mended(db)) {
      savepoint.release();
      continue;
    }
    sealer.move_skipped();
    if (sealer.changes() > 0) {
      const std::string body = sealer.finish();
      Statement add(db, "insert into main.tidemark_push values (?1, 'sealed', ?2, ?3, ?4, ?5)");
      add.bind(1, number);
      add.bind(2, now_ms(db));
      add.bind(3, sealer.changes());
      add.bind_blob(4, body);
      add.bind(5, std::int64_t{sealer.is_exact()});
      add.run();
      Statement cover(db, "insert into main.tidemark_sealed values (?1, ?2, ?3)");
      for (const auto& [table, upto] : sealer.covered()) {
        cover.bind(1, number);
        cover.bind(2, table);
        cover.bind(3, upto);
        cover.run();
      }
      set_meta(db, "last_push", std::to_string(number));
      report.push = SealedPush{number, sealer.changes(), body};
    } else if (!has_pushes(db)) {
      // Nothing differs from what the hub has: the log says nothing any more.
      for (const auto& [table, upto] : sealer.covered()) drop_log(db, table, upto);
    }
    savepoint.release();
    return report;
  }
}

}  // namespace tidemark::device
