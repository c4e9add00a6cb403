// Which lines of a text another text has changed.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tidemark {

// Lines [begin, end) of the old text became lines [new_begin, new_end) of the new one.
struct Hunk {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t new_begin = 0;
  std::size_t new_end = 0;
};

// In rising order, with an unchanged line at least between any two. Each line is
// a number; equal numbers are equal lines. The fewest changes (Myers, "An O(ND)
// Difference Algorithm and Its Variations", 1986), or, beyond 2,000 changed lines,
// one hunk: time is O((old + new) × 2,000), memory 8 MiB besides the input.
std::vector<Hunk> changed_lines(std::span<const int> old_lines, std::span<const int> new_lines);

}  // namespace tidemark
