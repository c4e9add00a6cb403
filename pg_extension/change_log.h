// Writes tidemark._change: one row for each change, straight to the heap and its
// index, many at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/wire.h"
#include "pg_extension/layout.h"
#include "pg_extension/pg.h"

namespace tidemark::pg {

// A JSON text under construction that can be handed to the server as a datum:
// the first four bytes are the server's header.
class TextBuffer {
 public:
  // Empties it and gives the string to append to.
  std::string& start() {
    bytes_.resize(VARHDRSZ);
    return bytes_;
  }
  std::string& text() { return bytes_; }
  std::string_view view() const { return std::string_view(bytes_).substr(VARHDRSZ); }
  Datum datum() {
    SET_VARSIZE(bytes_.data(), bytes_.size());
    return PointerGetDatum(bytes_.data());
  }

 private:
  std::string bytes_ = std::string(VARHDRSZ, '\0');
};

class ChangeLog {
 public:
  ChangeLog() = default;
  ~ChangeLog();
  ChangeLog(const ChangeLog&) = delete;
  ChangeLog& operator=(const ChangeLog&) = delete;

  // Adds one change; opens the log on the first. `values` is null for a delete, `columns` for a
  // delete and for a whole row. Written at the latest by finish(). Inside call().
  void add(std::int32_t version, Op op, TextBuffer& key, TextBuffer* values, TextBuffer* columns, std::int64_t at_ms);

  // Writes what is still held and lets go of the table.
  void finish();

 private:
  void open();
  void flush();
  void insert_index_entries(HeapTuple tuple);

  std::int64_t tx_ = 0;
  Relation relation_ = nullptr;
  TupleDesc descriptor_ = nullptr;
  List* indexes_ = NIL;      // of Relation
  List* index_infos_ = NIL;  // of IndexInfo, beside it
  MemoryContext parent_ = CurrentMemoryContext;
  MemoryContext context_ = nullptr;  // of this object
  MemoryContext batch_ = nullptr;    // of the tuples held
  std::vector<HeapTuple> held_;
  std::vector<TupleTableSlot*> slots_;
  std::size_t held_bytes_ = 0;
};

}  // namespace tidemark::pg
