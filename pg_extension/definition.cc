// What a change of a tracked table's definition means for the log: a new version,
// and the values of new columns, which no statement wrote.
#include <algorithm>
#include <vector>

#include "common/json_text.h"
#include "common/quote.h"
#include "common/wire.h"
#include "pg_extension/change_log.h"
#include "pg_extension/encode.h"
#include "pg_extension/guard.h"
#include "pg_extension/layout.h"
#include "pg_extension/spi.h"
#include "pg_extension/table_name.h"

namespace tidemark::pg {
namespace {

constexpr long kRowsAtOnce = 1000;

bool is_counting(Kind kind) { return kind == Kind::kSmallint || kind == Kind::kInteger || kind == Kind::kBigint; }

std::vector<WireTable> parse_versions(const std::vector<std::string>& descriptions) {
  std::string list;
  for (const std::string& description : descriptions) list += (list.empty() ? "[" : ",") + description;
  simdjson::dom::parser parser;
  return WireReader::tables(parse_body(parser, list + "]"));
}

// Devices hold rows by their keys: another key would be another table.
void refuse_another_key(const WireTable& before, const Layout& layout) {
  bool same = before.key.size() == layout.key.size();
  for (std::size_t i = 0; same && i < layout.key.size(); ++i) {
    const Column& column = layout.key[i];
    same = before.key[i].name == column.name &&
           (before.key[i].kind == column.kind || (is_counting(before.key[i].kind) && is_counting(column.kind)));
  }
  if (same) return;
  throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                 "the primary key of table \"" + layout.table.name + "\" cannot be changed while it is tracked",
                 "Run tidemark.untrack, change it, and track the table again: devices will load it anew.");
}

// A column that the version before did not have, or had as another kind.
struct NewColumn {
  std::uint16_t place = 0;
  bool came_again = false;  // an older version had the name: devices may hold values there
};

// `versions` has at least one, oldest first.
std::vector<NewColumn> new_columns(const std::vector<WireTable>& versions, const Layout& layout) {
  std::vector<NewColumn> found;
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    const Column& column = layout.columns[i];
    const auto in = [&](const WireTable& version, auto&& matches) {
      return std::any_of(version.columns.begin(), version.columns.end(), matches);
    };
    const auto has_name = [&](const WireColumn& candidate) { return candidate.name == column.name; };
    const auto is_same = [&](const WireColumn& candidate) {
      return candidate.name == column.name && candidate.kind == column.kind;
    };
    if (in(versions.back(), is_same)) continue;
    const bool came_again =
        std::any_of(versions.begin(), versions.end(), [&](const WireTable& version) { return in(version, has_name); });
    found.push_back({static_cast<std::uint16_t>(i), came_again});
  }
  return found;
}

// Logs what stands in these columns, row by row. Rows with nothing there are passed
// over, unless a device may have something there.
class ColumnValues {
 public:
  ColumnValues(const Layout& layout, const std::vector<NewColumn>& columns) : version_(layout.version()) {
    std::string any;
    std::string& text = columns_.start();
    for (const Column& column : layout.key) select(key_, column);
    for (const auto& [place, came_again] : columns) {
      const Column& column = layout.columns[place];
      select(values_of_, column);
      any += (any.empty() ? "" : " or ") + (came_again ? "true" : quote_identifier(column.name) + " is not null");
      text += text.size() == VARHDRSZ ? '[' : ',';
      append_json_integer(text, place);
    }
    text += ']';
    sql_ += " from " + qualified_name(layout.relation) + " where " + any;
  }

  void log() {
    ActingAs owner(BOOTSTRAP_SUPERUSERID);  // sees every row
    Spi spi;
    const Portal portal = call([&] {
      return SPI_cursor_open_with_args(nullptr, sql_.c_str(), 0, nullptr, nullptr, nullptr, false,
                                       CURSOR_OPT_NO_SCROLL);
    });
    CanonicalOutput canonical;
    ChangeLog log;
    while (call([&] { return log_some(portal, log); })) {
    }
    log.finish();
    call([&] { SPI_cursor_close(portal); });
  }

 private:
  void select(std::vector<Column>& list, const Column& column) {
    sql_ += (selected_ == 0 ? "select " : ", ") + quote_identifier(column.name);
    list.push_back(column);
    list.back().attribute = static_cast<AttrNumber>(++selected_);
  }

  // False at the end. Inside call().
  bool log_some(Portal portal, ChangeLog& log) {
    SPI_cursor_fetch(portal, true, kRowsAtOnce);
    SPITupleTable* const table = SPI_tuptable;
    const std::uint64_t count = SPI_processed;
    const MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "tidemark batch", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext caller = MemoryContextSwitchTo(batch);
    for (std::uint64_t i = 0; i < count; ++i) {
      Datum values[MaxTupleAttributeNumber];
      bool nulls[MaxTupleAttributeNumber];
      heap_deform_tuple(table->vals[i], table->tupdesc, values, nulls);
      append_columns(key_text_.start(), key_, values, nulls);
      append_columns(values_.start(), values_of_, values, nulls);
      log.add(version_, Op::kUpdate, key_text_, &values_, &columns_, now_);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(batch);
    SPI_freetuptable(table);
    return count == static_cast<std::uint64_t>(kRowsAtOnce);
  }

  std::int32_t version_;
  std::int64_t now_ = now_ms();
  std::string sql_;
  int selected_ = 0;
  std::vector<Column> key_;
  std::vector<Column> values_of_;
  TextBuffer key_text_;
  TextBuffer values_;
  TextBuffer columns_;
};

}  // namespace

// tidemark._note_definition(tracked): after the table's definition may have changed.
TIDEMARK_SQL_FUNCTION(tidemark_note_definition) {
  const Oid relation = PG_GETARG_OID(0);
  call([&] {
    CacheInvalidateRelcacheByRelid(relation);  // what backends keep of its description
    CommandCounterIncrement();
  });
  const LayoutPtr layout = layout_of(relation);
  if (!layout) return 0;
  const std::vector<std::string> before = descriptions_of(layout->table.id);
  if (!before.empty() && before.back() == layout->header) return 0;
  if (before.empty()) {
    layout->begin_version();
    return 0;
  }
  const std::vector<WireTable> versions = parse_versions(before);
  refuse_another_key(versions.back(), *layout);
  const auto columns = new_columns(versions, *layout);
  layout->begin_version();
  if (!columns.empty()) ColumnValues(*layout, columns).log();
  return 0;
}

}  // namespace tidemark::pg
