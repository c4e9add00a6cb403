// The statement triggers of tracked tables: what a statement did to its rows,
// as changes in the log.
#include <optional>
#include <unordered_set>

#include "common/json_text.h"
#include "pg_extension/change_log.h"
#include "pg_extension/encode.h"
#include "pg_extension/guard.h"
#include "pg_extension/layout.h"
#include "pg_extension/open_statements.h"
#include "pg_extension/present_row.h"
#include "pg_extension/push_watch.h"

namespace tidemark::pg {
namespace {

// Reads a transition table from its start. Its functions are inside call().
class Rows {
 public:
  void open(Tuplestorestate* store, Relation relation) {
    store_ = store;
    context_ = CurrentMemoryContext;
    pointer_ = tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND);
    slot_ = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsMinimalTuple);
    rewind();
  }
  void rewind() {
    tuplestore_select_read_pointer(store_, pointer_);
    tuplestore_rescan(store_);
  }
  bool next() {
    tuplestore_select_read_pointer(store_, pointer_);
    // The slot keeps what a store on disk gives until the next row.
    const MemoryContext caller = MemoryContextSwitchTo(context_);
    const bool found = tuplestore_gettupleslot(store_, true, false, slot_);
    MemoryContextSwitchTo(caller);
    if (found) slot_getallattrs(slot_);
    return found;
  }
  void close() { ExecDropSingleTupleTableSlot(slot_); }
  const Datum* values() const { return slot_->tts_values; }
  const bool* nulls() const { return slot_->tts_isnull; }

 private:
  Tuplestorestate* store_ = nullptr;
  MemoryContext context_ = nullptr;
  int pointer_ = 0;
  TupleTableSlot* slot_ = nullptr;
};

// The same bytes, however they are stored: -0.0 is not 0.0. Inside call().
bool same_value(const Column& column, Datum old_value, Datum new_value) {
  if (column.by_value) return old_value == new_value;
  if (column.length > 0) {
    return memcmp(DatumGetPointer(old_value), DatumGetPointer(new_value), column.length) == 0;
  }
  const auto* const old_bytes = DatumGetPointer(old_value);
  const auto* const new_bytes = DatumGetPointer(new_value);
  const auto size = VARSIZE_ANY(old_bytes);
  if (size == VARSIZE_ANY(new_bytes) && memcmp(old_bytes, new_bytes, size) == 0) return true;
  return datum_image_eq(old_value, new_value, column.by_value, column.length);
}

class Capture {
 public:
  // `statement` is the one whose changes are captured, at `depth`.
  Capture(LayoutPtr layout, int depth, StatementEnd statement)
      : layout_(std::move(layout)), depth_(depth), statement_(statement), version_(layout_->version()) {
    row_context_ =
        call([] { return AllocSetContextCreate(CurrentMemoryContext, "tidemark row", ALLOCSET_DEFAULT_SIZES); });
  }

  void inserted(Tuplestorestate* rows, Relation relation) {
    if (statement_.has_been_disturbed) {
      log_present_state(nullptr, rows, relation);
    } else {
      call([&] {
        new_.open(rows, relation);
        const MemoryContext caller = MemoryContextSwitchTo(row_context_);
        while (new_.next()) log_whole(new_);
        MemoryContextSwitchTo(caller);
        new_.close();
      });
    }
    note_new_keys(layout_->table.relation, depth_);
    finish();
  }

  void deleted(Tuplestorestate* rows, Relation relation) {
    if (statement_.has_been_disturbed || statement_.has_new_keys) {
      log_present_state(rows, nullptr, relation);
    } else {
      call([&] {
        old_.open(rows, relation);
        const MemoryContext caller = MemoryContextSwitchTo(row_context_);
        while (old_.next()) log_delete(old_);
        MemoryContextSwitchTo(caller);
        old_.close();
      });
    }
    finish();
  }

  void updated(Tuplestorestate* old_rows, Tuplestorestate* new_rows, Relation relation) {
    bool has_new_keys = true;
    if (statement_.has_been_disturbed) {
      log_present_state(old_rows, new_rows, relation);
    } else if (tuplestore_tuple_count(old_rows) != tuplestore_tuple_count(new_rows)) {
      log_replaced(old_rows, new_rows, relation);
    } else {
      has_new_keys = log_pairs(old_rows, new_rows, relation);
    }
    if (has_new_keys) note_new_keys(layout_->table.relation, depth_);
    finish();
  }

