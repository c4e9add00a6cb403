#include "common/line_diff.h"

#include <algorithm>
#include <optional>

namespace tidemark {
namespace {

constexpr int kMaxChanges = 2000;

// Myers' greedy search. On diagonal k the new text is k lines behind the old: x - y = k,
// where x lines of the old and y of the new have been passed.
class Search {
 public:
  Search(std::span<const int> old_lines, std::span<const int> new_lines)
      : old_(old_lines),
        new_(new_lines),
        old_size_(static_cast<int>(old_.size())),
        new_size_(static_cast<int>(new_.size())) {}

  // The hunks from the last to the first; nullopt if there are too many changes.
  std::optional<std::vector<Hunk>> hunks() {
    const auto changes = fewest_changes();
    if (!changes) return std::nullopt;
    std::vector<Hunk> hunks;
    int x = old_size_;
    int y = new_size_;
    for (int d = *changes; d > 0; --d) {
      const int k = x - y;
      const bool inserts = comes_by_insertion(reached_[d - 1], d, k);
      const int from_k = inserts ? k + 1 : k - 1;
      x = at(reached_[d - 1], d - 1, from_k);
      y = x - from_k;
      prepend(hunks, x, y, inserts);
    }
    return hunks;
  }

 private:
  // The furthest x on diagonals -d, -d + 2 … d.
  using Reached = std::vector<int>;

  static int at(const Reached& reached, int d, int k) { return reached[static_cast<std::size_t>((k + d) / 2)]; }

  // Whether the furthest path with d changes comes to diagonal k by a line of the new
  // text, given how far those with d - 1 changes came.
  static bool comes_by_insertion(const Reached& before, int d, int k) {
    return k == -d || (k != d && at(before, d - 1, k - 1) < at(before, d - 1, k + 1));
  }

  std::optional<int> fewest_changes() {
    const int limit = std::min(old_size_ + new_size_, kMaxChanges);
    for (int d = 0; d <= limit; ++d) {
      Reached reached;
      reached.reserve(static_cast<std::size_t>(d) + 1);
      for (int k = -d; k <= d; k += 2) {
        const int x = slide(d == 0 ? 0 : start_of(d, k), k);
        reached.push_back(x);
        if (k == old_size_ - new_size_ && x >= old_size_) return d;
      }
      reached_.push_back(std::move(reached));
    }
    return std::nullopt;
  }

  int start_of(int d, int k) const {
    const Reached& before = reached_.back();
    return comes_by_insertion(before, d, k) ? at(before, d - 1, k + 1) : at(before, d - 1, k - 1) + 1;
  }

  // Passes the lines that are equal.
  int slide(int x, int k) const {
    while (x < old_size_ && x - k < new_size_ &&
           old_[static_cast<std::size_t>(x)] == new_[static_cast<std::size_t>(x - k)])
      ++x;
    return x;
  }

  // A change of one line at (x, y), just before the first hunk or a part of it.
  static void prepend(std::vector<Hunk>& hunks, int x, int y, bool inserts) {
    const auto begin = static_cast<std::size_t>(x);
    const auto new_begin = static_cast<std::size_t>(y);
    const std::size_t end = begin + (inserts ? 0 : 1);
    const std::size_t new_end = new_begin + (inserts ? 1 : 0);
    if (!hunks.empty() && hunks.back().begin == end && hunks.back().new_begin == new_end) {
      hunks.back().begin = begin;
      hunks.back().new_begin = new_begin;
    } else {
      hunks.push_back({begin, end, new_begin, new_end});
    }
  }

  std::span<const int> old_;
  std::span<const int> new_;
  int old_size_;
  int new_size_;
  std::vector<Reached> reached_;  // for 0, 1, 2 … changes
};

std::size_t common_prefix(std::span<const int> a, std::span<const int> b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

std::size_t common_suffix(std::span<const int> a, std::span<const int> b) {
  std::size_t size = 0;
  while (size < a.size() && size < b.size() && a[a.size() - 1 - size] == b[b.size() - 1 - size]) ++size;
  return size;
}

}  // namespace

std::vector<Hunk> changed_lines(std::span<const int> old_lines, std::span<const int> new_lines) {
  const std::size_t prefix = common_prefix(old_lines, new_lines);
  old_lines = old_lines.subspan(prefix);
  new_lines = new_lines.subspan(prefix);
  const std::size_t suffix = common_suffix(old_lines, new_lines);
  old_lines = old_lines.first(old_lines.size() - suffix);
  new_lines = new_lines.first(new_lines.size() - suffix);
  if (old_lines.empty() && new_lines.empty()) return {};

  const Hunk whole = {prefix, prefix + old_lines.size(), prefix, prefix + new_lines.size()};
  if (old_lines.empty() || new_lines.empty()) return {whole};
  auto hunks = Search(old_lines, new_lines).hunks();
  if (!hunks) return {whole};
  std::reverse(hunks->begin(), hunks->end());
  for (Hunk& hunk : *hunks) {
    hunk = {hunk.begin + prefix, hunk.end + prefix, hunk.new_begin + prefix, hunk.new_end + prefix};
  }
  return *hunks;
}

}  // namespace tidemark
