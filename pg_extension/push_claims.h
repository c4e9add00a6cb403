// Which changes of a push want unique values that other rows of the push have.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "pg_extension/push_isolate.h"

namespace tidemark::pg {

class Claims {
 public:
  // Looks at the tables as they are now. Indexes over expressions are passed over.
  Claims(PushBody& body, const std::vector<Failed>& set);

  // By change: these, and those that are `between` and want what one of them has,
  // directly or by way of others.
  std::vector<bool> all_behind(const std::vector<std::uint32_t>& changes, const std::vector<bool>& between) const;

  // Puts those that want a value behind those that have it. Circles come last.
  void put_holders_first(std::vector<Failed>& list) const;

  // True if the change wants what another row of the push has.
  bool wants(std::uint32_t change) const { return holders_.contains(change); }

 private:
  void look_for(PushBody& body, const Group& group, Changes changes);
  void look_in_index(PushBody& body, const Layout& layout, Changes changes, const std::string& condition);

  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> takers_;  // by the change whose row has the value
  std::unordered_map<std::uint32_t, std::size_t> holders_;                // by the taker: how many rows are in its way
};

}  // namespace tidemark::pg
