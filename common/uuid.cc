#include "common/uuid.h"

namespace tidemark {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

UuidBytes uuid_v7(std::uint64_t unix_ms, const UuidBytes& entropy) {
  UuidBytes uuid = entropy;
  for (int i = 0; i < 6; ++i) uuid[i] = static_cast<std::uint8_t>(unix_ms >> (40 - 8 * i));
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0F) | 0x70);  // version 7
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3F) | 0x80);  // variant 10
  return uuid;
}

std::string uuid_text(const UuidBytes& uuid) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[uuid[i] >> 4];
    text += kHex[uuid[i] & 15];
  }
  return text;
}

std::optional<UuidBytes> uuid_from(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  UuidBytes uuid{};
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0) return std::nullopt;
    uuid[digits / 2] = static_cast<std::uint8_t>(uuid[digits / 2] << 4 | value);
    ++digits;
  }
  return uuid;
}

}  // namespace tidemark
