// What becomes of two changes of one text, line by line.
#include "common/merge_text.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/common/random_seed.h"

namespace tidemark {
namespace {

struct Case {
  const char* name;
  const char* base;
  const char* mine;
  const char* theirs;
  const char* result;  // mine wins a clash
  std::size_t clashes;
};

const Case kMerges[] = {
    {"nothing", "", "", "", "", 0},
    {"different lines", "a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n", 0},
    {"neighbouring lines", "a\nb\nc\n", "A\nb\nc\n", "a\nB\nc\n", "A\nB\nc\n", 0},
    {"insert here, delete there", "a\nb\nc\n", "x\na\nb\nc\n", "a\nb\n", "x\na\nb\n", 0},
    {"the same change", "a\nb\nc\n", "a\nX\nc\n", "a\nX\nc\n", "a\nX\nc\n", 0},
    {"the same change and another", "a\nb\nc\nd\ne\n", "a\nX\nc\nd\nE\n", "a\nX\nc\nd\ne\n", "a\nX\nc\nd\nE\n", 0},
    {"the same line", "a\nb\nc\n", "a\nX\nc\n", "a\nY\nc\n", "a\nX\nc\n", 1},
    {"two clashes", "a\nb\nc\n", "X\nb\nY\n", "V\nb\nW\n", "X\nb\nY\n", 2},
    {"a clash and a change", "a\nb\nc\n", "X\nb\nc\n", "Y\nb\nC\n", "X\nb\nC\n", 1},
    {"delete against change", "a\nb\nc\n", "a\nc\n", "a\nX\nc\n", "a\nc\n", 1},
    {"both delete", "a\nb\nc\n", "a\nc\n", "a\nc\n", "a\nc\n", 0},
    {"both insert into one place", "a\nb\n", "a\nX\nb\n", "a\nY\nb\n", "a\nX\nb\n", 1},
    {"both insert the same", "a\nb\n", "a\nX\nb\n", "a\nX\nb\n", "a\nX\nb\n", 0},
    {"insert beside a change", "a\nb\nc\n", "a\nX\nb\nc\n", "a\nB\nc\n", "a\nX\nb\nc\n", 1},
    {"insert inside a change", "a\nb\nc\nd\n", "a\nX\nY\nd\n", "a\nb\nV\nc\nd\n", "a\nX\nY\nd\n", 1},
    {"overlapping blocks", "a\nb\nc\nd\n", "X\nY\nc\nd\n", "a\nV\nW\nd\n", "X\nY\nc\nd\n", 1},
    {"a chain of overlaps", "a\nb\nc\nd\ne\n", "1\n2\nc\n4\n5\n", "a\nB\nC\nD\ne\n", "1\n2\nc\n4\n5\n", 1},
    {"both write everything", "", "x\n", "y\n", "x\n", 1},
    {"both append", "a\n", "a\nx\n", "a\ny\n", "a\nx\n", 1},
    {"emptied and changed elsewhere", "a\n", "", "a\n", "", 0},
    {"a last line without an end", "a\nb\nc", "A\nb\nc", "a\nb\nC", "A\nb\nC", 0},
    {"an end added and a line changed", "a\nb\nc", "a\nb\nc\n", "A\nb\nc", "A\nb\nc\n", 0},
    {"no line is glued to another", "a\n", "z", "a\nq\n", "z", 1},
    {"carriage returns stay", "a\r\nb\r\nc\r\n", "A\r\nb\r\nc\r\n", "a\r\nb\r\nC\r\n", "A\r\nb\r\nC\r\n", 0},
    {"other line ends are another line", "a\nb\nc\n", "a\r\nb\nc\n", "a\nb\nC\n", "a\r\nb\nC\n", 0},
    {"empty lines", "\n\n\n", "\nx\n\n\n", "\n\n\n", "\nx\n\n\n", 0},
};

TEST(MergeText, MergesByLine) {
  for (const Case& c : kMerges) {
    const TextMerge merge = merge_text(c.base, c.mine, c.theirs, Winner::kMine);
    EXPECT_EQ(merge.text, c.result) << c.name;
    EXPECT_EQ(merge.clashes, c.clashes) << c.name;
    const TextMerge mirrored = merge_text(c.base, c.theirs, c.mine, Winner::kTheirs);
    EXPECT_EQ(mirrored.text, c.result) << c.name;
    EXPECT_EQ(mirrored.clashes, c.clashes) << c.name;
  }
}

TEST(MergeText, AClashGoesWholeToTheWinner) {
  EXPECT_EQ(merge_text("a\nb\nc\nd\n", "1\n2\nc\nd\n", "a\n3\n4\nd\n", Winner::kTheirs).text, "a\n3\n4\nd\n");
  EXPECT_EQ(merge_text("a\nb\nc\n", "X\nb\nC\n", "Y\nb\nc\n", Winner::kTheirs).text, "Y\nb\nC\n");
}

TEST(MergeText, OneChangedSideIsTaken) {
  const std::uint32_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 5'000; ++i) {
    const std::string base = random_text(random, 40, "ab\n\n\r");
    const std::string x = random_text(random, 40, "ab\n\n\r");
    const std::string y = random_text(random, 40, "ab\n\n\r");
    for (const Winner winner : {Winner::kMine, Winner::kTheirs}) {
      ASSERT_EQ(merge_text(base, x, base, winner).text, x);
      ASSERT_EQ(merge_text(base, base, y, winner).text, y);
      ASSERT_EQ(merge_text(base, x, x, winner).text, x);
      ASSERT_EQ(merge_text(base, x, base, winner).clashes, 0u);
      ASSERT_EQ(merge_text(base, x, x, winner).clashes, 0u);
    }
    ASSERT_EQ(merge_text(base, x, y, Winner::kMine).text, merge_text(base, y, x, Winner::kTheirs).text);
  }
}

TEST(MergeText, DisjointChangesAreAllThere) {
  const std::uint32_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 1'000; ++i) {
    std::string base, mine, theirs, merged;
    for (int line = 0; line < 60; ++line) {
      const std::string text = "line " + std::to_string(line) + "\n";
      const std::string change = pick(random, 3) == 0 ? "" : text + "changed\n";
      const std::size_t who = line % 2 == 0 ? 2 : pick(random, 4);  // every other line stays
      base += text;
      mine += who == 0 ? change : text;
      theirs += who == 1 ? change : text;
      merged += who < 2 ? change : text;
    }
    const TextMerge merge = merge_text(base, mine, theirs, Winner::kMine);
    ASSERT_EQ(merge.text, merged);
    ASSERT_EQ(merge.clashes, 0u);
  }
}

