#include "common/json_text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace tidemark {
namespace {

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> base64_digits() {
  std::array<std::int8_t, 256> digits{};
  digits.fill(-1);
  for (int i = 0; i < 64; ++i) digits[static_cast<unsigned char>(kBase64[i])] = static_cast<std::int8_t>(i);
  return digits;
}

constexpr auto kBase64Digits = base64_digits();

// True for the bytes that JSON does not let stand in a string as they are.
constexpr std::array<bool, 256> bytes_to_escape() {
  std::array<bool, 256> escape{};
  for (int i = 0; i < 0x20; ++i) escape[i] = true;
  escape['"'] = true;
  escape['\\'] = true;
  return escape;
}

constexpr auto kEscape = bytes_to_escape();

void append_escaped(std::string& out, unsigned char byte) {
  switch (byte) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  constexpr char kHex[] = "0123456789abcdef";
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

void append_base64(std::string& out, std::string_view bytes) {
  const auto* in = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const unsigned group = in[i] << 16 | in[i + 1] << 8 | in[i + 2];
    const char four[] = {kBase64[group >> 18], kBase64[group >> 12 & 63], kBase64[group >> 6 & 63],
                         kBase64[group & 63]};
    out.append(four, 4);
  }
  if (i + 1 == bytes.size()) {
    const unsigned group = in[i] << 16;
    out += kBase64[group >> 18];
    out += kBase64[group >> 12 & 63];
    out += "==";
  } else if (i + 2 == bytes.size()) {
    const unsigned group = in[i] << 16 | in[i + 1] << 8;
    out += kBase64[group >> 18];
    out += kBase64[group >> 12 & 63];
    out += kBase64[group >> 6 & 63];
    out += '=';
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (!kEscape[byte]) continue;
    out.append(text, start, i - start);
    append_escaped(out, byte);
    start = i + 1;
  }
  out.append(text, start, text.size() - start);
  out += '"';
}

void append_json_integer(std::string& out, std::int64_t value) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
}

void append_json_real(std::string& out, double value) {
  if (std::isnan(value)) {
    out += R"({"real":"nan"})";
  } else if (std::isinf(value)) {
    out += value > 0 ? R"({"real":"inf"})" : R"({"real":"-inf"})";
  } else if (value == 0) {
    out += std::signbit(value) ? "-0.0" : "0";  // "-0" would be read as the integer 0
  } else {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    out.append(buffer, end);
    // A reader takes digits alone for an integer, and these may not fit one.
    const bool digits_only = std::string_view(buffer, end).find_first_of(".e") == std::string_view::npos;
    if (digits_only && std::abs(value) >= 1e15) out += ".0";
  }
}

JsonObject& JsonObject::add(std::string_view name, std::string_view text) {
  append_name(name);
  append_json_string(text_, text);
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, std::int64_t value) {
  append_name(name);
  append_json_integer(text_, value);
  return *this;
}

JsonObject& JsonObject::add_json(std::string_view name, std::string_view json) {
  append_name(name);
  text_ += json;
  return *this;
}

void JsonObject::append_name(std::string_view name) {
  if (text_.size() > 1) text_ += ',';
  append_json_string(text_, name);
  text_ += ':';
}

void append_json_blob(std::string& out, std::string_view bytes) {
  out += R"({"blob":")";
  append_base64(out, bytes);
  out += "\"}";
}

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  append_base64(out, bytes);
  return out;
}

bool base64_decode(std::string_view text, std::string& out) {
  if (text.size() % 4 != 0) return false;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;

  const std::size_t before = out.size();
  unsigned group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool pad = i >= text.size() - padding;
    const int digit = pad ? 0 : kBase64Digits[static_cast<unsigned char>(text[i])];
    if (digit < 0) {
      out.resize(before);
      return false;
    }
    group = group << 6 | static_cast<unsigned>(digit);
    if (i % 4 != 3) continue;
    out += static_cast<char>(group >> 16);
    out += static_cast<char>(group >> 8 & 255);
    out += static_cast<char>(group & 255);
    group = 0;
  }
  out.resize(out.size() - padding);
  return true;
}

}  // namespace tidemark
