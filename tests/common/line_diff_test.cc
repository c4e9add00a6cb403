// The differences of two texts, given as numbers of lines, against the longest common
// subsequence that a table finds.
#include "common/line_diff.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/common/random_seed.h"

namespace tidemark {
namespace {

using Lines = std::vector<int>;

Lines random_lines(std::mt19937& random, std::size_t most, std::size_t different) {
  Lines lines(pick(random, most + 1));
  for (int& line : lines) line = static_cast<int>(pick(random, different));
  return lines;
}

std::size_t longest_common(const Lines& a, const Lines& b) {
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < b.size(); ++j) {
      table[i + 1][j + 1] = a[i] == b[j] ? table[i][j] + 1 : std::max(table[i][j + 1], table[i + 1][j]);
    }
  }
  return table.back().back();
}

// The new text, made of the old one and the hunks; counts the lines that changed.
Lines rebuilt(const Lines& old_lines, const Lines& new_lines, const std::vector<Hunk>& hunks, std::size_t& changes) {
  Lines lines;
  std::size_t done = 0;
  changes = 0;
  for (const Hunk& hunk : hunks) {
    EXPECT_TRUE(done == 0 ? hunk.begin >= done : hunk.begin > done);
    EXPECT_TRUE(hunk.end > hunk.begin || hunk.new_end > hunk.new_begin);
    lines.insert(lines.end(), old_lines.begin() + done, old_lines.begin() + hunk.begin);
    EXPECT_EQ(lines.size(), hunk.new_begin);
    lines.insert(lines.end(), new_lines.begin() + hunk.new_begin, new_lines.begin() + hunk.new_end);
    changes += hunk.end - hunk.begin + hunk.new_end - hunk.new_begin;
    done = hunk.end;
  }
  lines.insert(lines.end(), old_lines.begin() + done, old_lines.end());
  return lines;
}

TEST(LineDiff, FindsTheFewestChanges) {
  const std::uint32_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 5'000; ++i) {
    const std::size_t different = 1 + pick(random, 6);
    const Lines old_lines = random_lines(random, 30, different);
    const Lines new_lines = random_lines(random, 30, different);
    std::size_t changes = 0;
    ASSERT_EQ(rebuilt(old_lines, new_lines, changed_lines(old_lines, new_lines), changes), new_lines);
    ASSERT_EQ(changes, old_lines.size() + new_lines.size() - 2 * longest_common(old_lines, new_lines));
  }
}

TEST(LineDiff, BeyondTheLimitTheMiddleIsOneHunk) {
  Lines old_lines(10'000);
  for (int i = 0; i < 10'000; ++i) old_lines[static_cast<std::size_t>(i)] = i;
  Lines new_lines = old_lines;
  for (int i = 100; i < 9'900; i += 2) new_lines[static_cast<std::size_t>(i)] += 20'000;
  const auto hunks = changed_lines(old_lines, new_lines);
  ASSERT_EQ(hunks.size(), 1u);
  EXPECT_EQ(hunks[0].begin, 100u);
  EXPECT_EQ(hunks[0].end, 9'899u);
  EXPECT_EQ(hunks[0].new_begin, 100u);
  EXPECT_EQ(hunks[0].new_end, 9'899u);
}

}  // namespace
}  // namespace tidemark
