// How rows let go of their unique values before others of the push take them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg_extension/push_body.h"

namespace tidemark::pg {

// From which end of a type's range the values come that rows hold meanwhile. A CHECK
// may allow only one of them. kLow takes NULL where the column may be NULL.
enum class Range { kLow, kHigh };

struct LettingGo {
  std::string statement;              // reads the relation "pushed" (pushed_rows.h)
  std::vector<std::uint16_t> places;  // of the columns that it sets, in the layout
};

// For rows that will be updated with these columns: nullopt if the columns are in no
// UNIQUE index, or in one for which there is no such value (an enum, a boolean, a
// foreign key).
std::optional<LettingGo> let_go_before_update(const Layout& layout, const ColumnSet& columns, Range range);

// For rows that will be deleted: nullopt if there is nothing to let go of.
std::optional<LettingGo> let_go_before_delete(const Layout& layout, Range range);

}  // namespace tidemark::pg
