// The log of one table on a device and the triggers that write it: plain SQL,
// with no function of ours, so that any program's writes are recorded.
//
// A log row says that something happened to a key and what was there before:
//
//   seq  op  at  m0 …  k0 …  c0 …
//
// `op` is 1 insert; 2 update: c<b> has the old value of column b where that has
// changed, and bit b of m<b/62> is set where the old value was NULL; 3 delete: c0 …
// are the whole old row; 4: the same of a row that may go: a REPLACE may knock it
// out silently, or it gets another key, unless OR IGNORE or OR FAIL leaves it; 5: it
// has got another key; 0 void. Rows are logged before they change, so that the log
// is in the order of the writes whatever triggers the application has. A spurious
// row is harmless, the table tells what is there now; a missing one is not.
#pragma once

#include <string>
#include <vector>

#include "common/table.h"

namespace tidemark {

enum class LogOp { kVoid = 0, kInsert = 1, kUpdate = 2, kDelete = 3, kMayGo = 4, kRekeyed = 5 };

constexpr std::size_t kMaskBits = 62;

// How many mask columns (m0, m1, …) a log of that many columns has.
constexpr std::size_t mask_count(std::size_t columns) { return columns / kMaskBits + 1; }

std::string log_name(const LocalTable& table);

std::string create_log_sql(const LocalTable& table);

struct Trigger {
  std::string name;
  std::string sql;  // as SQLite keeps it; see create_trigger_sql()
};

// The statement that makes the trigger in the main database, also if a
// temporary table has the name of the trigger's table.
std::string create_trigger_sql(const Trigger& trigger);

// All triggers of a table. Their names start with tidemark_, their text is a
// function of the table alone.
std::vector<Trigger> triggers_of(const LocalTable& table);

// The SQL expression for now in milliseconds since 1970, as the triggers write it.
extern const char* const kNowMs;

}  // namespace tidemark
