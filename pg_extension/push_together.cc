#include "pg_extension/push_together.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "pg_extension/push_claims.h"

namespace tidemark::pg {
namespace {

// Each takes out what the one before could not write, and what waits for that; more
// than two are needed only where unique values cannot be compared beforehand.
constexpr int kRounds = 4;

// Keeps the journal from logging what rows hold for a moment.
class LettingGoScope {
 public:
  LettingGoScope(PushJournal& journal, Changes changes, const LettingGo& how) : journal_(journal) {
    journal_.letting_go_begins(changes, how.places);
  }
  ~LettingGoScope() { journal_.letting_go_ends(); }
  LettingGoScope(const LettingGoScope&) = delete;
  LettingGoScope& operator=(const LettingGoScope&) = delete;

 private:
  PushJournal& journal_;
};

// A column in a foreign key that may be NULL.
struct Reference {
  Oid to = InvalidOid;
  int place = 0;  // in the layout
};

std::vector<Reference> nullable_references(const Layout& layout) {
  Spi spi;
  spi.run(
      "select c.confrelid::oid, a.attname from pg_catalog.pg_constraint c join pg_catalog.pg_attribute a "
      "on a.attrelid = c.conrelid and a.attnum = any (c.conkey) "
      "where c.contype = 'f' and c.conrelid = $1 and not a.attnotnull",
      {oid_parameter(layout.relation)});
  std::vector<Reference> references;
  for (std::uint64_t i = 0; i < spi.rows(); ++i) {
    const int place = layout.column_named(spi.text(i, 1).value_or(""));
    if (place >= 0) references.push_back({spi.oid(i, 0), place});
  }
  return references;
}

class Together {
 public:
  Together(PushBody& body, PushJournal& journal, PushWriter& writer, Isolation& isolation)
      : body_(body), journal_(journal), writer_(writer), isolation_(isolation) {}

  void run() {
    take_over();
    if (set_.size() > 1) {
      choose_later_columns();
      for (int round = 0; round < kRounds && !write_all(); ++round) {
        if (unwritten_.empty()) break;
        leave_out(unwritten_);
      }
    }
    give_back();
  }

 private:
  // Those that may wait for each other are ours, the others stay failed.
  void take_over() {
    for (Failed& failed : isolation_.failed()) {
      (failed.may_wait() ? set_ : left_out_).push_back(std::move(failed));
    }
    isolation_.failed().clear();
  }

  void give_back() {
    auto& failed = isolation_.failed();
    if (!is_written_) std::move(set_.begin(), set_.end(), std::back_inserter(failed));
    put_in_order(failed);
    std::move(left_out_.begin(), left_out_.end(), std::back_inserter(failed));
    std::stable_sort(failed.begin(), failed.end(), [](const Failed& a, const Failed& b) { return a.group < b.group; });
  }

  // Rows that cannot let go may still go one behind the other, if there is no circle.
  void put_in_order(std::vector<Failed>& failed) {
    if (std::none_of(failed.begin(), failed.end(), [](const Failed& one) { return one.group->keeps_values; })) return;
    const Claims claims(body_, failed);
    claims.put_holders_first(failed);
    for (Failed& one : failed) {
      if (!one.group->keeps_values || !claims.wants(one.change)) continue;
      one.alone = false;  // to be tried again behind the others
      one.group->claims.insert(one.change);
    }
  }

  // A column may be given its value later if it refers to a table of which rows of the set are inserted.
  void choose_later_columns() {
    std::set<Oid> inserted;
    for (const Failed& failed : set_) {
      if (failed.group->op == Op::kInsert) inserted.insert(layout_of(*failed.group).relation);
    }
    for_each_group(set_, [&](Group& group, Changes) {
      if (group.op != Op::kInsert || !group.later.empty()) return;
      for (const Reference& reference : nullable_references(layout_of(group))) {
        const auto place = static_cast<std::uint16_t>(reference.place);
        const auto& sent = body_.tables()[group.table].column_sets[group.column_set].places;
        const bool is_sent = std::find(sent.begin(), sent.end(), place) != sent.end();
        if (is_sent && inserted.contains(reference.to)) group.later.push_back(place);
      }
    });
  }

