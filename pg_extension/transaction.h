// What the hub knows of the transaction it writes in: its number in the log and
// how many changes it has logged.
//
// The order of the log. Just before a transaction commits, when all its triggers
// have run and it still holds every row lock, it draws a ticket and leaves it in
// tidemark._inbox. If T1 wrote a row before T2 did, then T1 had committed, so had
// drawn its ticket, before T2 could write the row, and T2 draws its own later
// still. Numbering the visible transactions by ticket is therefore an order in
// which every row's writers stand as they wrote, and no snapshot that has T2 is
// without T1.
#pragma once

#include <cstdint>
#include <string>

namespace tidemark::pg {

// The number of this transaction in tidemark._change, drawn on first use. Stays
// the same when a savepoint is rolled back: the changes logged since are gone
// with it, and a number is not missed.
std::int64_t transaction_number();

// Counts the changes of this transaction: 1, 2, 3 …, with gaps where a savepoint
// was rolled back.
std::int32_t next_change_number();

// Says in the inbox that this transaction is the push `push` of `device`, also
// if it logs no change. Gone again if the savepoint it was said in is rolled back.
void mark_as_push(const std::string& device, std::int64_t push);

// Says that all that this transaction has logged is what the device sent. Void if
// it logs more, as a deferred trigger may.
void mark_as_exact();

// Registers the callbacks. Once, when the module is loaded.
void watch_transactions();

}  // namespace tidemark::pg
