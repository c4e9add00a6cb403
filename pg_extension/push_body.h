// A push as it was read: its changes typed and matched with the hub's tables.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire.h"
#include "pg_extension/convert.h"
#include "pg_extension/key_index.h"
#include "pg_extension/layout.h"
#include "pg_extension/spi.h"
#include "pg_extension/subtransaction.h"

namespace tidemark::pg {

// The columns that some changes of a table name, by their places in the layout.
struct ColumnSet {
  std::vector<std::uint16_t> places;
  std::vector<std::uint16_t> adds;  // those whose values are to be added to what is there; rising

  bool operator==(const ColumnSet&) const = default;
  bool adds_to(std::uint16_t place) const { return std::binary_search(adds.begin(), adds.end(), place); }
};

// One table header of the body, beside the hub's table of that name.
struct PushedTable {
  LayoutPtr layout;               // null if there is no such table
  std::optional<Report> refusal;  // of every change of it
  Oid owner = InvalidOid;
  int rank = 0;  // parents before children
  bool refers_to_itself = false;
  bool inserts_altered = false;      // there are row triggers that may
  bool updates_altered = false;      // alter or suppress
  bool alike_keys = false;           // different texts may be equal keys: 1.5 and 1.50
  std::vector<int> key_places;       // for each key column of the layout: its place in the header's key
  std::vector<int> places;           // for each column of the header: its place in the layout, or -1
  std::vector<Input> key_inputs;     // as the layout's key
  std::vector<Input> column_inputs;  // as the layout's columns
  std::vector<Column> sums;          // as the layout's columns, but a difference may be any number
  std::vector<Input> sum_inputs;     // as `sums`
  std::vector<ColumnSet> column_sets;
};

struct PushedChange {
  std::uint32_t table = 0;
  std::uint32_t column_set = 0;  // in PushedTable::column_sets
  Op op = Op::kInsert;
  bool exact = true;      // what was sent is what the hub writes, if nobody alters it
  bool doubtful = false;  // the row must be looked at after applying
  bool refused = false;
  std::int64_t at_ms = 0;
  simdjson::dom::element sent;
  std::string_view key;     // canonical JSON
  Datum* values = nullptr;  // the key's, then those of the column set
  bool* nulls = nullptr;
};

class PushBody {
 public:
  // Reads "push", "cursor" and "epoch". Throws Error{kInvalidInput}.
  explicit PushBody(std::string_view body);

  // Reads everything else. What cannot be converted is refused, change by change.
  void read_changes(Spi& spi);

  // No-op for a change that is refused already.
  void refuse(std::uint32_t change, Report report);

  std::int64_t number() const { return number_; }
  const std::string& cursor() const { return cursor_; }
  // Of the log that `cursor` is a place in; nullopt if the client does not say.
  const std::optional<std::string>& epoch() const { return epoch_; }
  std::vector<PushedTable>& tables() { return tables_; }
  std::vector<PushedChange>& changes() { return changes_; }
  const std::vector<PushedChange>& changes() const { return changes_; }
  const std::vector<std::pair<std::uint32_t, Report>>& refusals() const { return refusals_; }

  // The name of a change's table and its key, as they were sent.
  const std::string& table_name(std::uint32_t change) const { return wire_tables_[changes_[change].table].name; }
  std::string sent_key(std::uint32_t change) const;

  // The place of the change of that row; nullopt if the push has none.
  std::optional<std::uint32_t> change_of(Oid table, std::string_view key) const;

 private:
  void match_tables(Spi& spi);
  PushedTable match(const WireTable& wire) const;
  void rank_tables(Spi& spi);
  void read_change(const WireChange& wire, std::uint32_t place);
  bool read_key(const WireChange& wire, PushedTable& table, PushedChange& change, std::uint32_t place);
  bool read_values(const WireChange& wire, PushedTable& table, PushedChange& change, std::uint32_t place);

  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
  std::int64_t number_ = 0;
  std::string cursor_;
  std::optional<std::string> epoch_;
  std::int64_t now_ms_ = 0;
  MemoryContext context_ = nullptr;  // of the values
  std::vector<WireTable> wire_tables_;
  std::vector<PushedTable> tables_;
  std::vector<PushedChange> changes_;
  std::vector<std::pair<std::uint32_t, Report>> refusals_;
  KeyIndex index_;
  std::string key_;
  std::string scratch_;
  std::string json_;
  const char* converting_ = nullptr;  // the column being converted, for its error
};

}  // namespace tidemark::pg
