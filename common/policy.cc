#include "common/policy.h"

#include <array>
#include <cctype>
#include <utility>

namespace tidemark {
namespace {

constexpr std::array<std::pair<Rule, std::string_view>, 9> kNames = {{
    {Rule::kLatest, "latest"},
    {Rule::kHub, "hub"},
    {Rule::kDevice, "device"},
    {Rule::kAsk, "ask"},
    {Rule::kSum, "sum"},
    {Rule::kMax, "max"},
    {Rule::kMin, "min"},
    {Rule::kJson, "json"},
    {Rule::kText, "text"},
}};

// What SQLite takes for a part of a name.
bool is_name_part(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) || c == '_' || c == '$' || byte >= 0x80;
}

std::size_t end_of_name(std::string_view sql, std::size_t start) {
  while (start < sql.size() && is_name_part(sql[start])) ++start;
  return start;
}

// Past the next `mark`, or the end.
std::size_t past(std::string_view sql, std::size_t start, std::string_view mark) {
  const std::size_t found = sql.find(mark, start);
  return found == std::string_view::npos ? sql.size() : found + mark.size();
}

// Past the literal, quoted name or comment that begins at `start`; `start` if none does. A
// doubled quote reads as two literals, which comes to the same.
std::size_t past_quoted(std::string_view sql, std::size_t start) {
  const std::string_view rest = sql.substr(start);
  if (rest.starts_with("--")) return past(sql, start, "\n");
  if (rest.starts_with("/*")) return past(sql, start + 2, "*/");
  switch (rest.front()) {
    case '\'':
    case '"':
    case '`': return past(sql, start + 1, rest.substr(0, 1));
    case '[': return past(sql, start + 1, "]");
    default: return start;
  }
}

bool names_a_side(std::string_view sql) {
  for (std::size_t i = 0; i < sql.size();) {
    if (const std::size_t next = past_quoted(sql, i); next != i) {
      i = next;
      continue;
    }
    if (sql[i] != ':') {
      ++i;
      continue;
    }
    const std::size_t end = end_of_name(sql, i + 1);
    const std::string_view name = sql.substr(i + 1, end - i - 1);
    if (name == "base" || name == "mine" || name == "theirs") return true;
    i = end;
  }
  return false;
}

bool is_number(Kind kind) {
  return form_of(kind) == Form::kIntegers || form_of(kind) == Form::kReals || kind == Kind::kNumeric;
}

bool has_order(Kind kind) {
  switch (kind) {
    case Kind::kBoolean:
    case Kind::kText:
    case Kind::kUuid:
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestamptz: return true;
    default: return is_number(kind);
  }
}

// What kind of column the rule needs; nullptr if this one will do.
const char* missing_in(Kind kind, Rule rule) {
  switch (rule) {
    case Rule::kSum: return is_number(kind) ? nullptr : "a number";
    case Rule::kMax:
    case Rule::kMin: return has_order(kind) ? nullptr : "a number, boolean, text, uuid, date or time";
    case Rule::kJson:
      return kind == Kind::kJson || kind == Kind::kJsonb || kind == Kind::kText ? nullptr : "json, jsonb or text";
    case Rule::kText: return kind == Kind::kText ? nullptr : "text";
    case Rule::kLatest:
    case Rule::kHub:
    case Rule::kDevice:
    case Rule::kAsk:
    case Rule::kExpression: return nullptr;
  }
  return nullptr;
}

}  // namespace

std::optional<Policy> policy_from(std::string_view text) {
  for (const auto& [rule, name] : kNames) {
    if (name == text) return Policy{rule, ""};
  }
  if (text.find('\0') != std::string_view::npos || !names_a_side(text)) return std::nullopt;
  return Policy{Rule::kExpression, std::string(text)};
}

std::string_view text_of(const Policy& policy) {
  for (const auto& [rule, name] : kNames) {
    if (rule == policy.rule) return name;
  }
  return policy.expression;
}

std::optional<std::string> misfit_of(const Policy& policy, Kind kind) {
  const char* const missing = missing_in(kind, policy.rule);
  if (missing == nullptr) return std::nullopt;
  return "the policy \"" + std::string(text_of(policy)) + "\" needs " + missing + ", the column is " +
         std::string(name_of(kind));
}

std::string_view name_of(DeleteRule rule) {
  switch (rule) {
    case DeleteRule::kDeleteWins: return "delete_wins";
    case DeleteRule::kUpdateWins: return "update_wins";
  }
  return "delete_wins";
}

std::optional<DeleteRule> delete_rule_from(std::string_view name) {
  for (const DeleteRule rule : {DeleteRule::kDeleteWins, DeleteRule::kUpdateWins}) {
    if (name_of(rule) == name) return rule;
  }
  return std::nullopt;
}

}  // namespace tidemark
