#include "pg_extension/parents_first.h"

#include <algorithm>
#include <set>

namespace tidemark::pg {
namespace {

class Order {
 public:
  Order(const std::vector<Oid>& relations, const std::multimap<Oid, Oid>& parents)
      : known_(relations.begin(), relations.end()), parents_(parents) {
    for (const Oid relation : relations) visit(relation);
  }

  std::vector<Oid> take() { return std::move(order_); }

 private:
  void visit(Oid relation) {
    if (!visited_.insert(relation).second) return;
    const auto [first, last] = parents_.equal_range(relation);
    for (auto entry = first; entry != last; ++entry) {
      if (known_.contains(entry->second)) visit(entry->second);
    }
    order_.push_back(relation);
  }

  std::set<Oid> known_;
  std::set<Oid> visited_;
  const std::multimap<Oid, Oid>& parents_;
  std::vector<Oid> order_;
};

}  // namespace

std::vector<Oid> parents_first(const std::vector<Oid>& relations, const std::multimap<Oid, Oid>& parents) {
  return Order(relations, parents).take();
}

}  // namespace tidemark::pg
