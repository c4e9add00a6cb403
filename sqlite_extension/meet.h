// What happens when a change of the hub meets a pending change to the same row:
// rebases the pending change on theirs, and writes down what lost.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sqlite_extension/applier.h"
#include "sqlite_extension/writer.h"

namespace tidemark::device {

// `seqs` are the log rows of the key; `segments` the last log row that each
// push on its way covers, rising. `offset_ms`: the hub's clock less ours.
void meet_pending(sqlite3* db, Writer& writer, const TheirChange& theirs, const Origin& origin,
                  std::span<const std::int64_t> seqs, std::span<const std::int64_t> segments, std::int64_t offset_ms);

}  // namespace tidemark::device
