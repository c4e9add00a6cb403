#include "bench/catalogue.h"

#include <cstdio>
#include <random>
#include <string_view>

namespace tidemark::bench {
namespace {

constexpr std::string_view kWords[] = {
    "apron",    "basket", "beech",  "bottle", "brass",  "bread",  "broom", "candle",    "canvas", "cherry",  "copper",
    "cotton",   "crate",  "cup",    "dark",   "daily",  "enamel", "felt",  "fine",      "flask",  "folding", "glass",
    "ground",   "hammer", "handle", "heavy",  "honey",  "iron",   "jar",   "kettle",    "ladder", "lamp",    "linen",
    "matt",     "oak",    "olive",  "paper",  "pear",   "pepper", "plain", "plum",      "round",  "rye",     "salt",
    "scissors", "sharp",  "silk",   "slate",  "small",  "soap",   "spoon", "stackable", "steel",  "sturdy",  "thread",
    "tile",     "tin",    "walnut", "warm",   "washed", "white",  "wide",  "wool",      "zinc"};

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit) { return random() % limit; }

std::string uuid(Random& random) {
  const std::uint64_t high = (random() & ~0xF000ULL) | 0x4000ULL;
  const std::uint64_t low = (random() & 0x3FFFFFFFFFFFFFFFULL) | 0x8000000000000000ULL;
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xFFFF), static_cast<unsigned>(high & 0xFFFF),
                static_cast<unsigned>(low >> 48), static_cast<unsigned long long>(low & 0xFFFFFFFFFFFFULL));
  return text;
}

std::string sentence(Random& random, std::size_t length) {
  std::string text;
  while (text.size() < length) {
    if (!text.empty()) text += ' ';
    text += kWords[below(random, std::size(kWords))];
  }
  text.resize(length);
  if (text.back() == ' ') text.back() = 's';
  return text;
}

std::string decimal(std::size_t cents) {
  char text[32];
  std::snprintf(text, sizeof text, "%zu.%02zu", cents / 100, cents % 100);
  return text;
}

std::string time(int month, std::size_t ms) {
  char text[40];
  std::snprintf(text, sizeof text, "2026-%02d-%02zu %02zu:%02zu:%02zu.%03zu000+00", month, 1 + ms / 86'400'000 % 28,
                ms / 3'600'000 % 24, ms / 60'000 % 60, ms / 1000 % 60, ms % 1000);
  return text;
}

}  // namespace

std::vector<Product> make_products(std::uint64_t seed, std::size_t count) {
  Random random(seed);
  std::vector<std::string> categories(200);
  for (std::string& category : categories) category = uuid(random);
  constexpr const char* kCurrencies[] = {"EUR", "USD", "GBP", "CHF"};

  std::vector<Product> products(count);
  for (std::size_t i = 0; i < count; ++i) {
    Product& product = products[i];
    product.id = uuid(random);
    product.sku = "A-" + std::to_string(10'000'000 + below(random, 90'000'000));
    product.name = sentence(random, 22 + below(random, 17));
    product.description = sentence(random, 90 + below(random, 61));
    product.price = decimal(99 + below(random, 50'000));
    product.currency = kCurrencies[below(random, std::size(kCurrencies))];
    product.stock = static_cast<std::int64_t>(below(random, 1000));
    product.category_id = categories[below(random, categories.size())];
    product.active = below(random, 10) != 0;
    product.updated_at = time(1, i * 7);
  }
  return products;
}

std::string new_price(std::size_t place, int round) {
  return decimal(100'000 * static_cast<std::size_t>(round) + place % 90'000);
}

std::string new_time(std::size_t place, int round) { return time(1 + round, place * 7); }

}  // namespace tidemark::bench
