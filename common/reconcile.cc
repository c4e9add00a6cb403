#include "common/reconcile.h"

#include <simdjson.h>

#include <cmath>
#include <utility>
#include <vector>

#include "common/compare.h"
#include "common/decimal.h"
#include "common/merge_json.h"
#include "common/merge_text.h"
#include "common/moment.h"
#include "common/number.h"
#include "common/uuid.h"

namespace tidemark {
namespace {

constexpr std::size_t kMostClashesNamed = 10;

Winner later(const Sides& sides) { return sides.mine_at_ms > sides.theirs_at_ms ? Winner::kMine : Winner::kTheirs; }

Outcome take(const ValueView& value) { return {Value(value), false, ""}; }

Outcome take_later(const Sides& sides, std::string problem = "") {
  Outcome outcome = take(later(sides) == Winner::kMine ? sides.mine : sides.theirs);
  outcome.problem = std::move(problem);
  return outcome;
}

Value text_value(std::string_view text) { return Value(ValueView::text(text)); }

bool is_text(const ValueView& value) { return value.type == Type::kText; }

// What is wrong with the first value that `is_good` refuses, the base only if it counts.
template <class Test>
std::string first_problem(const std::string& rule, std::string_view wanted, bool with_base, const Sides& sides,
                          Test is_good) {
  const std::pair<const char*, const ValueView*> values[] = {
      {"the base", &sides.base}, {"mine", &sides.mine}, {"theirs", &sides.theirs}};
  for (const auto& [name, value] : values) {
    if ((value == &sides.base && !with_base) || is_good(*value)) continue;
    const bool is_null = value->type == Type::kNull;
    return rule + ": " + name + " is " + (is_null ? "NULL" : "no " + std::string(wanted));
  }
  return "";
}

std::optional<double> finite_of(const ValueView& value) {
  const auto real = real_of(value);
  return real && std::isfinite(*real) ? real : std::nullopt;
}

// start + more - less, exactly as the kind counts; nullopt beyond its range, or if
// a value is no finite number.
std::optional<Value> balance(Kind kind, const ValueView& start, const ValueView& more, const ValueView& less) {
  if (kind == Kind::kNumeric) {
    const auto a = decimal_text(start);
    const auto b = decimal_text(more);
    const auto c = decimal_text(less);
    if (!a || !b || !c) return std::nullopt;
    const std::string result = add_decimals(*a, subtract_decimals(*b, *c));
    return fits(kind, ValueView::text(result)) ? std::optional(text_value(result)) : std::nullopt;
  }
  if (form_of(kind) == Form::kIntegers) {
    const auto a = integer_of(kind, start);
    const auto b = integer_of(kind, more);
    const auto c = integer_of(kind, less);
    if (!a || !b || !c) return std::nullopt;
    const auto result = static_cast<__int128>(*a) + *b - *c;
    if (result != static_cast<std::int64_t>(result)) return std::nullopt;
    return Value(ValueView::of(static_cast<std::int64_t>(result)));
  }
  if (form_of(kind) == Form::kReals) {
    const auto a = finite_of(start);
    const auto b = finite_of(more);
    const auto c = finite_of(less);
    if (!a || !b || !c) return std::nullopt;
    const double result = *a + (*b - *c);
    return std::isfinite(result) ? std::optional(Value(ValueView::of(result))) : std::nullopt;
  }
  return std::nullopt;
}

Outcome sum(Kind kind, const Sides& sides) {
  const ValueView zero = ValueView::of(std::int64_t{0});
  auto result = balance(kind, sides.theirs, sides.mine, sides.has_base ? sides.base : zero);
  if (result && fits(kind, result->view())) return {std::move(*result), true, ""};
  const auto is_number = [&](const ValueView& value) { return balance(kind, value, zero, zero).has_value(); };
  const std::string wanted = "finite " + std::string(name_of(kind));
  const std::string problem = first_problem("sum", wanted, sides.has_base, sides, is_number);
  return take_later(sides, problem.empty() ? "sum: the result is out of range" : problem);
}

Outcome take_extreme(Kind kind, const Sides& sides, bool greater) {
  const bool no_mine = sides.mine.type == Type::kNull;
  const bool no_theirs = sides.theirs.type == Type::kNull;
  if (no_mine || no_theirs) {
    Outcome outcome = take(no_theirs ? sides.mine : sides.theirs);
    outcome.lossless = no_mine && no_theirs;
    return outcome;
  }
  const auto order = compare_values(kind, sides.mine, sides.theirs);
  if (!order) {
    return take_later(sides, std::string(greater ? "max" : "min") + ": the values are not both of kind " +
                                 std::string(name_of(kind)));
  }
  Outcome outcome = take((greater ? *order > 0 : *order < 0) ? sides.mine : sides.theirs);
  outcome.lossless = *order == 0;
  return outcome;
}

std::string problem_of(const std::vector<std::string>& clashes) {
  if (clashes.empty()) return "";
  if (clashes.front().empty()) return "clash of the whole documents";
  std::string problem = "clash at ";
  for (std::size_t i = 0; i < clashes.size() && i < kMostClashesNamed; ++i) {
    if (i > 0) problem += ", ";
    problem += clashes[i];
  }
  if (clashes.size() > kMostClashesNamed) {
    problem += " and " + std::to_string(clashes.size() - kMostClashesNamed) + " more";
  }
  return problem;
}

Outcome merge_documents(const Sides& sides) {
  const bool with_base = sides.has_base && sides.base.type != Type::kNull;
  std::string problem = first_problem("json", "text", with_base, sides, is_text);
  if (!problem.empty()) return take_later(sides, problem);
  const auto base = with_base ? std::optional(sides.base.bytes) : std::nullopt;
  const auto merge = merge_json(base, sides.mine.bytes, sides.theirs.bytes, later(sides));
  if (merge) return {text_value(merge->text), merge->clashes.empty(), problem_of(merge->clashes)};
  return take_later(sides, first_problem("json", "JSON", with_base, sides,
                                         [](const ValueView& value) { return is_json(value.bytes); }));
}

Outcome merge_lines(const Sides& sides) {
  if (!sides.has_base) return take_later(sides, "text: there is no common base");
  const std::string problem = first_problem("text", "text", true, sides, is_text);
  if (!problem.empty()) return take_later(sides, problem);
  const TextMerge merge = merge_text(sides.base.bytes, sides.mine.bytes, sides.theirs.bytes, later(sides));
  const std::string clashes = merge.clashes == 1 ? "1 clash" : std::to_string(merge.clashes) + " clashes";
  return {text_value(merge.text), merge.clashes == 0, merge.clashes == 0 ? "" : clashes};
}

bool fits_real(Kind kind, const ValueView& value) {
  const auto real = real_of(value);
  if (!real) return false;
  if (kind == Kind::kDouble || !std::isfinite(*real)) return true;
  // PostgreSQL refuses what would become infinite or zero.
  const auto narrow = static_cast<float>(*real);
  return std::isfinite(narrow) && (narrow != 0 || *real == 0);
}

bool fits_text(const ValueView& value) {
  return is_text(value) && value.bytes.find('\0') == std::string_view::npos && simdjson::validate_utf8(value.bytes);
}

}  // namespace

Outcome reconcile(Rule rule, Kind kind, const Sides& sides) {
  switch (rule) {
    case Rule::kLatest: return take_later(sides);
    case Rule::kHub:
    case Rule::kAsk: return take(sides.theirs);
    case Rule::kDevice: return take(sides.mine);
    case Rule::kSum: return sum(kind, sides);
    case Rule::kMax: return take_extreme(kind, sides, true);
    case Rule::kMin: return take_extreme(kind, sides, false);
    case Rule::kJson: return merge_documents(sides);
    case Rule::kText: return merge_lines(sides);
    case Rule::kExpression: break;
  }
  return take_later(sides, "an expression needs a database");
}

bool same_meaning(Kind kind, const ValueView& a, const ValueView& b) {
  if (a == b) return true;
  if (kind == Kind::kNumeric) {
    const auto x = decimal_text(a);
    const auto y = decimal_text(b);
    return x && y && compare_decimals(*x, *y) == 0;
  }
  return kind == Kind::kJsonb && is_text(a) && is_text(b) && same_json(a.bytes, b.bytes);
}

std::optional<Value> difference(Kind kind, const ValueView& mine, const ValueView& base) {
  return balance(kind, ValueView::of(std::int64_t{0}), mine, base);
}

bool fits(Kind kind, const ValueView& value) {
  if (value.type == Type::kNull) return true;
  switch (kind) {
    case Kind::kSmallint:
    case Kind::kInteger:
    case Kind::kBigint: return integer_of(kind, value).has_value();
    case Kind::kReal:
    case Kind::kDouble: return fits_real(kind, value);
    case Kind::kNumeric: return extreme_of(value) != Extreme::kNone || decimal_text(value);
    case Kind::kBoolean: return value.type == Type::kInteger && (value.integer == 0 || value.integer == 1);
    case Kind::kUuid:
      return is_text(value) ? uuid_from(value.bytes).has_value()
                            : value.type == Type::kBlob && value.bytes.size() == sizeof(UuidBytes);
    case Kind::kBytea: return value.type == Type::kBlob;
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestamptz: return is_text(value) && moment_from(kind, value.bytes);
    case Kind::kJson: return fits_text(value) && is_json(value.bytes);
    case Kind::kJsonb: return fits_text(value) && is_jsonb(value.bytes);
    case Kind::kText:
    case Kind::kEnum:
    case Kind::kArray:
    case Kind::kInterval: return fits_text(value);
  }
  return false;
}

}  // namespace tidemark
