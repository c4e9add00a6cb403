// Writes a push without the changes that are refused, and finds these.
#pragma once

#include <cstdint>
#include <vector>

#include "pg_extension/push_groups.h"
#include "pg_extension/push_journal.h"
#include "pg_extension/push_writer.h"

namespace tidemark::pg {

// A change that could not be written yet.
struct Failed {
  Group* group = nullptr;
  std::uint32_t change = 0;
  Report report;
  bool alone = false;  // the report is of this change; else of one of those that it was tried with

  // Refused for what other rows are, so that another change may be what is missing.
  bool may_wait() const {
    return report.sqlstate == ERRCODE_UNIQUE_VIOLATION || report.sqlstate == ERRCODE_FOREIGN_KEY_VIOLATION;
  }
};

// When deferred constraints are checked.
enum class Checks { kLater, kAtOnce };

class Isolation {
 public:
  Isolation(PushBody& body, PushJournal& journal, PushWriter& writer, std::vector<Group>& groups, Checks checks);

  // Inside a subtransaction.
  void run();

  // Writes changes of the group in savepoints, a statement's worth at a time. What is
  // refused is looked for by halving, and is then in failed(). kFew: a statement of
  // which much is refused is put off.
  enum class Search { kFew, kAll };
  void write(Group& group, Changes changes, Search search, Part part = Part::kWhole);

  // Tries what failed again, as long as that helps, and looks for the bad ones.
  void write_failed(Part part);

  // In the groups' order.
  std::vector<Failed>& failed() { return failed_; }

 private:
  void write_first_time();
  void try_again(std::vector<Failed> changes, Search search, Part part);
  void try_again_while_it_helps(Search search, Part part);
  void find_each(bool those_that_may_wait, Part part);

  void write_all_but_bad(Group& group, Changes changes, Rows rows, Part part);
  std::optional<Report> try_to_write(const Group& group, Changes changes, Rows rows, Part part);

  PushBody& body_;
  PushJournal& journal_;
  PushWriter& writer_;
  std::vector<Group>& groups_;
  Checks checks_;
  std::size_t at_once_;
  bool is_again_ = false;
  int failures_left_ = 0;  // before the search in a statement's changes is given up
  std::vector<Failed> failed_;
};

// The changes of one group among them. `list` is in the groups' order.
template <class Visit>
void for_each_group(const std::vector<Failed>& list, Visit&& visit) {
  std::vector<std::uint32_t> changes;
  for (std::size_t i = 0; i < list.size(); ++i) {
    changes.push_back(list[i].change);
    if (i + 1 < list.size() && list[i + 1].group == list[i].group) continue;
    visit(*list[i].group, changes);
    changes.clear();
  }
}

}  // namespace tidemark::pg
