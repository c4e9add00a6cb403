// What capture logs of the rows of a push while it is applied.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "pg_extension/push_body.h"
#include "pg_extension/push_watch.h"

namespace tidemark::pg {

class PushJournal : public PushWatch {
 public:
  explicit PushJournal(PushBody& body) : body_(body) {}

  std::optional<std::int64_t> captured(Oid table, std::string_view key, Op op,
                                       const std::vector<std::uint16_t>& columns, std::int64_t now_ms) override;

  // Until it ends, updates of these changes' rows are not logged if they only set
  // these columns: values that the same push overwrites, or deletes.
  void letting_go_begins(std::span<const std::uint32_t> changes, const std::vector<std::uint16_t>& places);
  void letting_go_ends() { let_go_.clear(); }

  // A place to come back to when a subtransaction is rolled back.
  std::size_t mark() const { return entries_.size(); }
  void back_to(std::size_t mark) { entries_.resize(mark); }

  struct Logged {
    bool whole = false;    // an insert was logged
    bool deleted = false;  // a delete was
    std::vector<std::uint16_t> columns;
  };
  // True if nothing was logged but what the device sent, so that it has it all.
  bool is_as_sent() const;

  // What was logged of each change's row.
  std::vector<Logged> summary() const;

 private:
  struct Entry {
    std::uint32_t change;
    Op op;
    std::vector<std::uint16_t> columns;
  };
  std::optional<std::uint32_t> change_of(Oid table, std::string_view key);
  bool lets_go(std::uint32_t change, Op op, const std::vector<std::uint16_t>& columns) const;

  PushBody& body_;
  std::vector<Entry> entries_;
  std::vector<bool> let_go_;  // by change; empty if none does
  std::vector<std::uint16_t> let_go_places_;
  bool has_others_ = false;  // a trigger or a cascade wrote rows that the push does not have
  std::uint32_t next_ = 0;   // the change after the one found last: rows are captured in the push's order
};

}  // namespace tidemark::pg
