// Random JSON documents, written by another library.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/common/random_seed.h"

namespace tidemark {

inline nlohmann::json random_json(std::mt19937& random, int depth) {
  switch (pick(random, depth > 0 ? 6 : 4)) {
    case 0: return nullptr;
    case 1: return static_cast<int>(pick(random, 5));
    case 2: return random_text(random, 3, "ab\"\\/\n");
    case 3: return pick(random, 2) == 0;
    case 4: {
      auto array = nlohmann::json::array();
      for (std::size_t i = pick(random, 4); i > 0; --i) array.push_back(random_json(random, depth - 1));
      return array;
    }
    default: {
      auto object = nlohmann::json::object();
      for (std::size_t i = pick(random, 5); i > 0; --i)
        object[random_text(random, 1, "abc~/\"")] = random_json(random, depth - 1);
      return object;
    }
  }
}

}  // namespace tidemark
