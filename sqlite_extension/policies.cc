#include "sqlite_extension/policies.h"

#include <map>

#include "common/error.h"
#include "common/json_text.h"
#include "common/quote.h"
#include "sqlite_extension/expression.h"

namespace tidemark::device {
namespace {

std::string lower(std::string_view name) {
  std::string folded(name);
  for (char& character : folded) {
    if (character >= 'A' && character <= 'Z') character = static_cast<char>(character + 32);
  }
  return folded;
}

// The device's own policies of a table.
struct Overrides {
  std::map<std::string, std::string> columns;  // by name in lower case; '' is for all that have none
  std::string deletes;

  Overrides(sqlite3* db, const std::string& table) {
    Statement list(db, "select column_name, of_rows, policy from main.tidemark_override where table_name = ?1");
    list.bind(1, std::string_view(table));
    while (list.step()) {
      std::string& to = list.integer(1) != 0 ? deletes : columns[lower(list.text(0))];
      to = list.text(2);
    }
  }

  std::string find(std::string_view column) const {
    const auto found = columns.find(lower(column));
    return found == columns.end() ? "" : found->second;
  }
};

// Why the column cannot have the policy. Of one that the hub has not described yet nobody can tell.
std::optional<std::string> misfit_in(const TrackedTable& table, const std::string& column, const Policy& policy) {
  const HubColumn* const known = table.hub ? table.hub->find(column) : nullptr;
  return known ? misfit_of(policy, known->kind) : std::nullopt;
}

// A policy that the column cannot have (its type may have changed since) counts as none.
std::optional<Policy> usable(const TrackedTable& table, const std::string& column, const std::string& text) {
  auto policy = policy_from(text);
  if (policy && misfit_in(table, column, *policy)) policy.reset();
  return policy;
}

}  // namespace

void find_policies(sqlite3* db, TrackedTable& table) {
  const Overrides own(db, table.local.name);
  table.deletes = DeleteRule::kDeleteWins;
  for (const std::string& rule : {own.deletes, table.hub ? table.hub->deletes : ""}) {
    if (!delete_rule_from(rule)) continue;
    table.deletes = *delete_rule_from(rule);
    break;
  }
  table.policies.clear();
  for (const LocalColumn& column : table.local.columns) {
    const HubColumn* const known = table.hub ? table.hub->find(column.name) : nullptr;
    // What is said of the column itself counts more than what is said of the table.
    const std::string said[] = {own.find(column.name), known ? known->policy : "", own.find(""),
                                table.hub ? table.hub->policy : ""};
    std::optional<Policy> policy;
    for (const std::string& one : said) {
      if (!policy && !one.empty()) policy = usable(table, column.name, one);
    }
    table.policies.push_back(policy.value_or(Policy()));
  }
}

void note_policies(sqlite3* db, TrackedTable& table) {
  find_policies(db, table);
  JsonObject shown;
  for (std::size_t i = 0; i < table.policies.size(); ++i) {
    if (table.policies[i] != Policy()) shown.add(table.local.columns[i].name, text_of(table.policies[i]));
  }
  Statement note(db, "update main.tidemark_table set policies = nullif(?2, '{}'), deletes = ?3 where number = ?1");
  note.bind(1, table.local.number);
  note.bind(2, std::string_view(shown.text()));
  note.bind(3, name_of(table.deletes));
  note.run();
}

void override_policy(sqlite3* db, TrackedTable& table, std::string_view column,
                     const std::optional<std::string>& policy) {
  const bool for_rows = policy && delete_rule_from(*policy).has_value();
  if (!column.empty() && !table.local.place_of(column)) {
    const bool in_key = table.local.find(column) != nullptr;
    throw Error(in_key ? ErrorCode::kInvalidInput : ErrorCode::kNotFound,
                "table \"" + table.local.name + "\" " +
                    (in_key ? "has \"" + std::string(column) + "\" in its key"
                            : "has no column \"" + std::string(column) + "\""),
                "Only columns outside the key can have a policy.");
  }
  if (for_rows && !column.empty()) {
    throw Error(ErrorCode::kInvalidInput, "policy \"" + *policy + "\" is for whole tables",
                "tidemark_policy(" + quote_literal(table.local.name) + ", null, " + quote_literal(*policy) + ").");
  }
  if (policy && !for_rows) {
    const auto parsed = policy_from(*policy);
    if (!parsed) {
      throw Error(ErrorCode::kInvalidInput, "there is no policy \"" + *policy + "\"",
                  "There are latest, hub, device, ask, sum, max, min, json, text and SQL expressions over :base, :mine "
                  "and :theirs; "
                  "for a whole table also delete_wins and update_wins.");
    }
    if (parsed->rule == Rule::kExpression) Expressions().check(parsed->expression);
    for (const LocalColumn& candidate : table.local.columns) {
      if (!column.empty() && !same_name(candidate.name, column)) continue;
      if (const auto misfit = misfit_in(table, candidate.name, *parsed)) {
        throw Error(ErrorCode::kInvalidInput,
                    "column \"" + candidate.name + "\" cannot have policy " + *policy + ": " + *misfit,
                    "docs/reconciliation.md lists which policy is for which type.");
      }
    }
  }
  Statement write(db, policy ? "insert or replace into main.tidemark_override values (?1, ?2, ?3, ?4)"
                             : "delete from main.tidemark_override where table_name = ?1 and column_name = ?2");
  write.bind(1, std::string_view(table.local.name));
  write.bind(2, column);
  if (policy) {
    write.bind(3, std::int64_t{for_rows});
    write.bind(4, std::string_view(*policy));
  }
  write.run();
  note_policies(db, table);
}

}  // namespace tidemark::device
