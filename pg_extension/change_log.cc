#include "pg_extension/change_log.h"

#include <exception>

#include "pg_extension/guard.h"
#include "pg_extension/transaction.h"

namespace tidemark::pg {
namespace {

constexpr std::size_t kMaxHeld = 500;
constexpr std::size_t kMaxHeldBytes = 256 * 1024;

// Attributes of _change, in their order.
enum { kTx, kNumber, kVersion, kAt, kOp, kKey, kValues, kColumns, kAttributes };

}  // namespace

ChangeLog::~ChangeLog() = default;  // on an error the transaction's abort closes what is open

void ChangeLog::open() {
  tx_ = transaction_number();
  context_ = AllocSetContextCreate(parent_, "tidemark change log", ALLOCSET_DEFAULT_SIZES);
  const MemoryContext caller = MemoryContextSwitchTo(context_);
  batch_ = AllocSetContextCreate(context_, "tidemark change batch", ALLOCSET_DEFAULT_SIZES);
  relation_ = table_open(our_relation("_change"), RowExclusiveLock);
  descriptor_ = CreateTupleDescCopy(RelationGetDescr(relation_));
  const List* const ids = RelationGetIndexList(relation_);
  const ListCell* cell = nullptr;
  foreach (cell, ids) {
    const Relation index = index_open(lfirst_oid(cell), RowExclusiveLock);
    IndexInfo* const info = BuildIndexInfo(index);
    if (info->ii_Expressions != NIL || info->ii_Predicate != NIL) {
      elog(ERROR, "tidemark._change cannot have an index on expressions or with a condition");
    }
    indexes_ = lappend(indexes_, index);
    index_infos_ = lappend(index_infos_, info);
  }
  MemoryContextSwitchTo(caller);
}

void ChangeLog::add(std::int32_t version, Op op, TextBuffer& key, TextBuffer* values, TextBuffer* columns,
                    std::int64_t at_ms) {
  if (relation_ == nullptr) open();
  const bool nulls[kAttributes] = {false, false, false, false, false, false, values == nullptr, columns == nullptr};
  Datum datums[kAttributes];
  datums[kTx] = Int64GetDatum(tx_);
  datums[kNumber] = Int32GetDatum(next_change_number());
  datums[kVersion] = Int32GetDatum(version);
  datums[kAt] = Int64GetDatum(at_ms);
  datums[kOp] = CharGetDatum(static_cast<char>(op));
  datums[kKey] = key.datum();
  datums[kValues] = values == nullptr ? 0 : values->datum();
  datums[kColumns] = columns == nullptr ? 0 : columns->datum();

  const MemoryContext caller = MemoryContextSwitchTo(batch_);
  const HeapTuple tuple = heap_form_tuple(descriptor_, datums, const_cast<bool*>(nulls));
  MemoryContextSwitchTo(caller);
  held_.push_back(tuple);
  held_bytes_ += tuple->t_len;
  if (held_.size() >= kMaxHeld || held_bytes_ >= kMaxHeldBytes) flush();
}

void ChangeLog::flush() {
  if (held_.empty()) return;
  const MemoryContext caller = MemoryContextSwitchTo(batch_);
  const CommandId command = GetCurrentCommandId(true);
  if (held_.size() == 1) {
    heap_insert(relation_, held_[0], command, 0, nullptr);
    insert_index_entries(held_[0]);
  } else {
    MemoryContextSwitchTo(context_);
    while (slots_.size() < held_.size()) slots_.push_back(MakeSingleTupleTableSlot(descriptor_, &TTSOpsHeapTuple));
    MemoryContextSwitchTo(batch_);
    for (std::size_t i = 0; i < held_.size(); ++i) ExecStoreHeapTuple(held_[i], slots_[i], false);
    heap_multi_insert(relation_, slots_.data(), static_cast<int>(held_.size()), command, 0, nullptr);
    for (std::size_t i = 0; i < held_.size(); ++i) {
      held_[i]->t_self = slots_[i]->tts_tid;
      insert_index_entries(held_[i]);
      ExecClearTuple(slots_[i]);
    }
  }
  held_.clear();
  held_bytes_ = 0;
  MemoryContextSwitchTo(caller);
  MemoryContextReset(batch_);
}

void ChangeLog::insert_index_entries(HeapTuple tuple) {
  const ListCell* index = nullptr;
  const ListCell* info_cell = nullptr;
  forboth(index, indexes_, info_cell, index_infos_) {
    auto* const info = static_cast<IndexInfo*>(lfirst(info_cell));
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    for (int i = 0; i < info->ii_NumIndexAttrs; ++i) {
      values[i] = heap_getattr(tuple, info->ii_IndexAttrNumbers[i], descriptor_, &nulls[i]);
    }
    // Unique by construction: this backend alone writes under this number.
    index_insert(static_cast<Relation>(lfirst(index)), values, nulls, &tuple->t_self, relation_, UNIQUE_CHECK_NO, false,
                 info);
  }
}

void ChangeLog::finish() {
  if (relation_ == nullptr) return;
  call([&] {
    flush();
    const ListCell* cell = nullptr;
    foreach (cell, indexes_) index_close(static_cast<Relation>(lfirst(cell)), NoLock);
    table_close(relation_, NoLock);
    MemoryContextDelete(context_);
    relation_ = nullptr;
  });
}

}  // namespace tidemark::pg
