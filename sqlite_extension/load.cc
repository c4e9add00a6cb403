#include "sqlite_extension/load.h"

#include <algorithm>

#include "common/error.h"
#include "common/quote.h"
#include "common/triggers.h"
#include "sqlite_extension/applier.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/dangling.h"
#include "sqlite_extension/page_reader.h"

namespace tidemark::device {
namespace {

constexpr int kMaxStalePages = 50;

Conflict lost_row(const Writer& writer, const Row& key, const std::vector<ValueView>& key_views, const Row& columns) {
  Conflict lost;
  lost.table = writer.local().name;
  lost.key = key_json(key);
  lost.kind = "lost";
  lost.mine = Value(ValueView::text(writer.row_json(key_views, columns)));
  lost.message = writer.table().sweep == Sweep::kUnlogged
                     ? "the hub does not have this row: it was written while the triggers that log changes were missing"
                     : "the hub no longer has this row: it was restored, or the row was deleted while this device was "
                       "away";
  lost.hint = "tidemark_resolve(id, 'mine') writes it again.";
  return lost;
}

std::string all_columns(const LocalTable& table) {
  std::string sql;
  for (const auto* list : {&table.key, &table.columns}) {
    for (const LocalColumn& column : *list) sql += (sql.empty() ? "" : ", ") + quote_identifier(column.name);
  }
  return sql;
}

// Lists and removes the rows that the hub did not send. A pending change to such
// a row becomes an insert: the hub has no row to change.
void sweep(sqlite3* db, const std::vector<TrackedTable>& tables, const TrackedTable& table, bool fires_triggers) {
  std::optional<TriggerRun> run;
  if (fires_triggers && has_application_triggers(db, tables)) run.emplace(db);
  Writer writer(db, table, run ? &*run : nullptr);
  writer.pending().ensure(db);
  Statement seen(db, "select 1 from main.tidemark_seen where table_number = ?1 and key = ?2");
  Statement rows(db, "select " + all_columns(table.local) + " from main." + quote_identifier(table.local.name));
  std::vector<std::pair<Row, Row>> unseen;
  const auto was_seen = [&](const Row& key) {
    seen.bind(1, table.local.number);
    seen.bind_blob(2, lookup_of(views_of(key)));
    const bool found = seen.step();
    seen.reset();
    return found;
  };
  while (rows.step()) {
    Row key;
    Row columns;
    for (std::size_t i = 0; i < table.local.key.size(); ++i) key.push_back(rows.value(static_cast<int>(i)));
    if (was_seen(key)) continue;
    for (std::size_t i = 0; i < table.local.columns.size(); ++i)
      columns.push_back(rows.value(static_cast<int>(key.size() + i)));
    unseen.emplace_back(std::move(key), std::move(columns));
  }
  for (auto& row : DisplacedRows(db, table.local).all()) {
    if (!was_seen(row.first)) unseen.push_back(std::move(row));
  }
  for (const auto& [key, columns] : unseen) {
    const auto key_views = views_of(key);
    const auto* const seqs = writer.pending().find(lookup_of(key_views));
    if (!seqs) {
      record(db, lost_row(writer, key, key_views, columns));
      writer.remove(key_views);
      continue;
    }
    Pending pending = fold(read_entries(db, table.local, *seqs), table.local.columns.size());
    if (!pending.base_exists) continue;
    pending.base_exists = false;
    void_entries(db, table.local, *seqs);
    append_entry(db, table.local, key, pending, true);
  }
  if (run) run->play(tables);
  Statement forget(db, "delete from main.tidemark_seen where table_number = ?1");
  forget.bind(1, table.local.number);
  forget.run();
}

void note_seen(sqlite3* db, const TrackedTable& table, simdjson::dom::element page) {
  simdjson::dom::element list;
  if (page["tables"].get(list) != simdjson::SUCCESS) array_member(page, "tables");
  const auto wire_tables = WireReader::tables(list);
  WireReader reader(wire_tables);
  WireChange change;
  std::deque<std::string> bytes;
  Statement note(db, "insert or ignore into main.tidemark_seen values (?1, ?2)");
  for (const simdjson::dom::element element : array_member(page, "changes")) {
    reader.change(element, change);
    std::vector<ValueView> key(change.key.size());
    for (std::size_t i = 0; i < key.size(); ++i) {
      const WireColumn& column = wire_tables[change.table].key[i];
      for (std::size_t j = 0; j < table.local.key.size(); ++j) {
        if (same_name(table.local.key[j].name, column.name))
          key[j] = from_wire(column.kind, table.local.key[j].holds_bytes(), change.key[i], bytes);
      }
    }
    note.bind(1, table.local.number);
    note.bind_blob(2, lookup_of(key));
    note.run();
  }
}

}  // namespace

std::int64_t load_table(sqlite3* db, Hub& hub, TrackedTable& table, bool fires_triggers) {
  std::int64_t loaded = 0;
  int stale_pages = 0;
  const std::string name = table.hub->name;
  PageReader pages([&hub, &name](const std::string& after) {
    return hub.rows(name, after.empty() ? std::nullopt : std::optional(after));
  });
  simdjson::dom::parser parser;  // kept, since its memory costs more than the parsing
  while (table.is_loading()) {
    const std::string body = pages.get(table.load_after.value_or(""));
    const simdjson::dom::element page = parse_body(parser, body);
    const std::int64_t head = integer_member(page, "head");
    std::string_view after;
    const bool more = page["after"].get(after) == simdjson::SUCCESS;
    if (more) pages.expect(std::string(after));

    Transaction transaction(db);
    const auto now = find_tracked(db, table.local.name);
    if (!now || now->state != table.state || now->load_after != table.load_after) {
      // Another connection loads it too: go on from where it is.
      if (!now) return loaded;
      table = *now;
      continue;
    }
    if (text_member(page, "epoch") != meta(db, "epoch")) {
      throw Error(ErrorCode::kAhead, "the hub was restored: its log is not the one that this device has read",
                  "Sync again.");
    }
    // Log pages read meanwhile may be newer than this page of rows: ask again.
    if (std::stoll(meta(db, "cursor").value_or("0")) > head) {
      if (++stale_pages < kMaxStalePages) continue;
      throw Error(
          ErrorCode::kUnavailable,
          "the rows of \"" + table.local.name + "\" come from a standby that is behind what this device has read",
          "Sync again later, or ask the bridge that serves the primary.");
    }
    hub.keep_clock_offset(db, integer_member(page, "now"));
    if (table.since < 0 && table.gained.empty()) table.since = head;
    table.until = std::max(table.until, head);

    const std::vector<TrackedTable> tables = tracked_tables(db);
    {
      ApplyScope scope(db);
      Applier applier(db, tables, "", fires_triggers);
      applier.rows_page(page);
      applier.finish();
      loaded += applier.changes();
    }
    const bool sweeps = table.sweep != Sweep::kNothing && table.gained.empty();
    if (sweeps) note_seen(db, table, page);
    if (more) {
      table.state = TableState::kLoading;
      table.load_after = std::string(after);
    } else {
      table.state = TableState::kReady;
      table.load_after.reset();
      if (sweeps) {
        ApplyScope scope(db);
        sweep(db, tables, table, fires_triggers);
        table.sweep = Sweep::kNothing;
      }
      if (table.gained.empty()) release_related(db, tables, table);
      table.gained.clear();
    }
    save_state(db, table);
    transaction.commit();
  }
  return loaded;
}

void load_again(sqlite3* db, TrackedTable& table, Sweep sweep) {
  if (table.state != TableState::kRefused) table.state = TableState::kNew;
  table.load_after.reset();
  table.since = -1;
  table.until = -1;
  table.sweep = std::max(table.sweep, sweep);
  table.gained.clear();
  Statement forget(db, "delete from main.tidemark_seen where table_number = ?1");
  forget.bind(1, table.local.number);
  forget.run();
  save_state(db, table);
}

void load_again_later(sqlite3* db, TrackedTable& table, Sweep sweep) {
  // What was loaded so far is not noted as seen.
  if (table.is_loading() && table.gained.empty()) return load_again(db, table, sweep);
  table.sweep = std::max(table.sweep, sweep);
  save_state(db, table);
}

void load_columns(sqlite3* db, TrackedTable& table, const std::vector<std::string>& names) {
  if (names.empty() || table.state == TableState::kRefused) return;  // refused: all of it is loaded when it fits again
  // Where all is being loaded it begins anew, and the log is read from the same place.
  const bool all = table.is_loading() && table.gained.empty();
  if (!all) table.gained.insert(table.gained.end(), names.begin(), names.end());
  table.state = TableState::kNew;
  table.load_after.reset();
  save_state(db, table);
}

void adopt_column(sqlite3* db, const TrackedTable& table, std::size_t place) {
  const LocalColumn& column = table.local.columns[place];
  const std::string name = quote_identifier(column.name);
  const std::string base = column.default_sql.empty() ? "null" : "(" + column.default_sql + ")";
  std::string log_keys;
  std::string keys;
  for (std::size_t i = 0; i < table.local.key.size(); ++i) {
    log_keys += ", k" + std::to_string(i);
    keys += ", " + quote_identifier(table.local.key[i].name);
  }
  execute(db, "insert into main." + log_name(table.local) + " (op, at, m" + std::to_string(place / kMaskBits) + ", c" +
                  std::to_string(place) + log_keys + ") select 2, 0, " +
                  std::to_string(std::int64_t{1} << (place % kMaskBits)) + ", " + base + keys + " from main." +
                  quote_identifier(table.local.name) + " where " + name + " is not " + base);
}

}  // namespace tidemark::device
