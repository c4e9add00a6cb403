// Writes changes of a push to their tables, one statement at a time.
#pragma once

#include <cstdint>

#include "pg_extension/push_groups.h"
#include "pg_extension/push_passing.h"

namespace tidemark::pg {

// What a statement writes of its changes. Inserts may go in without the columns
// Group::later, and get them by another statement.
enum class Part { kWhole, kWithoutLater, kLater };

class PushWriter {
 public:
  explicit PushWriter(PushBody& body) : body_(body) {}

  // As the table's owner. `changes` are of the group.
  void write(const Group& group, Changes changes, Rows rows, Part part);

  // Runs `statement` over the rows of the changes; how many there were.
  std::uint64_t let_go(const Group& group, Changes changes, const LettingGo& how);

  // Has the deferred constraints checked, of this and all that was written before.
  void check_deferred(const std::vector<Group>& groups);

  // True if an update or a delete has found fewer rows than it has changes, or a
  // trigger has kept it from some, since the last call.
  bool has_missed();

 private:
  std::string statement_for(const Group& group, Rows rows, Part part) const;
  std::uint64_t run(const Group& group, Changes changes, bool with_values, const std::string& statement);

  PushBody& body_;
  bool has_missed_ = false;
};

}  // namespace tidemark::pg
