// Version 7 UUIDs (RFC 9562, section 5.7): keys that no two devices share and
// that sort by the time they were made.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidemark {

using UuidBytes = std::array<std::uint8_t, 16>;

// `unix_ms` counts milliseconds since 1970-01-01 UTC; its top 16 bits are
// dropped. The 74 random bits come from `entropy`; its other bits are ignored.
UuidBytes uuid_v7(std::uint64_t unix_ms, const UuidBytes& entropy);

// The canonical text: 36 characters, lower case.
std::string uuid_text(const UuidBytes& uuid);

// What uuid_text wrote, in either case; nullopt for other forms.
std::optional<UuidBytes> uuid_from(std::string_view text);

}  // namespace tidemark
