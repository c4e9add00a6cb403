#include "pg_extension/change_scan.h"

#include "pg_extension/catalog.h"
#include "pg_extension/guard.h"

namespace tidemark::pg {
namespace {

enum { kTx, kNumber, kVersion, kAt, kOp, kKey, kValues, kColumns };

std::string_view text_of(const TupleTableSlot* slot, int attribute) {
  const auto* const text = PG_DETOAST_DATUM_PACKED(slot->tts_values[attribute]);
  return {VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text)};
}

}  // namespace

ChangeScan::ChangeScan(Snapshot snapshot) {
  call([&] {
    row_ = AllocSetContextCreate(CurrentMemoryContext, "tidemark change scan", ALLOCSET_DEFAULT_SIZES);
    relation_ = table_open(our_relation("_change"), AccessShareLock);
    RelationGetIndexList(relation_);
    index_ = index_open(relation_->rd_pkindex, AccessShareLock);
    slot_ = table_slot_create(relation_, nullptr);
    scan_ = index_beginscan(relation_, index_, snapshot, 2, 0);
  });
}

ChangeScan::~ChangeScan() {
  if (std::uncaught_exceptions() != on_entry_) return;
  index_endscan(scan_);
  ExecDropSingleTupleTableSlot(slot_);
  index_close(index_, AccessShareLock);
  table_close(relation_, AccessShareLock);
  MemoryContextDelete(row_);
}

void ChangeScan::start(std::int64_t tx, std::int32_t after) {
  call([&] {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], kTx + 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(tx));
    ScanKeyInit(&keys[1], kNumber + 1, BTGreaterStrategyNumber, F_INT4GT, Int32GetDatum(after));
    index_rescan(scan_, keys, 2, nullptr, 0);
  });
}

bool ChangeScan::next(LoggedChange& change) {
  return call([&] {
    MemoryContextReset(row_);
    CHECK_FOR_INTERRUPTS();
    if (!index_getnext_slot(scan_, ForwardScanDirection, slot_)) return false;
    slot_getallattrs(slot_);
    const MemoryContext caller = MemoryContextSwitchTo(row_);
    change.n = DatumGetInt32(slot_->tts_values[kNumber]);
    change.version = DatumGetInt32(slot_->tts_values[kVersion]);
    change.at = DatumGetInt64(slot_->tts_values[kAt]);
    change.op = DatumGetChar(slot_->tts_values[kOp]);
    change.key = text_of(slot_, kKey);
    change.has_values = !slot_->tts_isnull[kValues];
    change.has_columns = !slot_->tts_isnull[kColumns];
    if (change.has_values) change.values = text_of(slot_, kValues);
    if (change.has_columns) change.columns = text_of(slot_, kColumns);
    MemoryContextSwitchTo(caller);
    return true;
  });
}

}  // namespace tidemark::pg