  // True if no row is left with a value that it only holds for a moment. Else all is
  // taken back, and unwritten_ are the changes to do without, if that may help.
  bool write_all() {
    const std::size_t mark = journal_.mark();
    unwritten_.clear();
    isolation_.failed().clear();
    is_written_ = tried([&] {
      begin();
      if (!std::any_of(is_between_.begin(), is_between_.end(), [](bool is) { return is; })) return false;
      write_parts();
      for (const Failed& failed : isolation_.failed()) {
        if (is_between_[failed.change]) unwritten_.push_back(failed.change);
      }
      return unwritten_.empty() && !writer_.has_missed();
    });
    if (!is_written_) {
      journal_.back_to(mark);
      isolation_.failed().clear();
    }
    return is_written_;
  }

  void begin() {
    is_between_.assign(body_.changes().size(), false);
    for_each_group(set_, [&](Group& group, Changes changes) {
      const bool lets_go = let_go(group, changes, Range::kLow) || let_go(group, changes, Range::kHigh);
      group.keeps_values = !lets_go && group.op != Op::kInsert;
      if (!lets_go && group.later.empty()) return;
      for (const std::uint32_t change : changes) is_between_[change] = true;
    });
    writer_.has_missed();
  }

  bool let_go(const Group& group, Changes changes, Range range) {
    if (group.op == Op::kInsert) return false;
    const ColumnSet& columns = body_.tables()[group.table].column_sets[group.column_set];
    const auto how = group.op == Op::kDelete ? let_go_before_delete(layout_of(group), range)
                                             : let_go_before_update(layout_of(group), columns, range);
    if (!how) return false;
    const std::size_t mark = journal_.mark();
    const bool done = tried([&] {
      LettingGoScope scope(journal_, changes, *how);
      return writer_.let_go(group, changes, *how) == changes.size();
    });
    if (!done) journal_.back_to(mark);
    return done;
  }

  // What may be referred to comes first, and goes last. Tables that refer to each
  // other stand in any order.
  void write_parts() {
    write(Op::kInsert, Part::kWithoutLater, Isolation::Search::kFew);
    isolation_.write_failed(Part::kWithoutLater);
    write(Op::kUpdate, Part::kWhole);
    write(Op::kInsert, Part::kLater);
    write(Op::kDelete, Part::kWhole);
  }

  void write(Op op, Part part, Isolation::Search search = Isolation::Search::kAll) {
    std::vector<bool> has_failed(body_.changes().size(), false);
    for (const Failed& failed : isolation_.failed()) has_failed[failed.change] = true;
    for_each_group(set_, [&](Group& group, Changes changes) {
      if (group.op != op || (part == Part::kLater && group.later.empty())) return;
      std::vector<std::uint32_t> rest;
      std::copy_if(changes.begin(), changes.end(), std::back_inserter(rest),
                   [&](std::uint32_t change) { return !has_failed[change]; });
      isolation_.write(group, rest, search, part);
    });
  }

  // Rows that stay as they are keep their unique values: those that would take these
  // stay as they are too, and so on.
  void leave_out(const std::vector<std::uint32_t>& changes) {
    if (!claims_) claims_.emplace(body_, set_);
    const std::vector<bool> stay = claims_->all_behind(changes, is_between_);
    std::vector<Failed> rest;
    for (Failed& failed : set_) (stay[failed.change] ? left_out_ : rest).push_back(std::move(failed));
    set_ = std::move(rest);
  }

  const Layout& layout_of(const Group& group) const { return *body_.tables()[group.table].layout; }

  PushBody& body_;
  PushJournal& journal_;
  PushWriter& writer_;
  Isolation& isolation_;
  std::vector<Failed> set_;
  std::vector<Failed> left_out_;
  std::vector<bool> is_between_;  // by change: its row has let go, or is not whole yet
  std::vector<std::uint32_t> unwritten_;
  std::optional<Claims> claims_;
  bool is_written_ = false;
};

}  // namespace

void write_together(PushBody& body, PushJournal& journal, PushWriter& writer, Isolation& isolation) {
  Together(body, journal, writer, isolation).run();
}

}  // namespace tidemark::pg
