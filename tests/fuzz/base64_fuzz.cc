// What is decoded encodes to the same length, and what is encoded decodes to the same bytes.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/json_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string bytes = "kept";
  if (tidemark::base64_decode(input, bytes)) {
    if (tidemark::base64_encode(std::string_view(bytes).substr(4)).size() != size) std::abort();
  } else if (bytes != "kept") {
    std::abort();
  }
  std::string back;
  if (!tidemark::base64_decode(tidemark::base64_encode(input), back) || back != input) std::abort();
  return 0;
}
