#include "pg_extension/push_isolate.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "pg_extension/push_together.h"

namespace tidemark::pg {
namespace {

// A statement is refused whole for one bad change, so it is a small part of the push;
// but each needs a savepoint, and 64 of these are cheap for other sessions. What a
// statement keeps of its rows is to stay in the caches.
constexpr std::size_t kParts = 20;
constexpr std::size_t kAtLeast = 500;
constexpr std::size_t kAtMost = 5000;

// Enough to find a few bad changes among a statement's.
constexpr int kFailures = 32;

// So many are tried again as long as one of them succeeds.
constexpr std::size_t kHandful = 64;

}  // namespace

Isolation::Isolation(PushBody& body, PushJournal& journal, PushWriter& writer, std::vector<Group>& groups,
                     Checks checks)
    : body_(body),
      journal_(journal),
      writer_(writer),
      groups_(groups),
      checks_(checks),
      at_once_(std::clamp(body.changes().size() / kParts, kAtLeast, kAtMost)) {}

// A change may have failed only because another had not been made yet: a parent is
// not there, a unique value not free.
void Isolation::run() {
  write_first_time();
  try_again_while_it_helps(Search::kFew, Part::kWhole);
  find_each(false, Part::kWhole);
  write_together(body_, journal_, writer_, *this);
  find_each(true, Part::kWhole);
  try_again_while_it_helps(Search::kAll, Part::kWhole);
}

void Isolation::write_failed(Part part) {
  try_again_while_it_helps(Search::kFew, part);
  find_each(true, part);
}

void Isolation::write_first_time() {
  for (Group& group : groups_) write(group, group.changes, Search::kFew);
  is_again_ = true;
}

void Isolation::try_again(std::vector<Failed> changes, Search search, Part part) {
  for_each_group(changes, [&](Group& group, Changes of_group) { write(group, of_group, search, part); });
}

void Isolation::try_again_while_it_helps(Search search, Part part) {
  std::size_t before = std::numeric_limits<std::size_t>::max();
  while (!failed_.empty() && failed_.size() < before) {
    before = failed_.size();
    try_again(std::exchange(failed_, {}), search, part);
    const bool has_helped = failed_.size() < before - before / 4;
    if (before > kHandful && !has_helped) return;
  }
}

// Gives each change that was put off with others a try of its own.
void Isolation::find_each(bool those_that_may_wait, Part part) {
  std::vector<Failed> list;
  std::vector<Failed> rest;
  for (Failed& failed : failed_) {
    const bool is_found = failed.alone || (failed.may_wait() && !those_that_may_wait);
    (is_found ? rest : list).push_back(std::move(failed));
  }
  failed_ = std::move(rest);
  try_again(std::move(list), Search::kAll, part);
  std::stable_sort(failed_.begin(), failed_.end(), [](const Failed& a, const Failed& b) { return a.group < b.group; });
}

// A row may refer to any other of its statement: deletes in a table that refers to
// itself are one. Inserts are in order there, but for circles.
void Isolation::write(Group& group, Changes changes, Search search, Part part) {
  const bool whole = body_.tables()[group.table].refers_to_itself && (group.op == Op::kDelete || is_again_);
  const std::size_t at_once = whole ? changes.size() : at_once_;
  while (!changes.empty()) {
    const Changes part_of_them = changes.first(std::min(at_once, changes.size()));
    failures_left_ = search == Search::kFew ? kFailures : std::numeric_limits<int>::max();
    write_all_but_bad(group, part_of_them, group.rows, part);
    changes = changes.subspan(part_of_them.size());
  }
}

void Isolation::write_all_but_bad(Group& group, Changes changes, Rows rows, Part part) {
  auto refused = try_to_write(group, changes, rows, part);
  const bool may_be_there = group.op == Op::kInsert && rows == Rows::kNew && part != Part::kLater;
  if (refused && may_be_there && refused->sqlstate == ERRCODE_UNIQUE_VIOLATION) {
    rows = Rows::kPerhapsThere;
    refused = try_to_write(group, changes, rows, part);
    if (!refused) group.rows = rows;
  }
  if (!refused) return;
  const bool is_alone = changes.size() == 1;
  if (is_alone || failures_left_ == 0) {
    for (const std::uint32_t change : changes) failed_.push_back({&group, change, *refused, is_alone});
    return;
  }
  --failures_left_;
  write_all_but_bad(group, changes.first(changes.size() / 2), rows, part);
  write_all_but_bad(group, changes.subspan(changes.size() / 2), rows, part);
}

std::optional<Report> Isolation::try_to_write(const Group& group, Changes changes, Rows rows, Part part) {
  const std::size_t mark = journal_.mark();
  auto refused = attempt([&] {
    writer_.write(group, changes, rows, part);
    if (checks_ == Checks::kAtOnce) writer_.check_deferred(groups_);
  });
  if (refused) journal_.back_to(mark);
  return refused;
}

}  // namespace tidemark::pg
