#include "sqlite_extension/expression.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <string_view>

#include "common/error.h"
#include "common/policy.h"

namespace tidemark::device {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kInstructionsAtOnce = 100;  // one of them may be a function of large values
constexpr std::chrono::milliseconds kMostTime{500};
constexpr int kMostStopped = 10;  // then it is not tried again: there may be ten thousand rows
// SQLite does not stop inside a function, so values may not become much larger than those
// that are given: instr of some megabytes takes minutes.
constexpr std::size_t kMaxValueBytes = 64 << 20;
constexpr std::size_t kSmallBytes = 256 << 10;
constexpr std::size_t kMostGrowth = 4;

constexpr char kTooLong[] = "the expression failed: it takes too long";
constexpr char kNotTried[] = "the expression was not tried: it took too long for other rows";
constexpr char kHint[] = "It must be one value that SQLite can work out from :base, :mine and :theirs alone.";

// Functions of values, and nothing else: no table, no setting, no recursion.
int only_values(void*, int action, const char*, const char* function, const char*, const char*) {
  const bool is_function = action == SQLITE_FUNCTION && std::string_view(function) != "load_extension";
  return action == SQLITE_SELECT || is_function ? SQLITE_OK : SQLITE_DENY;
}

int is_over(void* end) { return Clock::now() > *static_cast<Clock::time_point*>(end); }

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorCode::kInvalidInput, what, kHint); }

}  // namespace

Expressions::Expressions() {
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(opened);
  if (code != SQLITE_OK) throw std::bad_alloc();
  sqlite3_set_authorizer(opened, only_values, nullptr);
}

Expressions::~Expressions() = default;

Value Expressions::evaluate(const std::string& expression, const ValueView& base, const ValueView& mine,
                            const ValueView& theirs) {
  int& stopped = stopped_[expression];
  if (stopped >= kMostStopped) refuse(kNotTried);
  const std::size_t given = expression.size() + base.bytes.size() + mine.bytes.size() + theirs.bytes.size();
  sqlite3_limit(db_.get(), SQLITE_LIMIT_LENGTH,
                static_cast<int>(std::min(kMaxValueBytes, kSmallBytes + kMostGrowth * given)));
  Statement& statement = prepared(expression);
  statement.bind(1, Value(base));
  statement.bind(2, Value(mine));
  statement.bind(3, Value(theirs));
  Clock::time_point end = Clock::now() + kMostTime;
  sqlite3_progress_handler(db_.get(), kInstructionsAtOnce, is_over, &end);
  Value value;
  try {
    statement.step();
    value = statement.value(3);
  } catch (const SqliteError& error) {
    statement.end();
    if (error.code() == SQLITE_INTERRUPT) {
      ++stopped;
      refuse(kTooLong);
    }
    refuse("the expression failed: " + std::string(error.what()));
  }
  statement.end();
  return value;
}

Statement& Expressions::prepared(const std::string& expression) {
  const auto found = statements_.find(expression);
  if (found != statements_.end()) return found->second;

  const std::string sql = expression_sql(expression);
  sqlite3_stmt* parsed = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v2(db_.get(), sql.c_str(), static_cast<int>(sql.size()), &parsed, &rest);
  const bool is_one_value = sqlite3_column_count(parsed) == 4 && rest == sql.c_str() + sql.size();
  const bool has_others = sqlite3_bind_parameter_count(parsed) != 3;
  sqlite3_finalize(parsed);
  if (code == SQLITE_NOMEM) throw std::bad_alloc();
  if (code != SQLITE_OK) refuse("the expression is refused by SQLite: " + std::string(sqlite3_errmsg(db_.get())));
  if (!is_one_value) refuse("the expression is more than one value");
  if (has_others) refuse("the expression has other parameters");
  return statements_.emplace(expression, Statement(db_.get(), sql)).first->second;
}

}  // namespace tidemark::device
