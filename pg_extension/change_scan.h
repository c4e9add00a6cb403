// Reads the changes of a transaction in their order, straight from _change's index.
#pragma once

#include <exception>
#include <string_view>

#include "pg_extension/pg.h"

namespace tidemark::pg {

struct LoggedChange {
  std::int32_t n = 0;
  std::int32_t version = 0;
  std::int64_t at = 0;
  char op = 'i';
  bool has_values = false;
  bool has_columns = false;
  std::string_view key;  // JSON, as the others; valid until the next change
  std::string_view values;
  std::string_view columns;
};

class ChangeScan {
 public:
  explicit ChangeScan(Snapshot snapshot);
  ~ChangeScan();
  ChangeScan(const ChangeScan&) = delete;
  ChangeScan& operator=(const ChangeScan&) = delete;

  // Goes to the changes of transaction `tx` after its change `after`.
  void start(std::int64_t tx, std::int32_t after = 0);

  // False at the end.
  bool next(LoggedChange& change);

 private:
  int on_entry_ = std::uncaught_exceptions();
  Relation relation_ = nullptr;
  Relation index_ = nullptr;
  IndexScanDesc scan_ = nullptr;
  TupleTableSlot* slot_ = nullptr;
  MemoryContext row_ = nullptr;
};

}  // namespace tidemark::pg
