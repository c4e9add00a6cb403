#include "common/json_tree.h"

#include <algorithm>
#include <map>
#include <new>
#include <utility>

#include "common/decimal.h"

namespace tidemark {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view kBlanks = " \t\n\r";

std::string_view without_blanks_after(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// -12.50e+3 by JSON's grammar: simdjson, which is not asked for its value, has not looked.
bool is_number(std::string_view text) {
  const auto take_digits = [&text] {
    const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(count);
    return count > 0;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.starts_with('0')) {
    text.remove_prefix(1);
  } else if (!take_digits()) {
    return false;
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!take_digits()) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!take_digits()) return false;
  }
  return text.empty();
}

bool is_literal(std::string_view text) { return text == "true" || text == "false" || text == "null"; }

// The key that ends, with blanks and a colon, where the value begins.
std::string_view key_before(const char* key, const char* value) {
  std::string_view text = without_blanks_after({key, static_cast<std::size_t>(value - key)});
  text.remove_suffix(1);
  return without_blanks_after(text);
}

std::vector<const JsonMember*> sorted_members(const JsonNode& object) {
  std::vector<const JsonMember*> members;
  members.reserve(object.parts->members.size());
  for (const JsonMember& member : object.parts->members) members.push_back(&member);
  std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
  return members;
}

bool same_members(const JsonNode& a, const JsonNode& b) {
  return a.parts->members.size() == b.parts->members.size() &&
         std::ranges::equal(sorted_members(a), sorted_members(b), [](const JsonMember* x, const JsonMember* y) {
           return x->key == y->key && same_json(x->value, y->value);
         });
}

}  // namespace

JsonTree::JsonTree(std::string_view text) {
  if (text.size() > kMaxBytes) return;
  // Inside an array every value is read alike: simdjson has another interface for a
  // scalar that stands alone.
  text_.reserve(text.size() + 2 + simdjson::SIMDJSON_PADDING);
  text_ += '[';
  text_ += text;
  text_ += ']';
  text_.append(simdjson::SIMDJSON_PADDING, '\0');
  root_ = read_root();
}

std::optional<JsonNode> JsonTree::read_root() {
  const simdjson::padded_string_view padded(text_.data(), text_.size() - simdjson::SIMDJSON_PADDING, text_.size());
  const auto error = parser_.iterate(padded).get(document_);
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  ondemand::array wrapper;
  if (error != simdjson::SUCCESS || document_.get_array().get(wrapper) != simdjson::SUCCESS) return std::nullopt;

  std::optional<JsonNode> root;
  for (auto element : wrapper) {
    if (root || element.error() != simdjson::SUCCESS) return std::nullopt;
    if (!read(element.value_unsafe(), 1, root.emplace())) return std::nullopt;
  }
  const bool at_end = document_.current_location().error() == simdjson::OUT_OF_BOUNDS;
  return at_end ? std::move(root) : std::nullopt;
}

bool JsonTree::read(Input input, int depth, JsonNode& node) {
  const std::string_view token = input.raw_json_token();
  ondemand::json_type type;
  if (input.type().get(type) != simdjson::SUCCESS) return false;
  node.text = without_blanks_after(token);
  switch (type) {
    case ondemand::json_type::number: node.type = JsonNode::Type::kNumber; return is_number(node.text);
    case ondemand::json_type::boolean:
    case ondemand::json_type::null: node.type = JsonNode::Type::kLiteral; return is_literal(node.text);
    case ondemand::json_type::string:
      node.type = JsonNode::Type::kString;
      return input.get_string().get(node.string) == simdjson::SUCCESS && accept(node.string);
    case ondemand::json_type::object:
      node.type = JsonNode::Type::kObject;
      node.parts = std::make_unique<JsonParts>();
      if (depth > kMaxDepth || !read_object(input, depth, node)) return false;
      break;
    case ondemand::json_type::array:
      node.type = JsonNode::Type::kArray;
      node.parts = std::make_unique<JsonParts>();
      if (depth > kMaxDepth || !read_array(input, depth, node)) return false;
      break;
  }
  const char* next = nullptr;  // the comma or bracket after it
  if (document_.current_location().get(next) != simdjson::SUCCESS) return false;
  node.text = without_blanks_after({token.data(), static_cast<std::size_t>(next - token.data())});
  return true;
}

bool JsonTree::read_object(Input& input, int depth, JsonNode& node) {
  ondemand::object object;
  if (input.get_object().get(object) != simdjson::SUCCESS) return false;
  std::vector<JsonMember>& members = node.parts->members;
  std::map<std::string_view, std::size_t> places;
  for (auto result : object) {
    ondemand::field field;
    if (std::move(result).get(field) != simdjson::SUCCESS) return false;
    JsonMember member;
    member.key_text = key_before(field.key().raw() - 1, field.value().raw_json_token().data());
    if (field.unescaped_key().get(member.key) != simdjson::SUCCESS || !accept(member.key)) return false;
    if (!read(field.value(), depth + 1, member.value)) return false;
    const auto [place, is_new] = places.emplace(member.key, members.size());
    if (is_new) {
      members.push_back(std::move(member));
    } else {
      members[place->second] = std::move(member);
    }
  }
  return true;
}

bool JsonTree::read_array(Input& input, int depth, JsonNode& node) {
  ondemand::array array;
  if (input.get_array().get(array) != simdjson::SUCCESS) return false;
  for (auto element : array) {
    if (element.error() != simdjson::SUCCESS) return false;
    if (!read(element.value_unsafe(), depth + 1, node.parts->elements.emplace_back())) return false;
  }
  return true;
}

bool JsonTree::accept(std::string_view string) {
  if (string.find('\0') != std::string_view::npos) has_nul_ = true;
  return simdjson::validate_utf8(string);
}

bool same_json(const JsonNode& a, const JsonNode& b) {
  if (a.type != b.type) return false;
  if (a.text == b.text) return true;
  switch (a.type) {
    case JsonNode::Type::kObject: return same_members(a, b);
    case JsonNode::Type::kArray: return std::ranges::equal(a.parts->elements, b.parts->elements, same_json);
    case JsonNode::Type::kString: return a.string == b.string;
    case JsonNode::Type::kNumber: return same_number(a.text, b.text);
    case JsonNode::Type::kLiteral: return false;
  }
  return false;
}

}  // namespace tidemark
