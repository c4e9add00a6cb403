// The rules by which two changes of one value are reconciled: their names, which
// kinds of column each is for, and what each makes of the two. Pure functions:
// the device finds the meetings and carries the decisions out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/kind.h"
#include "common/value.h"

namespace tidemark {

// docs/reconciliation.md has the rules with examples.
enum class Rule {
  kLatest,      // the later write; a tie goes to the hub
  kHub,         // theirs
  kDevice,      // mine
  kAsk,         // theirs, until a person decides
  kSum,         // theirs + (mine - base)
  kMax,         // the greater
  kMin,         // the smaller
  kJson,        // three-way merge by key, recursively; arrays whole
  kText,        // three-way merge by line
  kExpression,  // what an SQL expression over :base, :mine and :theirs says
};

struct Policy {
  Rule rule = Rule::kLatest;
  std::string expression;  // of kExpression, as it was declared

  bool operator==(const Policy&) const = default;
};

// The policy of that name, or the expression, which must have :base, :mine or
// :theirs in it; nullopt for what is neither.
std::optional<Policy> policy_from(std::string_view text);

// What policy_from reads: "latest", "sum" …, or the expression.
std::string_view text_of(const Policy& policy);

// Why a column of that kind cannot have the policy; nullopt if it can.
std::optional<std::string> misfit_of(const Policy& policy, Kind kind);

// What becomes of a row that one side deleted and the other changed.
enum class DeleteRule { kDeleteWins, kUpdateWins };

std::string_view name_of(DeleteRule rule);  // "delete_wins", "update_wins"
std::optional<DeleteRule> delete_rule_from(std::string_view name);

}  // namespace tidemark
