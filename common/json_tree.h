// A JSON document as a tree that keeps every value as it was written, so that no
// number is rounded. Reading what travels on the wire is in wire.h.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

struct JsonParts;

// All views are of the tree that the node is in.
struct JsonNode {
  enum class Type { kObject, kArray, kString, kNumber, kLiteral };
  Type type = Type::kLiteral;
  std::string_view text;             // as it was written
  std::string_view string;           // of a string: its characters
  std::unique_ptr<JsonParts> parts;  // of an object or an array, never null there
};

struct JsonMember {
  std::string_view key_text;  // as it was written, with its quotes
  std::string_view key;
  JsonNode value;
};

struct JsonParts {
  std::vector<JsonMember> members;  // each key once: the last of equal keys counts
  std::vector<JsonNode> elements;
};

class JsonTree {
 public:
  // What is beyond is refused: a tree takes up to a hundred times the memory of its text.
  static constexpr int kMaxDepth = 500;
  static constexpr std::size_t kMaxBytes = 16 << 20;

  explicit JsonTree(std::string_view text);
  JsonTree(const JsonTree&) = delete;
  JsonTree& operator=(const JsonTree&) = delete;

  // nullptr if the text is not JSON, has half of a surrogate pair, or is beyond the limits.
  const JsonNode* root() const { return root_ ? &*root_ : nullptr; }

  // Whether a string or a key has U+0000 in it, which a jsonb refuses.
  bool has_nul() const { return has_nul_; }

 private:
  using Input = simdjson::ondemand::value;

  std::optional<JsonNode> read_root();
  bool read(Input input, int depth, JsonNode& node);
  bool read_object(Input& input, int depth, JsonNode& node);
  bool read_array(Input& input, int depth, JsonNode& node);
  bool accept(std::string_view string);

  std::string text_;
  simdjson::ondemand::parser parser_;
  simdjson::ondemand::document document_;
  std::optional<JsonNode> root_;
  bool has_nul_ = false;
};

// Whether two values mean the same: objects whatever the order of their keys, numbers
// by their value, strings by their characters.
bool same_json(const JsonNode& a, const JsonNode& b);

}  // namespace tidemark
