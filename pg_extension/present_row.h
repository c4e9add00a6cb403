// Reads a row of a tracked table as it is at this moment of the transaction.
#pragma once

#include <vector>

#include "pg_extension/layout.h"
#include "pg_extension/spi.h"

namespace tidemark::pg {

class PresentRow {
 public:
  // `layout` is that of the tracked table or of a partition of it.
  explicit PresentRow(const Layout& layout);

  // Looks for the row with this key, in the key's order. True if there is one;
  // `text` is then its [v1,v2,…].
  bool find(const Datum* key, std::string& text);

 private:
  LayoutPtr root_;
  std::string sql_;
  std::vector<Oid> key_types_;
  std::vector<Column> selected_;  // as in root_->columns, numbered by the query
};

}  // namespace tidemark::pg
