// zstd, for a sealed push: stored and sent in the same bytes.
#pragma once

#include <string>
#include <string_view>

namespace tidemark::device {

std::string compress(std::string_view bytes);

// Throws Error{kInternal} for bytes that compress() did not make.
std::string decompress(std::string_view bytes);

}  // namespace tidemark::device
