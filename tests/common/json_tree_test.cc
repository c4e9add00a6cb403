// Which texts are JSON, and which of them mean the same.
#include <gtest/gtest.h>

#include "common/merge_json.h"
#include "tests/common/random_json.h"

namespace tidemark {
namespace {

using namespace std::string_view_literals;

const std::string_view kNoJson[] = {"",
                                    " ",
                                    "{",
                                    "}",
                                    "[",
                                    "]",
                                    "[1",
                                    "1]",
                                    R"({"a":1)",
                                    "{a:1}",
                                    "{'a':1}",
                                    R"({"a"})",
                                    R"({"a":})",
                                    R"({"a" 1})",
                                    R"({"a":1,})",
                                    R"({,})",
                                    R"({"a":1 "b":2})",
                                    "[1,]",
                                    "[,1]",
                                    "[1 2]",
                                    "[1,,2]",
                                    "[1}",
                                    R"({"a":1])",
                                    "1 2",
                                    "1,2",
                                    "1],[2",
                                    "[1]]",
                                    "[1],[2]",
                                    "nul",
                                    "nulll",
                                    "True",
                                    "tru e",
                                    "NaN",
                                    "Infinity",
                                    "-",
                                    "+1",
                                    "01",
                                    "-01",
                                    "1.",
                                    ".5",
                                    "1e",
                                    "1e+",
                                    "1.e1",
                                    "0x10",
                                    "1a",
                                    R"(")",
                                    R"("a)",
                                    R"("\x")",
                                    R"("\u12")",
                                    R"("\u12g4")",
                                    "\"a\nb\"",
                                    "\"\xff\"",
                                    R"("\ud800")",
                                    R"("a" "b")",
                                    R"("a"b)",
                                    "\0"sv,
                                    "1\0"sv,
                                    "// c\n1",
                                    "/**/1",
                                    "\xEF\xBB\xBF"
                                    "1",
                                    "[[1]",
                                    "[\"a\":1]",
                                    R"({"a":1:2})",
                                    R"({1:2})",
                                    R"({"a":{})",
                                    "[[],[]",
                                    "\"\\",
                                    "{\"",
                                    "[1]x",
                                    "{}x"};

TEST(JsonTree, RefusesWhatIsNoJson) {
  for (const std::string_view text : kNoJson) {
    EXPECT_FALSE(is_json(text)) << text;
    EXPECT_FALSE(merge_json("{}", text, "{}", Winner::kMine)) << text;
    EXPECT_FALSE(merge_json("{}", "{}", text, Winner::kMine)) << text;
    EXPECT_FALSE(merge_json(text, "{}", "{}", Winner::kMine)) << text;
    EXPECT_FALSE(same_json(text, text)) << text;
  }
}

std::string nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(JsonTree, RefusesWhatIsNestedTooDeeply) {
  std::string objects = "1";
  for (int i = 0; i < 500; ++i) objects = "{\"a\":" + objects + "}";
  EXPECT_TRUE(is_json(nested(500)));
  EXPECT_TRUE(is_json(objects));
  EXPECT_FALSE(is_json(nested(501)));
  EXPECT_FALSE(is_json("{\"a\":" + objects + "}"));
  EXPECT_FALSE(is_json(nested(1'000'000)));
  EXPECT_FALSE(is_json(std::string(1'000'000, '[')));
}

TEST(JsonTree, RefusesWhatIsTooLong) {
  const std::string filling((16 << 20) - 2, 'x');
  EXPECT_TRUE(is_json('"' + filling + '"'));
  EXPECT_FALSE(is_json('"' + filling + "x\""));
}

TEST(JsonTree, ReadsEveryFormOfAValue) {
  for (const char* text : {"0", "-0", "-0.5e-7", "1E5", "1e+5", "123456789012345678901234567890", "1e99999", "true",
                           "null", "\"\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"", "[]", "{}", " [ ] ",
                           "\t{\n}\r ", "[[],{}]", "[1,[2,[3]]]", "{\"a\":[{\"b\":{}}]}"}) {
    EXPECT_TRUE(is_json(text)) << text;
    EXPECT_TRUE(is_jsonb(text)) << text;
    EXPECT_TRUE(same_json(text, " " + std::string(text) + "\n")) << text;
  }
  EXPECT_TRUE(is_json(R"(["\u0000"])"));
  EXPECT_FALSE(is_jsonb(R"(["\u0000"])"));
  EXPECT_FALSE(is_jsonb(R"({"\u0000":1})"));
}

TEST(JsonTree, KnowsTheSameMeaning) {
  const std::pair<const char*, const char*> same[] = {
      {R"({"a":1,"b":[1,2]})", R"({"b": [1, 2], "a": 1})"},
      {"1.50", "1.5"},
      {"-0", "0.0"},
      {"1e400", "10e399"},
      {R"("\u0061\/")", R"("a/")"},
      {R"({"a":1,"a":2})", R"({"\u0061":2})"},
  };
  for (const auto& [a, b] : same) EXPECT_TRUE(same_json(a, b)) << a << " and " << b;
  const std::pair<const char*, const char*> different[] = {
      {"1", "\"1\""},
      {"[1,2]", "[2,1]"},
      {"[1]", "[1,1]"},
      {"{}", "[]"},
      {R"({"a":1})", R"({"a":1,"b":1})"},
      {"true", "false"},
      {"null", "0"},
      {R"({"a":1})", R"({"b":1})"},
      {"1", "10"},
      {R"("a")", R"("A")"},
  };
  for (const auto& [a, b] : different) EXPECT_FALSE(same_json(a, b)) << a << " and " << b;
}

TEST(JsonTree, RandomBytesAreHarmlessAndJudgedAsAnotherReaderDoes) {
  const std::uint32_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 100'000; ++i) {
    std::string text = i % 2 == 0 ? random_text(random, 12, "[]{}:,\"\\ua01-.e \n\xff") : random_json(random, 3).dump();
    for (std::size_t j = pick(random, 3); j > 0 && !text.empty(); --j) {
      text[pick(random, text.size())] = "[]{}:,\"\\u01e \x01\xff"[pick(random, 15)];
    }
    // The other reader refuses numbers beyond a double.
    const bool has_exponent = text.find('e') != std::string::npos;
    if (!has_exponent || nlohmann::json::accept(text)) {
      ASSERT_EQ(is_json(text), nlohmann::json::accept(text)) << text;
    }
    merge_json(text, "{}", text, Winner::kMine);
  }
}

}  // namespace
}  // namespace tidemark
