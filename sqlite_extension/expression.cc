#include "sqlite_extension/expression.h"

#include <new>
#include <string_view>

#include "common/error.h"
#include "common/policy.h"

namespace tidemark::device {
namespace {

constexpr int kInstructionsAtOnce = 10'000;
constexpr int kMostRounds = 1'000;  // ten million instructions: some tenths of a second
constexpr int kMaxValueBytes = 64 << 20;

constexpr char kHint[] = "It must be one value that SQLite can work out from :base, :mine and :theirs alone.";

// Functions of values, and nothing else: no table, no setting, no recursion.
int only_values(void*, int action, const char*, const char* function, const char*, const char*) {
  const bool is_function = action == SQLITE_FUNCTION && std::string_view(function) != "load_extension";
  return action == SQLITE_SELECT || is_function ? SQLITE_OK : SQLITE_DENY;
}

int count_down(void* rounds) { return --*static_cast<int*>(rounds) < 0; }

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorCode::kInvalidInput, what, kHint); }

}  // namespace

Expressions::Expressions() {
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(opened);
  if (code != SQLITE_OK) throw std::bad_alloc();
  sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  sqlite3_set_authorizer(opened, only_values, nullptr);
}

Expressions::~Expressions() = default;

Value Expressions::evaluate(const std::string& expression, const ValueView& base, const ValueView& mine,
                            const ValueView& theirs) {
  Statement& statement = prepared(expression);
  statement.bind(1, Value(base));
  statement.bind(2, Value(mine));
  statement.bind(3, Value(theirs));
  int rounds = kMostRounds;
  sqlite3_progress_handler(db_.get(), kInstructionsAtOnce, count_down, &rounds);
  Value value;
  try {
    statement.step();
    value = statement.value(3);
  } catch (const SqliteError& error) {
    statement.end();
    refuse("the expression failed: " + std::string(rounds < 0 ? "it takes too long" : error.what()));
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
