// Bodies on the wire: zstd and gzip in both directions, chosen by the request's
// headers, with a limit on what a compressed body may grow to.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tidemark::bridge {

enum class Encoding { kIdentity, kGzip, kZstd };

// The name in Content-Encoding; empty for the identity.
const char* name_of(Encoding encoding);

// Of a Content-Encoding header (empty if there is none).
// Throws Error{kUnsupported} for anything but one of the three.
Encoding content_encoding(std::string_view header);

// The best of what an Accept-Encoding header allows (RFC 9110, 12.5.3): the
// highest weight wins, zstd before gzip if they are equal.
Encoding preferred_encoding(std::string_view header);

// Decompresses all frames or members of `body`. Stops as soon as the result is
// over `limit` bytes: Error{kTooLarge}. Error{kInvalidInput} if it is corrupt or cut off.
std::string decompress(std::string_view body, Encoding encoding, std::size_t limit);

std::string compress(std::string_view body, Encoding encoding);

}  // namespace tidemark::bridge
