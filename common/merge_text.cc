#include "common/merge_text.h"

#include <algorithm>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/line_diff.h"

namespace tidemark {
namespace {

// The lines of a text, each with its end, and for each a number that equal lines share.
struct Lines {
  std::vector<std::string_view> texts;
  std::vector<int> numbers;
};

using Numbers = std::unordered_map<std::string_view, int>;

Lines lines_of(std::string_view text, Numbers& numbers) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, size);
    lines.texts.push_back(line);
    lines.numbers.push_back(numbers.emplace(line, static_cast<int>(numbers.size())).first->second);
    text.remove_prefix(size);
  }
  return lines;
}

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// One side's changes, taken one after another in the order of the base.
class Side {
 public:
  Side(const Lines& base, const Lines& lines) : lines_(lines), hunks_(changed_lines(base.numbers, lines.numbers)) {}

  bool at_end() const { return next_ == hunks_.size(); }
  const Hunk& hunk() const { return hunks_[next_]; }
  void pass() { ++next_; }

  // What this side has in place of the base's lines in `range`, all of whose changes have
  // been passed, and none before it has not.
  std::span<const std::string_view> lines_for(Range range, std::size_t first) const {
    const std::size_t begin =
        first == 0 ? range.begin : range.begin - hunks_[first - 1].end + hunks_[first - 1].new_end;
    const std::size_t end = next_ == 0 ? range.end : range.end - hunks_[next_ - 1].end + hunks_[next_ - 1].new_end;
    return std::span(lines_.texts).subspan(begin, end - begin);
  }

  std::size_t place() const { return next_; }

 private:
  const Lines& lines_;
  std::vector<Hunk> hunks_;
  std::size_t next_ = 0;
};

// Whether two changes of the base's lines meet: they have a line in common, or one of
// them only puts lines in, inside the other or right beside it.
bool meet(Range a, const Hunk& b) {
  const std::size_t begin = std::max(a.begin, b.begin);
  const std::size_t end = std::min(a.end, b.end);
  const bool only_inserts = a.begin == a.end || b.begin == b.end;
  return only_inserts ? begin <= end : begin < end;
}

// Passes the side's next change if it meets `range`, which then covers it too.
bool absorb(Side& side, Range& range) {
  if (side.at_end() || !meet(range, side.hunk())) return false;
  range = {std::min(range.begin, side.hunk().begin), std::max(range.end, side.hunk().end)};
  side.pass();
  return true;
}

// The lines of the base in which the next changes of both sides that meet lie.
Range next_range(Side& mine, Side& theirs) {
  const bool mine_first = theirs.at_end() || (!mine.at_end() && mine.hunk().begin <= theirs.hunk().begin);
  Side& first = mine_first ? mine : theirs;
  Range range = {first.hunk().begin, first.hunk().end};
  first.pass();
  while (absorb(mine, range) || absorb(theirs, range)) {
  }
  return range;
}

void append(std::string& out, std::span<const std::string_view> lines) {
  for (const std::string_view line : lines) out += line;
}

}  // namespace

TextMerge merge_text(std::string_view base, std::string_view mine, std::string_view theirs, Winner winner) {
  Numbers numbers;
  const Lines base_lines = lines_of(base, numbers);
  const Lines mine_lines = lines_of(mine, numbers);
  const Lines theirs_lines = lines_of(theirs, numbers);
  Side of_mine(base_lines, mine_lines);
  Side of_theirs(base_lines, theirs_lines);

  TextMerge merge;
  std::size_t done = 0;  // lines of the base
  while (!of_mine.at_end() || !of_theirs.at_end()) {
    const std::size_t mine_before = of_mine.place();
    const std::size_t theirs_before = of_theirs.place();
    const Range range = next_range(of_mine, of_theirs);
    append(merge.text, std::span(base_lines.texts).subspan(done, range.begin - done));
    done = range.end;

    const auto ours = of_mine.lines_for(range, mine_before);
    const auto others = of_theirs.lines_for(range, theirs_before);
    const bool mine_changed = of_mine.place() != mine_before;
    const bool theirs_changed = of_theirs.place() != theirs_before;
    const bool clash = mine_changed && theirs_changed && !std::ranges::equal(ours, others);
    if (clash) ++merge.clashes;
    const bool take_mine = clash ? winner == Winner::kMine : mine_changed;
    append(merge.text, take_mine ? ours : others);
  }
  append(merge.text, std::span(base_lines.texts).subspan(done));
  return merge;
}

}  // namespace tidemark
