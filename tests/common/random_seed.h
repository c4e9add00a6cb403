// A generator for tests over random inputs; says its seed when a test fails.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace tidemark {

//   const std::uint32_t seed = random_seed();
//   SCOPED_TRACE("seed " + std::to_string(seed));
inline std::uint32_t random_seed() { return std::random_device{}(); }

// Below `bound`.
inline std::size_t pick(std::mt19937& random, std::size_t bound) {
  return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
}

// Up to `most` characters of `alphabet`.
inline std::string random_text(std::mt19937& random, std::size_t most, std::string_view alphabet) {
  std::string text(pick(random, most + 1), ' ');
  for (char& c : text) c = alphabet[pick(random, alphabet.size())];
  return text;
}

}  // namespace tidemark