  // Every row of a table, as deleted or as it is.
  void every_row(Relation relation, Op op) {
    call([&] {
      const Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
      TupleTableSlot* const slot = table_slot_create(relation, nullptr);
      const TableScanDesc scan = table_beginscan(relation, snapshot, 0, nullptr);
      const MemoryContext caller = MemoryContextSwitchTo(row_context_);
      while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        slot_getallattrs(slot);
        append_key(slot->tts_values, slot->tts_isnull);
        if (op == Op::kInsert) append_columns(values_.start(), layout_->columns, slot->tts_values, slot->tts_isnull);
        add(op, op == Op::kInsert ? &values_ : nullptr, nullptr);
      }
      MemoryContextSwitchTo(caller);
      table_endscan(scan);
      ExecDropSingleTupleTableSlot(slot);
      UnregisterSnapshot(snapshot);
    });
    finish();
  }

 private:
  // The functions up to log_pairs() are inside call(), in row_context_.

  void append_key(const Datum* values, const bool* nulls) { append_columns(key_.start(), layout_->key, values, nulls); }

  void add(Op op, TextBuffer* values, TextBuffer* columns) {
    std::optional<std::int64_t> at = now_;
    if (auto* const push = current_push()) at = push->captured(layout_->table.relation, key_.view(), op, places_, now_);
    if (at) log_.add(version_, op, key_, values, columns, *at);
    MemoryContextReset(row_context_);
    CHECK_FOR_INTERRUPTS();
  }

  void log_whole(const Rows& row) {
    append_key(row.values(), row.nulls());
    append_columns(values_.start(), layout_->columns, row.values(), row.nulls());
    add(Op::kInsert, &values_, nullptr);
  }

  void log_delete(const Rows& row) {
    append_key(row.values(), row.nulls());
    add(Op::kDelete, nullptr, nullptr);
  }

  bool same_key() const {
    for (const Column& column : layout_->key) {
      const int place = column.attribute - 1;
      if (!same_value(column, old_.values()[place], new_.values()[place])) return false;
    }
    return true;
  }

  void log_changed_columns() {
    places_.clear();
    for (std::size_t i = 0; i < layout_->columns.size(); ++i) {
      const Column& column = layout_->columns[i];
      const int place = column.attribute - 1;
      const bool old_null = old_.nulls()[place];
      const bool new_null = new_.nulls()[place];
      if (old_null && new_null) continue;
      if (old_null == new_null && same_value(column, old_.values()[place], new_.values()[place])) continue;

      const bool first = places_.empty();
      std::string& values = first ? values_.start() : values_.text();
      std::string& columns = first ? columns_.start() : columns_.text();
      values += first ? '[' : ',';
      columns += first ? '[' : ',';
      append_value(values, column, new_.values()[place], new_null);
      append_json_integer(columns, static_cast<std::int64_t>(i));
      places_.push_back(static_cast<std::uint16_t>(i));
    }
    if (places_.empty()) {
      MemoryContextReset(row_context_);
      return;
    }
    if (statement_.within_another) {
      log_whole(new_);
      return;
    }
    values_.text() += ']';
    columns_.text() += ']';
    append_key(new_.values(), new_.nulls());
    add(Op::kUpdate, &values_, &columns_);
  }

  // The n-th old and the n-th new row are one row's. True if a key changed.
  bool log_pairs(Tuplestorestate* old_rows, Tuplestorestate* new_rows, Relation relation) {
    bool key_changed = false;
    const bool order_is_doubtful = statement_.has_new_keys;
    call([&] {
      old_.open(old_rows, relation);
      new_.open(new_rows, relation);
      const MemoryContext caller = MemoryContextSwitchTo(row_context_);
      while (old_.next() && new_.next()) {
        if (same_key()) {
          log_changed_columns();
          continue;
        }
        key_changed = true;
        if (order_is_doubtful) break;
        log_delete(old_);
        log_whole(new_);
      }
      MemoryContextSwitchTo(caller);
      old_.close();
      new_.close();
    });
    if (key_changed && order_is_doubtful) log_present_state(old_rows, new_rows, relation);
    return key_changed;
  }

  // Rows that left by a key or a partition without a pair: whatever the order,
  // old keys that no new row has are gone, and the new rows are as they are.
  void log_replaced(Tuplestorestate* old_rows, Tuplestorestate* new_rows, Relation relation) {
    std::unordered_set<std::string> new_keys;
    call([&] {
      old_.open(old_rows, relation);
      new_.open(new_rows, relation);
      const MemoryContext caller = MemoryContextSwitchTo(row_context_);
      while (new_.next()) {
        append_key(new_.values(), new_.nulls());
        new_keys.emplace(key_.view());
        MemoryContextReset(row_context_);
      }
      while (old_.next()) {
        append_key(old_.values(), old_.nulls());
        if (!new_keys.contains(std::string(key_.view()))) add(Op::kDelete, nullptr, nullptr);
      }
      new_.rewind();
      while (new_.next()) log_whole(new_);
      MemoryContextSwitchTo(caller);
      old_.close();
      new_.close();
    });
  }

  // See open_statements.h: for every key that the statement touched, what is there now.
  void log_present_state(Tuplestorestate* old_rows, Tuplestorestate* new_rows, Relation relation) {
    PresentRow present(*layout_);
    std::unordered_set<std::string> seen;
    std::vector<Datum> key(layout_->key.size());
    for (Tuplestorestate* const store : {old_rows, new_rows}) {
      if (store == nullptr) continue;
      Rows rows;
      call([&] { rows.open(store, relation); });
      while (call([&] { return rows.next(); })) {
        call([&] { append_key(rows.values(), rows.nulls()); });
        if (!seen.emplace(key_.view()).second) continue;
        for (std::size_t i = 0; i < key.size(); ++i) key[i] = rows.values()[layout_->key[i].attribute - 1];
        const bool found = present.find(key.data(), values_.start());
        call([&] {
          const MemoryContext caller = MemoryContextSwitchTo(row_context_);
          add(found ? Op::kInsert : Op::kDelete, found ? &values_ : nullptr, nullptr);
          MemoryContextSwitchTo(caller);
        });
      }
      call([&] { rows.close(); });
    }
  }

  void finish() {
    log_.finish();
    MemoryContextDelete(row_context_);
  }

  LayoutPtr layout_;
  int depth_;
  StatementEnd statement_;
  std::int32_t version_;
  std::int64_t now_ = now_ms();
  CanonicalOutput canonical_;
  ChangeLog log_;
  MemoryContext row_context_ = nullptr;
  Rows old_;
  Rows new_;
  TextBuffer key_;
  TextBuffer values_;
  TextBuffer columns_;
  std::vector<std::uint16_t> places_;  // of the columns of the update at hand
};

