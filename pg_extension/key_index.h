// Finds a change of a push by its row: an open hash table of places in the list
// of changes, whose keys stand elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace tidemark::pg {

class KeyIndex {
 public:
  // Makes room for `count` entries; there is none before.
  void reserve(std::size_t count) {
    std::size_t size = 16;
    while (size < count * 2) size *= 2;
    slots_.assign(size, {kEmpty, 0});
  }

  static std::uint32_t hash(std::uint32_t table, std::string_view key) {
    const std::size_t hashed = std::hash<std::string_view>()(key) ^ (table * 0x9E3779B97F4A7C15ULL);
    return static_cast<std::uint32_t>(hashed ^ (hashed >> 32));
  }

  // The place with this hash that `is_it` says yes to.
  template <class Predicate>
  std::optional<std::uint32_t> find(std::uint32_t hash, Predicate&& is_it) const {
    if (slots_.empty()) return std::nullopt;
    for (std::size_t i = hash & (slots_.size() - 1); slots_[i].place != kEmpty; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].hash == hash && is_it(slots_[i].place)) return slots_[i].place;
    }
    return std::nullopt;
  }

  void add(std::uint32_t hash, std::uint32_t place) {
    std::size_t i = hash & (slots_.size() - 1);
    while (slots_[i].place != kEmpty) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = {place, hash};
  }

 private:
  static constexpr std::uint32_t kEmpty = UINT32_MAX;
  struct Slot {
    std::uint32_t place;
    std::uint32_t hash;
  };
  std::vector<Slot> slots_;
};

}  // namespace tidemark::pg
