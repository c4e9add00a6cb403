// Writes JSON as text, a value at a time, into a buffer the caller owns: what
// every row on the wire is made of. Reading is in wire.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidemark {

// A JSON string with its quotes. `text` must be valid UTF-8; U+0000 becomes \u0000.
void append_json_string(std::string& out, std::string_view text);

void append_json_integer(std::string& out, std::int64_t value);

// The shortest decimal that reads back as the same double ("1e+20", "-0.0", "5");
// {"real":"nan"}, {"real":"inf"} or {"real":"-inf"} where JSON has no number.
void append_json_real(std::string& out, double value);

// An object, member by member. Texts must be valid UTF-8.
//
//   JsonObject().add("table", name).add("loaded", 5).text()
class JsonObject {
 public:
  JsonObject& add(std::string_view name, std::string_view text);
  JsonObject& add(std::string_view name, std::int64_t value);
  JsonObject& add_json(std::string_view name, std::string_view json);
  std::string text() const { return text_ + "}"; }

 private:
  void append_name(std::string_view name);

  std::string text_ = "{";
};

// {"blob":"<base64 with padding>"}
void append_json_blob(std::string& out, std::string_view bytes);

// Standard base64 (RFC 4648, section 4) with padding.
std::string base64_encode(std::string_view bytes);

// Appends the decoded bytes to `out`; false (and `out` as it was) if `text` is
// not base64 with padding.
bool base64_decode(std::string_view text, std::string& out);

}  // namespace tidemark
