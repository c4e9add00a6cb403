// What becomes of two changes of one JSON document.
#include "common/merge_json.h"

#include <gtest/gtest.h>

#include "tests/common/random_json.h"

namespace tidemark {
namespace {

using Pointers = std::vector<std::string>;

struct Case {
  const char* base;
  const char* mine;
  const char* theirs;
  const char* result;  // theirs win a clash
  Pointers clashes;
};

const Case kMerges[] = {
    // Members that one side changed, added, removed.
    {R"({"a":1,"b":2})", R"({"a":3,"b":2})", R"({"a":1,"b":4})", R"({"a":3,"b":4})", {}},
    {R"({"a":1})", R"({"a":1,"m":2})", R"({"a":1,"t":3})", R"({"a":1,"t":3,"m":2})", {}},
    {R"({"a":1,"b":2,"c":3})", R"({"b":2,"c":3})", R"({"a":1,"b":2})", R"({"b":2})", {}},
    {R"({"a":1,"b":2})", R"({"a":1})", R"({"b":2})", R"({})", {}},
    {R"({"a":1})", R"({})", R"({"a":1,"b":2})", R"({"b":2})", {}},
    {R"({"b":1,"a":2})", R"({"b":1,"a":3})", R"({"b":2,"a":2})", R"({"b":2,"a":3})", {}},
    // Deeper, and values as they were written.
    {R"({"o":{"x":1,"y":2}})", R"({"o":{"x":5,"y":2}})", R"({"o":{"x":1,"y":6}})", R"({"o":{"x":5,"y":6}})", {}},
    {R"({"n":1,"k":0})",
     R"({"n":1e400,"k":0})",
     R"({"n":1,"k":123456789012345678901234567890})",
     R"({"n":1e400,"k":123456789012345678901234567890})",
     {}},
    {R"({"n":1.5,"k":0})",
     R"({"n":1.50,"k":1})",
     R"({"n":1.5,"k":0,"s":"\u00e9"})",
     R"({"n":1.5,"k":1,"s":"\u00e9"})",
     {}},
    {R"({"a":[1],"b":0})",
     R"({"a":[1, {"z" : 2} ],"b":0})",
     R"({"a":[1],"b":1})",
     R"({"a":[1, {"z" : 2} ],"b":1})",
     {}},
    {"{\"a\" : 1}", "{\"a\" : 1, \"b\" : 2 }", "{ \"a\" : 7 }", R"({"a":7,"b":2})", {}},
    // The same change on both sides.
    {R"({"a":1,"b":0})", R"({"a":2,"b":1})", R"({"a":2,"b":0})", R"({"a":2,"b":1})", {}},
    {R"({"a":1})", R"({"a":2.0,"m":1})", R"({"a":2,"t":1})", R"({"a":2,"t":1,"m":1})", {}},
    {R"({"a":1})", R"({"m":1})", R"({"t":1})", R"({"t":1,"m":1})", {}},
    // Keys by their characters.
    {R"({"a":1,"b":1})", R"({"\u0061":2,"b":1})", R"({"a":1,"b":2})", R"({"a":2,"b":2})", {}},
    {R"({"é":1,"b":1})", R"({"\u00e9":2,"b":1})", R"({"é":1,"b":2})", R"({"é":2,"b":2})", {}},
    {R"({"a":1,"a":2,"b":0})", R"({"a":2,"b":1})", R"({"a":3,"b":0})", R"({"a":3,"b":1})", {}},
    {R"({"":1,"b":0})", R"({"":2,"b":0})", R"({"":1,"b":1})", R"({"":2,"b":1})", {}},
    // Clashes.
    {R"({"a":1})", R"({"a":2})", R"({"a":3})", R"({"a":3})", {"/a"}},
    {R"({"a":1,"b":1})", R"({"a":2,"b":2})", R"({"a":3,"b":1})", R"({"a":3,"b":2})", {"/a"}},
    {R"({"a":1})", R"({})", R"({"a":2})", R"({"a":2})", {"/a"}},
    {R"({"a":1})", R"({"a":2})", R"({})", R"({})", {"/a"}},
    {R"({"a":[1]})", R"({"a":[1,2]})", R"({"a":[1,3]})", R"({"a":[1,3]})", {"/a"}},
    {R"({"o":{"x":1}})", R"({"o":{"x":2}})", R"({"o":7})", R"({"o":7})", {"/o"}},
    {R"({})", R"({"a":1})", R"({"a":"1"})", R"({"a":"1"})", {"/a"}},
    {R"({})", R"({"a":null})", R"({"a":false})", R"({"a":false})", {"/a"}},
    {R"({"o":{"a/b":1,"c~d":1}})",
     R"({"o":{"a/b":2,"c~d":2}})",
     R"({"o":{"a/b":3,"c~d":3}})",
     R"({"o":{"a/b":3,"c~d":3}})",
     {"/o/a~1b", "/o/c~0d"}},
    {"1", "2", "3", "3", {""}},
    {R"({"a":1})", "[]", R"({"a":2})", R"({"a":2})", {""}},
    // A base of another type.
    {"null", R"({"a":1})", R"({"b":2})", R"({"b":2,"a":1})", {}},
    {"[1]", "[1]", " [2] ", "[2]", {}},
    {"1", "1.0", "1", "1", {}},
};

TEST(MergeJson, MergesByKey) {
  for (const Case& c : kMerges) {
    SCOPED_TRACE(std::string(c.base) + "\n" + c.mine + "\n" + c.theirs);
    const auto merge = merge_json(c.base, c.mine, c.theirs, Winner::kTheirs);
    ASSERT_TRUE(merge);
    EXPECT_EQ(merge->text, c.result);
    EXPECT_EQ(merge->clashes, c.clashes);
  }
}

TEST(MergeJson, AClashGoesToTheWinner) {
  struct {
    const char* base;
    const char* mine;
    const char* theirs;
    const char* result;
  } const cases[] = {
      {R"({"a":1})", R"({"a":2})", R"({"a":3})", R"({"a":2})"},
      {R"({"a":1})", R"({})", R"({"a":2})", R"({})"},
      {R"({"a":1,"b":1})", R"({"b":1})", R"({"a":2,"b":2})", R"({"b":2})"},
      {R"({"a":1})", R"({"a":2})", R"({})", R"({"a":2})"},
      {"1", "2", "3", "2"},
  };
  for (const auto& c : cases) EXPECT_EQ(merge_json(c.base, c.mine, c.theirs, Winner::kMine)->text, c.result);
}

TEST(MergeJson, WithoutABaseEverythingWasAdded) {
  const auto disjoint = merge_json({}, R"({"a":1,"s":{"x":1}})", R"({"b":2,"s":{"y":2}})", Winner::kTheirs);
  EXPECT_EQ(disjoint->text, R"({"b":2,"s":{"y":2,"x":1},"a":1})");
  EXPECT_EQ(disjoint->clashes, Pointers());
  const auto clash = merge_json({}, R"({"a":1})", R"({"a":2})", Winner::kMine);
  EXPECT_EQ(clash->text, R"({"a":1})");
  EXPECT_EQ(clash->clashes, Pointers{"/a"});
  EXPECT_EQ(merge_json({}, "1", "2", Winner::kMine)->clashes, Pointers{""});
  EXPECT_EQ(merge_json({}, "[1]", "[1.0]", Winner::kMine)->clashes, Pointers());
}

TEST(MergeJson, OneChangedSideIsTaken) {
  const std::uint32_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 3'000; ++i) {
    const nlohmann::json base = random_json(random, 4);
    const nlohmann::json changed = random_json(random, 4);
    const nlohmann::json other = random_json(random, 4);
    ASSERT_EQ(same_json(base.dump(), changed.dump(2)), base == changed);
    ASSERT_EQ(merge_json(base.dump(), changed.dump(), base.dump(1), Winner::kTheirs)->text,
              base == changed ? base.dump(1) : changed.dump());
    ASSERT_EQ(merge_json(base.dump(), base.dump(1), changed.dump(), Winner::kMine)->text, changed.dump());
    ASSERT_EQ(merge_json(base.dump(), changed.dump(), changed.dump(1), Winner::kMine)->text, changed.dump(1));
    const auto merge = merge_json(base.dump(), changed.dump(), other.dump(), Winner::kMine);
    const auto mirrored = merge_json(base.dump(), other.dump(), changed.dump(), Winner::kTheirs);
    ASSERT_TRUE(same_json(merge->text, mirrored->text)) << merge->text << '\n' << mirrored->text;
    ASSERT_EQ(merge->clashes.size(), mirrored->clashes.size());
  }
}

}  // namespace
}  // namespace tidemark
