#include "pg_extension/push_echo.h"

#include <algorithm>
#include <map>

#include "common/json_text.h"
#include "common/quote.h"
#include "pg_extension/change_log.h"
#include "pg_extension/encode.h"
#include "pg_extension/pushed_rows.h"
#include "pg_extension/table_name.h"

namespace tidemark::pg {
namespace {

using Logged = PushJournal::Logged;

// True if what the push says of the row may not be what the row is.
bool must_look(const PushedTable& table, const PushedChange& change, const Logged& logged) {
  if (change.refused) return false;
  if (change.doubtful || !change.exact) return true;
  switch (change.op) {
    case Op::kInsert:
      // It met a row that was there, so columns that were not sent are not the defaults'.
      if (!logged.whole && table.column_sets[change.column_set].places.size() < table.layout->columns.size())
        return true;
      return table.inserts_altered || (!logged.whole && table.updates_altered);
    case Op::kUpdate: {
      // A sum that changed nothing, 1e30 + 0.1, was not logged, and the device counts on one.
      const ColumnSet& set = table.column_sets[change.column_set];
      return table.updates_altered || std::any_of(set.adds.begin(), set.adds.end(), [&](std::uint16_t place) {
               return std::find(logged.columns.begin(), logged.columns.end(), place) == logged.columns.end();
             });
    }
    case Op::kDelete: return false;  // doubtful if it touched no row
  }
  return true;
}

class EchoLog {
 public:
  EchoLog(PushBody& body, const PushJournal& journal) : body_(body), logged_(journal.summary()) {}

  bool run() {
    std::map<std::uint32_t, std::vector<std::uint32_t>> by_table;
    auto& changes = body_.changes();
    for (std::uint32_t i = 0; i < changes.size(); ++i) {
      if (must_look(body_.tables()[changes[i].table], changes[i], logged_[i])) by_table[changes[i].table].push_back(i);
    }
    for (const auto& [table, places] : by_table) look_at(body_.tables()[table], places);
    return by_table.empty();
  }

 private:
  void look_at(const PushedTable& table, const std::vector<std::uint32_t>& places) {
    const Layout& layout = *table.layout;
    std::string sql = "select p.change, t." + quote_identifier(layout.key[0].name) + " is not null";
    for (const Column& column : layout.columns) sql += ", t." + quote_identifier(column.name);
    sql += " from pushed p left join " + qualified_name(layout.relation) + " t on " + same_key_condition(layout, "t");

    Spi spi;
    PushedRows rows(body_, places, false);
    rows.register_in(spi);
    spi.run(sql);
    ChangeLog log;
    CanonicalOutput canonical;
    for (std::uint64_t i = 0; i < spi.rows(); ++i) {
      bool is_null = false;
      const auto place = static_cast<std::uint32_t>(call([&] { return DatumGetInt32(spi.datum(i, 0, &is_null)); }));
      look_at_row(spi, i, layout, place, spi.boolean(i, 1), log);
    }
    log.finish();
  }

  void look_at_row(const Spi& spi, std::uint64_t row, const Layout& layout, std::uint32_t place, bool exists,
                   ChangeLog& log) {
    const PushedChange& change = body_.changes()[place];
    const Logged& logged = logged_[place];
    key_.start() += change.key;
    if (is_undone(spi, row, layout, change, logged, exists)) {
      body_.refuse(place, {ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION,
                           "a trigger of table \"" + layout.table.name + "\" has undone the change without an error",
                           "See the table's triggers on the hub.",
                           {}});
      return;
    }
    if (!exists) {
      if (logged.deleted || change.op == Op::kDelete) return;
      if (change.op == Op::kUpdate) {
        // Nothing that the device has not read took it away: it has read another log.
        throw Error(ErrorCode::kAhead,
                    "row " + std::string(change.key) + " of table \"" + layout.table.name +
                        "\" is gone, and nothing after the cursor says so: the hub was restored",
                    "Load the tables again.");
      }
      call([&] { log.add(layout.version(), Op::kDelete, key_, nullptr, nullptr, change.at_ms); });
      return;
    }
    if (logged.whole) return;
    if (change.op == Op::kDelete) {  // a trigger has made an update of it
      log_columns(spi, row, layout, log, change, Op::kInsert, all_columns(layout));
      return;
    }
    std::vector<std::uint16_t> different;
    for (const std::uint16_t column : all_columns(layout)) {
      if (contains(logged.columns, column)) continue;
      if (is_as_pushed(spi, row, layout, change, column)) continue;
      different.push_back(column);
    }
    if (!different.empty()) log_columns(spi, row, layout, log, change, Op::kUpdate, different);
  }

