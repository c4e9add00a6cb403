// tidemark.rows: a page of a tracked table as it is now, in key order. Writes
// nothing, so it runs on a standby.
#include <algorithm>
#include <vector>

#include "common/json_text.h"
#include "common/quote.h"
#include "pg_extension/convert.h"
#include "pg_extension/encode.h"
#include "pg_extension/hub.h"
#include "pg_extension/layout.h"
#include "pg_extension/table_name.h"

namespace tidemark::pg {
namespace {

constexpr long kRowsAtOnce = 500;

// The place after a row travels as the base64 of its key's JSON, in characters
// that need no escape in a URL.
std::string to_place(const std::string& key) {
  std::string text = base64_encode(key);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.resize(text.find_last_not_of('=') + 1);
  return text;
}

std::string from_place(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.resize((text.size() + 3) / 4 * 4, '=');
  std::string key;
  if (text.empty() || !base64_decode(text, key)) {
    throw Error(ErrorCode::kInvalidInput, "malformed \"after\"", "Give the \"after\" of the page before.");
  }
  return key;
}

std::string column_list(const std::vector<Column>& columns) {
  std::string list;
  for (const Column& column : columns) list += (list.empty() ? "" : ", ") + quote_identifier(column.name);
  return list;
}

std::string query_for(const Layout& layout, bool has_start) {
  const std::string key = column_list(layout.key);
  std::string sql = "select " + key;
  if (!layout.columns.empty()) sql += ", " + column_list(layout.columns);
  sql += " from " + qualified_name(layout.relation);
  if (has_start) {
    sql += " where (" + key + ") > (";
    for (std::size_t i = 1; i <= layout.key.size(); ++i) sql += (i == 1 ? "$" : ", $") + std::to_string(i);
    sql += ")";
  }
  return sql + " order by " + key;
}

// The columns numbered as the query gives them.
std::vector<Column> numbered(std::vector<Column> columns, int first) {
  for (Column& column : columns) column.attribute = static_cast<AttrNumber>(first++);
  return columns;
}

class RowsPage {
 public:
  RowsPage(const Layout& layout, std::size_t max_bytes)
      : layout_(layout),
        max_bytes_(max_bytes),
        key_(numbered(layout.key, 1)),
        columns_(numbered(layout.columns, static_cast<int>(layout.key.size()) + 1)) {}

  void fill(const std::optional<std::string>& after) {
    const std::vector<Datum> start = after ? parse_key(from_place(*after)) : std::vector<Datum>();
    std::vector<Oid> types;
    for (std::size_t i = 0; i < start.size(); ++i) types.push_back(layout_.key[i].type);
    const std::string sql = query_for(layout_, after.has_value());
    const Portal portal = call([&] {
      return SPI_cursor_open_with_args(nullptr, sql.c_str(), static_cast<int>(start.size()), types.data(),
                                       const_cast<Datum*>(start.data()), nullptr, true, CURSOR_OPT_NO_SCROLL);
    });
    CanonicalOutput canonical;
    while (!is_full_ && fetch(portal)) {
    }
    call([&] { SPI_cursor_close(portal); });
  }

  const std::string& changes() const { return changes_; }

  // Where the next page starts; null on the last one.
  std::string after() const { return is_full_ ? '"' + to_place(last_key_) + '"' : "null"; }

 private:
  std::vector<Datum> parse_key(const std::string& json) {
    simdjson::dom::parser parser;
    const std::vector<WireTable> tables = {{layout_.table.name, std::vector<WireColumn>(layout_.key.size()), {}}};
    WireReader reader(tables);
    WireChange change;
    const std::string body = "[0,\"d\"," + json + "]";
    reader.change(parse_body(parser, body), change);
    std::vector<Datum> values;
    std::string scratch;
    for (std::size_t i = 0; i < change.key.size(); ++i) {
      values.push_back(call([&] {
        Input input = input_of(layout_.key[i], CurrentMemoryContext);
        return convert(input, change.key[i], scratch).value;
      }));
    }
    return values;
  }

  // Adds some rows; false after the table's last one.
  bool fetch(Portal portal) {
    return call([&] {
      SPI_cursor_fetch(portal, true, kRowsAtOnce);
      const std::uint64_t count = SPI_processed;
      SPITupleTable* const table = SPI_tuptable;
      const MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "tidemark row", ALLOCSET_DEFAULT_SIZES);
      const MemoryContext caller = MemoryContextSwitchTo(row);
      for (std::uint64_t i = 0; i < count; ++i) {
        // Full, and there is another row: so there is a next page.
        if (changes_.size() >= max_bytes_) {
          is_full_ = true;
          break;
        }
        append(table->vals[i], table->tupdesc);
        MemoryContextReset(row);
      }
      MemoryContextSwitchTo(caller);
      MemoryContextDelete(row);
      SPI_freetuptable(table);
      return count == static_cast<std::uint64_t>(kRowsAtOnce);
    });
  }

  void append(HeapTuple tuple, TupleDesc descriptor) {
    auto* const values = static_cast<Datum*>(palloc(sizeof(Datum) * descriptor->natts));
    auto* const nulls = static_cast<bool*>(palloc(sizeof(bool) * descriptor->natts));
    heap_deform_tuple(tuple, descriptor, values, nulls);
    last_key_.clear();
    append_columns(last_key_, key_, values, nulls);
    changes_ += changes_.empty() ? "[0,\"i\"," : ",[0,\"i\",";
    changes_ += last_key_;
    changes_ += ',';
    append_columns(changes_, columns_, values, nulls);
    changes_ += ']';
  }

  const Layout& layout_;
  std::size_t max_bytes_;
  std::vector<Column> key_;
  std::vector<Column> columns_;
  std::string changes_;
  std::string last_key_;
  bool is_full_ = false;
};

[[noreturn]] void not_tracked(const std::string& name) {
  throw Error(ErrorCode::kNotTracked, "table \"" + name + "\" is not tracked",
              "On the hub: select tidemark.track('" + name + "')");
}

}  // namespace

TIDEMARK_SQL_FUNCTION(tidemark_rows) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) {
    throw Error(ErrorCode::kInvalidInput, "a token and a table are needed", "Give both.");
  }
  const std::string token = text_argument(fcinfo, 0);
  const std::string name = text_argument(fcinfo, 1);
  const auto after = PG_ARGISNULL(2) ? std::nullopt : std::optional(text_argument(fcinfo, 2));
  const std::int32_t max_bytes = PG_ARGISNULL(3) ? 1 << 20 : std::clamp(PG_GETARG_INT32(3), 1, 256 * 1024 * 1024);
  std::string answer;
  {
    Spi spi;
    authenticate(spi, token, "read");
    const auto table = tracked_table_named(name);
    const LayoutPtr layout = table ? layout_of(table->relation) : nullptr;
    if (!layout) not_tracked(name);
    const HubState hub = hub_state(spi);
    RowsPage page(*layout, static_cast<std::size_t>(max_bytes));
    page.fill(after);
    answer = answer_opening(spi, hub) + R"(,"head":)" + std::to_string(hub.head) + R"(,"tables":[)" + layout->header +
             R"(],"changes":[)" + page.changes() + R"(],"after":)" + page.after() + "}";
  }
  return text_datum(answer);
}

}  // namespace tidemark::pg
