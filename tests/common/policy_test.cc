// The names of the policies, what counts as an expression, and which columns may have which.
#include "common/policy.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

using namespace std::string_view_literals;

constexpr Kind kAllKinds[] = {Kind::kSmallint, Kind::kInteger, Kind::kBigint,    Kind::kReal,        Kind::kDouble,
                              Kind::kNumeric,  Kind::kText,    Kind::kBytea,     Kind::kBoolean,     Kind::kUuid,
                              Kind::kDate,     Kind::kTime,    Kind::kTimestamp, Kind::kTimestamptz, Kind::kInterval,
                              Kind::kJson,     Kind::kJsonb,   Kind::kEnum,      Kind::kArray};

TEST(Policy, IsReadAsItIsWritten) {
  const std::pair<std::string_view, Rule> cases[] = {
      {"latest", Rule::kLatest},
      {"hub", Rule::kHub},
      {"device", Rule::kDevice},
      {"ask", Rule::kAsk},
      {"sum", Rule::kSum},
      {"max", Rule::kMax},
      {"min", Rule::kMin},
      {"json", Rule::kJson},
      {"text", Rule::kText},
      {":mine", Rule::kExpression},
      {"coalesce(:mine, :theirs) || ' ' ", Rule::kExpression},
  };
  for (const auto& [text, rule] : cases) {
    const auto policy = policy_from(text);
    ASSERT_TRUE(policy) << text;
    EXPECT_EQ(policy->rule, rule) << text;
    EXPECT_EQ(text_of(*policy), text);
    EXPECT_EQ(policy_from(text_of(*policy)), policy);
  }
}

TEST(Policy, AnExpressionNamesASideOutsideOfQuotesAndComments) {
  struct Case {
    std::string_view text;
    bool valid;
  };
  const Case cases[] = {
      {":base", true},
      {":theirs + 1", true},
      {"max(:mine,:theirs)", true},
      {"CASE WHEN :mine='x' THEN 1 END", true},
      {"'it''s' || :mine", true},
      {"\"a\"\"b\" = :mine", true},
      {"[:base] + :mine", true},
      {"1 -- :base\n + :mine", true},
      {"/* ' */ :mine", true},
      {"1 - :mine", true},
      {"1/:mine", true},
      {"':mine", false},
      {"':mine'", false},
      {"'it'':mine'", false},
      {"\":mine\"", false},
      {"`:mine`", false},
      {"[:mine]", false},
      {"1 -- :mine", false},
      {"1 /* :mine */", false},
      {"1 /* :mine", false},
      {":mined", false},
      {":mine_", false},
      {":mine2", false},
      {":mine$", false},
      {":mineé", false},
      {":Mine", false},
      {": mine", false},
      {"mine", false},
      {"@mine", false},
      {"", false},
      {" ", false},
      {":", false},
      {"'", false},
      {"--", false},
      {"/*", false},
      {"/*/ :mine", false},
      {"Latest", false},
      {" latest", false},
      {"latest ", false},
      {"sum\0"sv, false},
      {":mine\0"sv, false},
  };
  for (const Case& c : cases) EXPECT_EQ(policy_from(c.text).has_value(), c.valid) << c.text;
}

TEST(Policy, FitsTheKindsThatItCanWorkOn) {
  struct Case {
    std::string_view policy;
    std::vector<Kind> kinds;
  };
  const std::vector<Kind> numbers = {Kind::kSmallint, Kind::kInteger, Kind::kBigint,
                                     Kind::kReal,     Kind::kDouble,  Kind::kNumeric};
  std::vector<Kind> ordered = numbers;
  ordered.insert(ordered.end(), {Kind::kBoolean, Kind::kText, Kind::kUuid, Kind::kDate, Kind::kTime, Kind::kTimestamp,
                                 Kind::kTimestamptz});
  const std::vector<Kind> all(std::begin(kAllKinds), std::end(kAllKinds));
  const Case cases[] = {
      {"latest", all},         {"hub", all},
      {"device", all},         {"ask", all},
      {":mine", all},          {"sum", numbers},
      {"max", ordered},        {"min", ordered},
      {"text", {Kind::kText}}, {"json", {Kind::kJson, Kind::kJsonb, Kind::kText}},
  };
  for (const Case& c : cases) {
    for (const Kind kind : kAllKinds) {
      const bool fits = std::find(c.kinds.begin(), c.kinds.end(), kind) != c.kinds.end();
      EXPECT_EQ(!misfit_of(*policy_from(c.policy), kind), fits) << c.policy << " on " << name_of(kind);
    }
  }
}

TEST(Policy, AMisfitSaysWhatIsMissing) {
  EXPECT_EQ(misfit_of({Rule::kSum, ""}, Kind::kText), "the policy \"sum\" needs a number, the column is text");
  EXPECT_EQ(misfit_of({Rule::kJson, ""}, Kind::kEnum),
            "the policy \"json\" needs json, jsonb or text, the column is enum");
}

TEST(Policy, DeleteRulesHaveTheirNames) {
  EXPECT_EQ(name_of(DeleteRule::kDeleteWins), "delete_wins");
  EXPECT_EQ(name_of(DeleteRule::kUpdateWins), "update_wins");
  EXPECT_EQ(delete_rule_from("delete_wins"), DeleteRule::kDeleteWins);
  EXPECT_EQ(delete_rule_from("update_wins"), DeleteRule::kUpdateWins);
  EXPECT_EQ(delete_rule_from("Delete_wins"), std::nullopt);
  EXPECT_EQ(delete_rule_from(""), std::nullopt);
}

}  // namespace
}  // namespace tidemark
