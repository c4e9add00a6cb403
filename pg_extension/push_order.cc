#include "pg_extension/push_order.h"

#include <algorithm>
#include <map>

#include "pg_extension/encode.h"

namespace tidemark::pg {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;

// For each column of the table's key: where a change has the value that refers to it.
using Reference = std::vector<std::size_t>;

// Where the changes with these columns have the value of a column; nullopt if they do not.
std::optional<std::size_t> value_place(const Layout& layout, const ColumnSet& set, AttrNumber attribute) {
  for (std::size_t i = 0; i < layout.key.size(); ++i) {
    if (layout.key[i].attribute == attribute) return i;
  }
  for (std::size_t i = 0; i < set.places.size(); ++i) {
    if (layout.columns[set.places[i]].attribute == attribute) return layout.key.size() + i;
  }
  return std::nullopt;
}

// The table's foreign keys to its own key, of which the changes have all columns.
std::vector<Reference> references_of(const Layout& layout, const ColumnSet& set) {
  Spi spi;
  spi.run(
      "select c.oid, k.own::bigint, k.referred::bigint from pg_catalog.pg_constraint c, "
      "unnest(c.conkey, c.confkey) k(own, referred) "
      "where c.contype = 'f' and c.conrelid = $1 and c.confrelid = $1",
      {oid_parameter(layout.relation)});
  std::map<Oid, std::map<AttrNumber, AttrNumber>> foreign_keys;  // from the referred column to our own
  for (std::uint64_t i = 0; i < spi.rows(); ++i) {
    foreign_keys[spi.oid(i, 0)][static_cast<AttrNumber>(spi.integer(i, 2))] =
        static_cast<AttrNumber>(spi.integer(i, 1));
  }
  std::vector<Reference> references;
  for (const auto& [oid, columns] : foreign_keys) {
    Reference reference;
    for (const Column& column : layout.key) {
      const auto own = columns.find(column.attribute);
      const auto place = own == columns.end() ? std::nullopt : value_place(layout, set, own->second);
      if (place) reference.push_back(*place);
    }
    if (reference.size() == layout.key.size()) references.push_back(std::move(reference));
  }
  return references;
}

class Order {
 public:
  Order(PushBody& body, const std::vector<std::uint32_t>& inserts)
      : body_(body), layout_(*body.tables()[body.changes()[inserts[0]].table].layout), inserts_(inserts) {
    references_ = references_of(layout_, columns());
    context_ =
        call([] { return AllocSetContextCreate(CurrentMemoryContext, "tidemark order", ALLOCSET_DEFAULT_SIZES); });
    waiting_.assign(body.changes().size(), false);
    for (const std::uint32_t insert : inserts_) waiting_[insert] = true;
  }

  std::vector<std::uint32_t> run() {
    if (references_.empty()) return inserts_;
    order_.reserve(inserts_.size());
    for (const std::uint32_t insert : inserts_) {
      if (waiting_[insert]) visit(insert);
    }
    call([&] { MemoryContextDelete(context_); });
    return std::move(order_);
  }

 private:
  struct Step {
    std::uint32_t insert;
    std::size_t next_reference;
  };

  const ColumnSet& columns() const {
    const PushedChange& first = body_.changes()[inserts_[0]];
    return body_.tables()[first.table].column_sets[first.column_set];
  }

  // Depth first, without recursion: a chain of rows may be as long as the push.
  void visit(std::uint32_t insert) {
    std::vector<Step> path;
    enter(path, insert);
    while (!path.empty()) {
      Step& step = path.back();
      if (step.next_reference == references_.size()) {
        order_.push_back(step.insert);
        path.pop_back();
        continue;
      }
      const std::uint32_t parent = parent_of(step.insert, references_[step.next_reference++]);
      if (parent != kNone && waiting_[parent]) enter(path, parent);
    }
  }

  void enter(std::vector<Step>& path, std::uint32_t insert) {
    waiting_[insert] = false;
    path.push_back({insert, 0});
  }

  // The change of the row that this one refers to; kNone if the push has none.
  std::uint32_t parent_of(std::uint32_t insert, const Reference& reference) {
    const PushedChange& change = body_.changes()[insert];
    const bool refers =
        std::none_of(reference.begin(), reference.end(), [&](std::size_t place) { return change.nulls[place]; });
    if (!refers) return kNone;
    key_ = '[';
    call([&] {
      const MemoryContext caller = MemoryContextSwitchTo(context_);
      for (std::size_t i = 0; i < reference.size(); ++i) {
        if (i > 0) key_ += ',';
        append_value(key_, column_at(reference[i]), change.values[reference[i]], false);
      }
      MemoryContextSwitchTo(caller);
      MemoryContextReset(context_);
    });
    key_ += ']';
    return body_.change_of(layout_.relation, key_).value_or(kNone);
  }

  const Column& column_at(std::size_t place) const {
    const std::size_t key_count = layout_.key.size();
    return place < key_count ? layout_.key[place] : layout_.columns[columns().places[place - key_count]];
  }

  PushBody& body_;
  const Layout& layout_;
  const std::vector<std::uint32_t>& inserts_;
  std::vector<Reference> references_;
  CanonicalOutput canonical_;
  MemoryContext context_ = nullptr;
  std::vector<bool> waiting_;  // by change: an insert that has no place yet
  std::vector<std::uint32_t> order_;
  std::string key_;
};

}  // namespace

void put_parents_first(PushBody& body, std::vector<std::uint32_t>& inserts) {
  if (inserts.size() > 1) inserts = Order(body, inserts).run();
}

}  // namespace tidemark::pg
