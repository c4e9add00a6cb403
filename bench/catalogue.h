// The data that every figure is about: products of a shop, some 280 bytes each,
// with random keys. The same seed gives the same rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tidemark::bench {

struct Product {
  std::string id;  // version 4 UUID, so that keys come in random order
  std::string sku;
  std::string name;
  std::string description;
  std::string price;  // decimal, two digits
  std::string currency;
  std::int64_t stock = 0;
  std::string category_id;
  bool active = true;
  std::string updated_at;  // as a timestamptz travels: "2026-01-01 00:00:00.000000+00"
};

std::vector<Product> make_products(std::uint64_t seed, std::size_t count);

// A price and a time that no product has yet; `round` tells updates apart.
std::string new_price(std::size_t place, int round);
std::string new_time(std::size_t place, int round);

}  // namespace tidemark::bench
