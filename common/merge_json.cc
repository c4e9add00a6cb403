#include "common/merge_json.h"

#include <map>

#include "common/json_tree.h"

namespace tidemark {
namespace {

using Members = std::map<std::string_view, const JsonNode*>;

bool is_object(const JsonNode* node) { return node != nullptr && node->type == JsonNode::Type::kObject; }

// None for what is no object.
Members members_of(const JsonNode* node) {
  Members members;
  if (!is_object(node)) return members;
  for (const JsonMember& member : node->parts->members) members.emplace(member.key, &member.value);
  return members;
}

const JsonNode* find(const Members& members, std::string_view key) {
  const auto found = members.find(key);
  return found == members.end() ? nullptr : found->second;
}

// Two missing values are the same.
bool same(const JsonNode* a, const JsonNode* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return same_json(*a, *b);
}

// A part of a JSON pointer.
void append_pointer(std::string& pointer, std::string_view key) {
  pointer += '/';
  for (const char c : key) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

class Merger {
 public:
  explicit Merger(Winner winner) : winner_(winner) {}

  // Writes what becomes of one value, which may be missing on any side; false if nothing does.
  bool merge(const JsonNode* base, const JsonNode* mine, const JsonNode* theirs) {
    if (same(mine, theirs) || same(base, mine)) return write(theirs);
    if (same(base, theirs)) return write(mine);
    if (is_object(mine) && is_object(theirs)) {
      merge_members(base, *mine, *theirs);
      return true;
    }
    result_.clashes.push_back(pointer_);
    return write(winner_ == Winner::kMine ? mine : theirs);
  }

  JsonMerge result() && { return std::move(result_); }

 private:
  bool write(const JsonNode* node) {
    if (node != nullptr) result_.text += node->text;
    return node != nullptr;
  }

  void merge_members(const JsonNode* base, const JsonNode& mine, const JsonNode& theirs) {
    const Members of_base = members_of(base);
    const Members of_mine = members_of(&mine);
    const Members of_theirs = members_of(&theirs);
    result_.text += '{';
    bool first = true;
    const auto merge_member = [&](const JsonMember& member) {
      const std::size_t pointer_before = pointer_.size();
      const std::size_t text_before = result_.text.size();
      append_pointer(pointer_, member.key);
      if (!first) result_.text += ',';
      result_.text += member.key_text;
      result_.text += ':';
      if (merge(find(of_base, member.key), find(of_mine, member.key), find(of_theirs, member.key))) {
        first = false;
      } else {
        result_.text.resize(text_before);
      }
      pointer_.resize(pointer_before);
    };
    for (const JsonMember& member : theirs.parts->members) merge_member(member);
    for (const JsonMember& member : mine.parts->members) {
      if (!of_theirs.contains(member.key)) merge_member(member);
    }
    result_.text += '}';
  }

  Winner winner_;
  JsonMerge result_;
  std::string pointer_;  // of the value in hand
};

}  // namespace

std::optional<JsonMerge> merge_json(const std::optional<std::string_view>& base, std::string_view mine,
                                    std::string_view theirs, Winner winner) {
  std::optional<JsonTree> of_base;
  if (base) of_base.emplace(*base);
  const JsonTree of_mine(mine);
  const JsonTree of_theirs(theirs);
  if ((of_base && !of_base->root()) || !of_mine.root() || !of_theirs.root()) return std::nullopt;
  Merger merger(winner);
  merger.merge(of_base ? of_base->root() : nullptr, of_mine.root(), of_theirs.root());
  return std::move(merger).result();
}

bool same_json(std::string_view a, std::string_view b) {
  const JsonTree x(a);
  const JsonTree y(b);
  return x.root() && y.root() && same_json(*x.root(), *y.root());
}

bool is_json(std::string_view text) { return JsonTree(text).root() != nullptr; }

bool is_jsonb(std::string_view text) {
  const JsonTree tree(text);
  return tree.root() && !tree.has_nul();
}

}  // namespace tidemark
