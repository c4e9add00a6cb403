// Writes what is pending in the tables into the body of one push: for each logged key, the
// row as the hub knows it against the row as it is now.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sqlite_extension/compress.h"
#include "sqlite_extension/writer.h"

namespace tidemark::device {

class Sealer {
 public:
  Sealer(sqlite3* db, std::int64_t number, std::int64_t rows_at_most);

  // False if the body has become too large.
  bool add(const TrackedTable& table);

  // The compressed body; nothing can be added any more.
  std::string finish();
  std::int64_t changes() const { return changes_; }
  std::int64_t rejected() const { return rejected_; }
  bool is_exact() const { return exact_; }
  const std::vector<std::pair<std::int64_t, std::int64_t>>& covered() const { return covered_; }

  // Puts what was held back behind all that is covered. It may be released before the
  // covered part of the log is dropped.
  void move_skipped() const;

 private:
  std::optional<std::int64_t> upto(const LocalTable& table);
  void add_key(Writer& writer, const Row& key, const std::vector<LogEntry>& entries);
  bool append_values(const Writer& writer, const Row& present, const Pending& pending, Net net);

  sqlite3* db_;
  std::int64_t offset_ms_;
  std::int64_t rows_left_;
  Packer body_;
  std::string tables_;
  std::string line_;
  std::size_t table_count_ = 0;
  std::vector<std::size_t> sent_places_;  // local places of the columns in the header, in its order
  std::vector<std::int64_t> held_;
  bool has_refusals_ = false;
  bool exact_ = true;
  std::int64_t changes_ = 0;
  std::int64_t rejected_ = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> covered_;       // table number, last log row
  std::vector<std::pair<const LocalTable*, std::int64_t>> skipped_;  // held log rows
};

}  // namespace tidemark::device