std::string numbered(int lines, int every, const char* mark) {
  std::string text;
  for (int line = 0; line < lines; ++line) text += std::to_string(line) + (line % every == 1 ? mark : "") + "\n";
  return text;
}

TEST(MergeText, LongTextsTakeBoundedTime) {
  const auto start = std::chrono::steady_clock::now();
  const std::string base = numbered(100'000, 1, "");
  const std::string few = numbered(100'000, 500, "x");
  const std::string many = numbered(100'000, 2, "y");
  std::string other;
  for (int line = 0; line < 100'000; ++line) other += std::to_string(line * 7919 % 100'000) + "\n";

  EXPECT_EQ(merge_text(base, few, base, Winner::kTheirs).text, few);
  EXPECT_EQ(merge_text(base, base, many, Winner::kTheirs).text, many);
  EXPECT_EQ(merge_text(base, other, base, Winner::kTheirs).text, other);
  EXPECT_EQ(merge_text(base, many, other, Winner::kTheirs).clashes, 1u);
  EXPECT_EQ(merge_text(base, "0!\n" + base.substr(2), few, Winner::kTheirs).text, "0!\n" + few.substr(2));
  // The hardest for the search: long runs of equal lines on every diagonal.
  const std::string equal(200'000, '\n');
  EXPECT_EQ(merge_text(equal, "a\n" + equal + "b\n", equal + equal, Winner::kMine).clashes, 1u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace tidemark
