// Merges two changes of one JSON document by key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/winner.h"

namespace tidemark {

struct JsonMerge {
  std::string text;
  std::vector<std::string> clashes;  // JSON pointers (RFC 6901) of what both sides changed; "" is the whole
};

// What one side did to a member is taken, recursively; a member that both changed to
// different values, or that one changed and the other removed, is a clash and goes whole
// to `winner`. Arrays are values as any other. Without a base everything was added: only
// members that both sides have may clash. Values stand as they were written; an object
// that both changed has theirs' members first. nullopt if a text is not JSON, nested
// deeper than 500 or longer than 16 MiB.
std::optional<JsonMerge> merge_json(const std::optional<std::string_view>& base, std::string_view mine,
                                    std::string_view theirs, Winner winner);

// Whether two texts are JSON and mean the same: 1.50 is 1.5, "\u0061" is "a", and the
// order of an object's keys does not matter.
bool same_json(std::string_view a, std::string_view b);

// Whether a json column takes the text, and a jsonb column, which refuses U+0000. Within
// the limits of merge_json, and without halves of surrogate pairs, which json would take.
bool is_json(std::string_view text);
bool is_jsonb(std::string_view text);

}  // namespace tidemark
