// The pushes of this device: sealed (stored, to be sent in the same bytes until
// they are answered), accepted (to be read back from the log), gone. What was on its
// way when the file got another identity stays what it is, or is unknown where no
// answer had come, until the log tells (give_up_identity).
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/table.h"
#include "sqlite_extension/catalog.h"

namespace tidemark::device {

struct SealedPush {
  std::int64_t number = 0;
  std::int64_t changes = 0;
  std::string body;  // a zstd frame
};

// The push that waits for an answer, if there is one.
std::optional<SealedPush> unanswered_push(sqlite3* db);

struct SealReport {
  std::optional<SealedPush> push;  // none: there was nothing to send
  std::int64_t rejected = 0;       // changes that cannot even be sent, now in tidemark_conflicts
};

// Seals what is pending in the tables that are ready. In a transaction of the caller.
SealReport seal(sqlite3* db, const std::vector<TrackedTable>& tables);

// The hub has accepted the push but for these changes of it, which are held
// from now on. Returns how many.
std::int64_t accept(sqlite3* db, const std::vector<TrackedTable>& tables, const SealedPush& push,
                    simdjson::dom::element verdict);

// The hub has nothing of this push: its changes are pending as before.
void unseal(sqlite3* db, std::int64_t number);

// The push was read back from the log: what it covered is no longer pending.
// False if this file does not know the push (it is older than the push).
bool drop_confirmed(sqlite3* db, std::int64_t number);

// The push that is accepted and not read back, if what the hub would say of it is
// here in the very form in which it would come; 0 if there is none.
std::int64_t exact_push(sqlite3* db);

// This file will be another device: the log tells of its pushes under the name that it
// had. To be called before the new name is kept, or when there is none any more.
void give_up_identity(sqlite3* db);

// The name under which the pushes on their way were made, if it is not the present one.
std::optional<std::string> former_device(sqlite3* db);

// The new identity's log was this long when it was given: what the former one has pushed is in it.
void expect_former_pushes(sqlite3* db, std::int64_t head);

// The log has been read as far as `cursor`, and there is no more of it: pushes of the former
// identity that have not come never will, and what they cover is pending again.
void forget_former_pushes(sqlite3* db, std::int64_t cursor);

// A push without an answer was found in the log. Which of its changes the hub has is told by the
// rows that come with it; the others are pending again. Gives the last log row that it covers of
// each table, by the table's number; empty if there is no such push.
std::map<std::int64_t, std::int64_t> find_unknown(sqlite3* db, std::int64_t number);

// All pushes on their way are forgotten: what they cover is pending again.
void forget_pushes(sqlite3* db);

// The pushes that are accepted and not read back, rising.
std::vector<std::int64_t> accepted_pushes(sqlite3* db);

// The row that this log row speaks of no longer has what was accepted of it: the
// commits of the pushes that cover it must come with their changes.
void want_whole(sqlite3* db, std::int64_t table_number, std::int64_t seq);

// Whether the accepted push must come with its changes.
bool must_come_whole(sqlite3* db, std::int64_t number);

// Whether any push is on its way: unanswered, or accepted and not read back.
bool has_pushes(sqlite3* db);

// The last log row that each push on its way covers, for one table, rising.
std::vector<std::int64_t> sealed_boundaries(sqlite3* db, std::int64_t table_number);

}  // namespace tidemark::device
