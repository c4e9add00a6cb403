// tidemark._check_policy: whether a column may have a policy. Devices evaluate an
// expression with SQLite, so SQLite says here whether it is one.
#include <sqlite3.h>

#include <memory>
#include <string_view>

#include "common/policy.h"
#include "pg_extension/guard.h"

namespace tidemark::pg {
namespace {

struct Close {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw SqlError(ERRCODE_INVALID_PARAMETER_VALUE, message, hint);
}

// Functions of values, and nothing else: no table, no setting, no recursion.
int only_values(void*, int action, const char*, const char* function, const char*, const char*) {
  const bool is_function = action == SQLITE_FUNCTION && std::string_view(function) != "load_extension";
  return action == SQLITE_SELECT || is_function ? SQLITE_OK : SQLITE_DENY;
}

void check_expression(const std::string& expression) {
  const std::string hint = "It must be one value that SQLite can work out from :base, :mine and :theirs alone.";
  const std::string sql = expression_sql(expression);
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, nullptr);
  const std::unique_ptr<sqlite3, Close> db(opened);
  if (code != SQLITE_OK) throw std::bad_alloc();
  sqlite3_set_authorizer(db.get(), only_values, nullptr);

  sqlite3_stmt* prepared = nullptr;
  const char* rest = nullptr;
  const bool is_valid =
      sqlite3_prepare_v2(db.get(), sql.c_str(), static_cast<int>(sql.size()), &prepared, &rest) == SQLITE_OK;
  const std::unique_ptr<sqlite3_stmt, Close> statement(prepared);
  if (!is_valid) {
    refuse("the expression is refused by SQLite: " + std::string(sqlite3_errmsg(db.get())), hint);
  }
  if (rest != sql.c_str() + sql.size() || sqlite3_column_count(prepared) != 4) {
    refuse("the expression is more than one value", hint);
  }
  if (sqlite3_bind_parameter_count(prepared) != 3) {
    refuse("the expression has other parameters", hint);
  }
}

}  // namespace

TIDEMARK_SQL_FUNCTION(tidemark_check_policy) {
  const std::string text = text_argument(fcinfo, 0);
  const std::string column = text_argument(fcinfo, 1);
  const auto kind = kind_named(text_argument(fcinfo, 2));
  const auto policy = policy_from(text);
  if (!policy) {
    refuse("there is no policy \"" + text + "\"",
           "There are latest, hub, device, ask, sum, max, min, json, text and SQL expressions over :base, :mine "
           "and :theirs; for a whole table also delete_wins and update_wins.");
  }
  if (policy->rule == Rule::kExpression) check_expression(policy->expression);
  if (!kind) return 0;
  if (const auto misfit = misfit_of(*policy, *kind)) {
    refuse("column \"" + column + "\" cannot have policy " + text + ": " + *misfit,
           "docs/reconciliation.md lists which policy is for which type.");
  }
  return 0;
}

}  // namespace tidemark::pg