bool is_empty(Tuplestorestate* rows) { return rows == nullptr || tuplestore_tuple_count(rows) == 0; }

}  // namespace

// Fires before and after every statement that inserts, updates or deletes, then
// with its transition tables, and before one that truncates.
TIDEMARK_SQL_FUNCTION(tidemark_capture) {
  if (!CALLED_AS_TRIGGER(fcinfo)) {
    throw SqlError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "tidemark._capture is a trigger function",
                   "tidemark.track sets it up.");
  }
  const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
  const TriggerEvent event = trigger->tg_event;
  const Relation relation = trigger->tg_relation;
  LayoutPtr layout = layout_of(RelationGetRelid(relation));
  if (!layout) return PointerGetDatum(nullptr);  // a partition that was detached

  const int depth = call([] { return trigger_depth(); });
  if (TRIGGER_FIRED_BY_TRUNCATE(event)) {
    Capture(std::move(layout), depth, {}).every_row(relation, Op::kDelete);  // it is about to be emptied
    return PointerGetDatum(nullptr);
  }
  if (TRIGGER_FIRED_BEFORE(event)) {
    statement_begins(layout->table.relation, depth);
    return PointerGetDatum(nullptr);
  }
  const bool wrote_nothing = is_empty(trigger->tg_oldtable) && is_empty(trigger->tg_newtable);
  const StatementEnd statement = statement_ends(layout->table.relation, depth, wrote_nothing);
  if (wrote_nothing) return PointerGetDatum(nullptr);

  Capture capture(std::move(layout), depth, statement);
  if (TRIGGER_FIRED_BY_INSERT(event)) {
    capture.inserted(trigger->tg_newtable, relation);
  } else if (TRIGGER_FIRED_BY_DELETE(event)) {
    capture.deleted(trigger->tg_oldtable, relation);
  } else {
    capture.updated(trigger->tg_oldtable, trigger->tg_newtable, relation);
  }
  return PointerGetDatum(nullptr);
}

// tidemark._log_rows(relation, tracked, operation): logs every row of a table, for
// what happens to rows without a statement of theirs: a partition attached (i) or
// detached (d), a table rewritten (i).
TIDEMARK_SQL_FUNCTION(tidemark_log_rows) {
  const Oid relation_id = PG_GETARG_OID(0);
  const Oid tracked = PG_GETARG_OID(1);
  const Op op = PG_GETARG_CHAR(2) == 'd' ? Op::kDelete : Op::kInsert;
  LayoutPtr layout = relation_id == tracked ? layout_of(relation_id) : layout_as_partition(tracked, relation_id);
  if (!layout) return 0;
  const Relation relation = call([&] { return table_open(relation_id, AccessShareLock); });
  Capture(std::move(layout), 0, {}).every_row(relation, op);
  call([&] { table_close(relation, NoLock); });
  return 0;
}

}  // namespace tidemark::pg
