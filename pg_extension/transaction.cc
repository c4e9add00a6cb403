#include "pg_extension/transaction.h"

#include <optional>

#include "pg_extension/catalog.h"
#include "pg_extension/guard.h"
#include "pg_extension/layout.h"
#include "pg_extension/open_statements.h"

namespace tidemark::pg {
namespace {

struct {
  std::int64_t number = 0;  // 0: nothing logged yet
  std::int32_t changes = 0;
  bool has_push = false;
  std::optional<std::int32_t> exact_at;  // how many changes a push had logged when it was found exact
} current;

// Leaves a row in _inbox: (tx, ticket, device, push, exact). Inside call().
void write_inbox(const pg_uuid_t* device, std::int64_t push) {
  const Oid inbox = our_relation("_inbox");
  if (inbox == InvalidOid) return;  // the extension was dropped in this transaction

  const Relation relation = table_open(inbox, RowExclusiveLock);
  Datum values[] = {Int64GetDatum(current.number), Int64GetDatum(next_value("_ticket")),
                    UUIDPGetDatum(const_cast<pg_uuid_t*>(device)), Int64GetDatum(push),
                    BoolGetDatum(current.exact_at == current.changes)};
  bool nulls[] = {false, false, device == nullptr, device == nullptr, false};
  const HeapTuple tuple = heap_form_tuple(RelationGetDescr(relation), values, nulls);
  CatalogTupleInsert(relation, tuple);
  heap_freetuple(tuple);
  table_close(relation, RowExclusiveLock);
}

void on_transaction(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE:
      if (current.number == 0) return;
      run_callback([] { call([] { write_inbox(nullptr, 0); }); });
      return;
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PARALLEL_ABORT: forget_versions(); [[fallthrough]];
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_PREPARE:
    case XACT_EVENT_PARALLEL_COMMIT:
      current = {};
      forget_statements();
      return;
    case XACT_EVENT_PARALLEL_PRE_COMMIT: return;
  }
}

void on_subtransaction(SubXactEvent event, SubTransactionId, SubTransactionId, void*) {
  if (event == SUBXACT_EVENT_ABORT_SUB) forget_versions();
}

}  // namespace

std::int64_t transaction_number() {
  if (current.number == 0) current.number = call([] { return next_value("_tx"); });
  return current.number;
}

std::int32_t next_change_number() {
  if (current.changes == INT32_MAX) {
    throw SqlError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "too many changes of tracked tables in one transaction",
                   "Write them in several transactions.");
  }
  return ++current.changes;
}

void mark_as_push(const std::string& device, std::int64_t push) {
  if (current.has_push) {
    throw SqlError(ERRCODE_ACTIVE_SQL_TRANSACTION, "this transaction has applied a push already",
                   "A push is one commit of the log: give each a transaction of its own.");
  }
  current.has_push = true;
  transaction_number();
  call([&] {
    const Datum id = DirectFunctionCall1(uuid_in, CStringGetDatum(device.c_str()));
    write_inbox(DatumGetUUIDP(id), push);
  });
}

void mark_as_exact() { current.exact_at = current.changes; }

TIDEMARK_SQL_FUNCTION(tidemark_transaction) { return Int64GetDatum(current.number); }

void watch_transactions() {
  RegisterXactCallback(on_transaction, nullptr);
  RegisterSubXactCallback(on_subtransaction, nullptr);
}

}  // namespace tidemark::pg
