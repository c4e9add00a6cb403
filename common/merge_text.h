// Merges two changes of one text by line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/winner.h"

namespace tidemark {

struct TextMerge {
  std::string text;
  std::size_t clashes = 0;  // places that both sides changed differently
};

// Lines that one side changed are taken, lines that both changed alike once; where both
// changed the same lines differently, or put different lines into one place, all of them
// go to `winner`. Neighbouring lines that different sides changed are no clash. Line ends
// are part of their lines and stay as they are. Time and memory are bounded: between two
// texts with more than some thousand changed lines, everything from the first to the last
// of them counts as one change.
TextMerge merge_text(std::string_view base, std::string_view mine, std::string_view theirs, Winner winner);

}  // namespace tidemark