  // True if nothing of the change is in the row: a trigger gave NULL for it, or the old values.
  bool is_undone(const Spi& spi, std::uint64_t row, const Layout& layout, const PushedChange& change,
                 const Logged& logged, bool exists) {
    if (logged.whole || logged.deleted || !logged.columns.empty()) return false;
    if (change.op == Op::kInsert) return !exists;
    if (change.op == Op::kDelete || !exists) return exists;
    const ColumnSet& set = body_.tables()[change.table].column_sets[change.column_set];
    const auto is_taken = [&](std::uint16_t column) {
      return set.adds_to(column) || has_value(spi, row, layout, change, column);
    };
    return !set.places.empty() && std::none_of(set.places.begin(), set.places.end(), is_taken);
  }

  // True if the device has the column's value already.
  bool is_as_pushed(const Spi& spi, std::uint64_t row, const Layout& layout, const PushedChange& change,
                    std::uint16_t column) {
    const ColumnSet& set = body_.tables()[change.table].column_sets[change.column_set];
    if (!contains(set.places, column)) return change.op == Op::kUpdate;
    return change.exact && !set.adds_to(column) && has_value(spi, row, layout, change, column);
  }

  // True if the column, which was sent, has the value that was sent, though perhaps in another form.
  bool has_value(const Spi& spi, std::uint64_t row, const Layout& layout, const PushedChange& change,
                 std::uint16_t column) {
    const auto& pushed = body_.tables()[change.table].column_sets[change.column_set].places;
    const auto found = std::find(pushed.begin(), pushed.end(), column);
    const std::size_t at = layout.key.size() + static_cast<std::size_t>(found - pushed.begin());
    return call([&] {
      bool is_null = false;
      const Datum actual = spi.datum(row, column + 2, &is_null);
      if (is_null || change.nulls[at]) return is_null == change.nulls[at];
      return datum_image_eq(actual, change.values[at], layout.columns[column].by_value, layout.columns[column].length);
    });
  }

  void log_columns(const Spi& spi, std::uint64_t row, const Layout& layout, ChangeLog& log, const PushedChange& change,
                   Op op, const std::vector<std::uint16_t>& columns) {
    const std::int32_t version = layout.version();
    call([&] {
      std::string& values = values_.start();
      std::string& places = places_.start();
      values += '[';
      places += '[';
      for (const std::uint16_t column : columns) {
        if (values.back() != '[') values += ',';
        if (places.back() != '[') places += ',';
        bool is_null = false;
        const Datum value = spi.datum(row, column + 2, &is_null);
        append_value(values, layout.columns[column], value, is_null);
        append_json_integer(places, column);
      }
      values += ']';
      places += ']';
      log.add(version, op, key_, &values_, op == Op::kInsert ? nullptr : &places_, change.at_ms);
    });
  }

  static std::vector<std::uint16_t> all_columns(const Layout& layout) {
    std::vector<std::uint16_t> columns(layout.columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = static_cast<std::uint16_t>(i);
    return columns;
  }

  static bool contains(const std::vector<std::uint16_t>& columns, std::uint16_t column) {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  }

  PushBody& body_;
  std::vector<Logged> logged_;
  TextBuffer key_;
  TextBuffer values_;
  TextBuffer places_;
};

}  // namespace

bool log_echoes(PushBody& body, const PushJournal& journal) { return EchoLog(body, journal).run(); }

}  // namespace tidemark::pg
