// What capture tells a push that is being applied in this backend: which of the
// pushed rows were logged, and how. What it asks of it: when the device made
// the change.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/wire.h"
#include "pg_extension/pg.h"

namespace tidemark::pg {

class PushWatch {
 public:
  virtual ~PushWatch() = default;

  // A change of a row of `table` was captured; `columns` are places in the
  // layout's columns, for an update. Returns the time to log it with, `now_ms` if it
  // has none; nullopt if it is not to be logged.
  virtual std::optional<std::int64_t> captured(Oid table, std::string_view key, Op op,
                                               const std::vector<std::uint16_t>& columns, std::int64_t now_ms) = 0;
};

// The push being applied; null outside of one.
PushWatch* current_push();

class PushWatchScope {
 public:
  explicit PushWatchScope(PushWatch& watch);
  ~PushWatchScope();
  PushWatchScope(const PushWatchScope&) = delete;
  PushWatchScope& operator=(const PushWatchScope&) = delete;
};

}  // namespace tidemark::pg
