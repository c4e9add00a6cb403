#include "common/fold.h"

#include <algorithm>

namespace tidemark {

Pending fold(std::span<const LogEntry> entries, std::size_t columns) {
  Pending pending;
  pending.columns.resize(columns);
  // The first entry tells what the hub has: REPLACE logs the row it is about to
  // knock out before it logs the insert.
  pending.base_exists = !entries.empty() && entries.front().op != LogOp::kInsert;

  for (const LogEntry& entry : entries) {
    pending.at_ms = std::max(pending.at_ms, entry.at_ms);
    if (entry.op == LogOp::kRekeyed) continue;  // what was there is in the entry before
    for (std::size_t i = 0; i < columns; ++i) {
      Pending::Column& column = pending.columns[i];
      if (entry.op == LogOp::kUpdate && !entry.changed[i]) continue;
      if (!column.touched && !entry.old.empty()) column.base = entry.old[i];
      column.touched = true;
      column.at_ms = std::max(column.at_ms, entry.at_ms);
    }
  }
  return pending;
}

Net net_of(const Pending& pending, const std::optional<Row>& present) {
  if (!pending.base_exists) return present ? Net::kInsert : Net::kNothing;
  if (!present) return Net::kDelete;
  for (std::size_t i = 0; i < pending.columns.size(); ++i) {
    if (is_changed(pending.columns[i], (*present)[i])) return Net::kUpdate;
  }
  return Net::kNothing;
}

}  // namespace tidemark
