// SQLite's values as C++ values: exact (a double by its bits), comparable, and
// free of any connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

enum class Type : std::uint8_t { kNull, kInteger, kReal, kText, kBlob };

// A value whose bytes belong to somebody else.
struct ValueView {
  Type type = Type::kNull;
  union {
    std::int64_t integer = 0;
    double real;
  };
  std::string_view bytes;  // of a text or a blob

  static ValueView null() { return {}; }
  static ValueView of(std::int64_t value);
  static ValueView of(double value);
  static ValueView text(std::string_view value);
  static ValueView blob(std::string_view value);

  // The same type and the same bytes: 1 is not 1.0, 0.0 is not -0.0.
  bool operator==(const ValueView& other) const;
};

// A value that owns its bytes.
class Value {
 public:
  Value() = default;
  explicit Value(const ValueView& view);

  ValueView view() const;
  bool is_null() const { return type_ == Type::kNull; }
  bool operator==(const Value& other) const { return view() == other.view(); }

 private:
  Type type_ = Type::kNull;
  union {
    std::int64_t integer_ = 0;
    double real_;
  };
  std::string bytes_;
};

using Row = std::vector<Value>;

// Appends a form of the value in which two values are the same bytes exactly
// when they are equal, also one after another: what a key is looked up by.
void append_lookup(std::string& out, const ValueView& value);

}  // namespace tidemark
