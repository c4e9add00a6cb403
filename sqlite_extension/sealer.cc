#include "sqlite_extension/sealer.h"

#include <algorithm>

#include "common/error.h"
#include "common/json_text.h"
#include "common/reconcile.h"
#include "common/triggers.h"
#include "sqlite_extension/codec.h"
#include "sqlite_extension/hub.h"
#include "sqlite_extension/reject.h"

namespace tidemark::device {
namespace {

// Below the bridge's default limit of 64 MiB, with room for a last row.
constexpr std::size_t kMaxBodyBytes = std::size_t{40} << 20;

// Whether the value, sent to the hub and pulled again, is the same here.
bool is_as_pulled(Kind kind, const LocalColumn& column, const ValueView& value) {
  if (kind == Kind::kUuid) return value.type == Type::kNull || (value.type == Type::kBlob) == column.holds_bytes();
  if (form_of(kind) == Form::kReals) return value.type != Type::kInteger;
  return true;
}

// A key column whose UUID is bytes where the hub's would be text here, or the
// other way round: the hub takes both for the same, SQLite for two rows.
const LocalColumn* odd_uuid(const Writer& writer, const Row& key) {
  for (std::size_t i = 0; i < key.size(); ++i) {
    const LocalColumn& column = writer.local().key[i];
    if (writer.key_kind(i) == Kind::kUuid && (key[i].view().type == Type::kBlob) != column.holds_bytes())
      return &column;
  }
  return nullptr;
}

// What a column of policy sum has changed by; nullopt where only the value can say it.
std::optional<Value> difference_of(Kind kind, const Pending::Column& pending, const Value& present) {
  auto sum = difference(kind, present.view(), pending.base.view());
  if (sum && !fits(kind, sum->view())) sum.reset();
  return sum;
}

}  // namespace

Sealer::Sealer(sqlite3* db, std::int64_t number, std::int64_t rows_at_most)
    : db_(db), offset_ms_(clock_offset_ms(db)), rows_left_(rows_at_most) {
  std::string opening = R"({"push":)" + std::to_string(number) + R"(,"epoch":)";
  append_json_string(opening, meta(db, "epoch").value_or(""));
  opening += R"(,"cursor":)";
  append_json_string(opening, meta(db, "cursor").value_or("0"));
  body_.append(opening + R"(,"changes":[)");
}

bool Sealer::add(const TrackedTable& table) {
  const auto last = upto(table.local);
  if (!last) return true;
  covered_.emplace_back(table.local.number, *last);

  WireTable header{table.hub->name, {}, {}};
  for (const LocalColumn& column : table.local.key) {
    const HubColumn& known = *table.hub->find(column.name);
    header.key.push_back({known.name, known.kind});
  }
  sent_places_.clear();
  for (std::size_t i = 0; i < table.local.columns.size(); ++i) {
    const HubColumn* const known = table.hub->find(table.local.columns[i].name);
    if (!known) continue;
    header.columns.push_back({known->name, known->kind});
    sent_places_.push_back(i);
  }
  const std::int64_t before = changes_;
  held_ = held_entries(db_, table.local);
  has_refusals_ = has_refusals(db_, table.local);
  Writer writer(db_, table);

  const int first_key = first_key_column(table.local);
  std::string order;
  for (std::size_t i = 0; i < table.local.key.size(); ++i)
    order += "k" + std::to_string(i) + ", typeof(k" + std::to_string(i) + "), ";
  Statement log(db_, "select " + log_columns(table.local) + " from main." + log_name(table.local) +
                         " where seq <= ?1 and op <> 0 order by " + order + "seq");
  log.bind(1, *last);
  Row key;
  std::vector<LogEntry> entries;
  while (log.step()) {
    bool same = !entries.empty();
    for (std::size_t i = 0; same && i < key.size(); ++i)
      same = key[i].view() == log.view(first_key + static_cast<int>(i));
    if (!same) {
      if (!entries.empty()) add_key(writer, key, entries);
      if (body_.plain_size() > kMaxBodyBytes) return false;
      entries.clear();
      key.clear();
      for (std::size_t i = 0; i < table.local.key.size(); ++i)
        key.push_back(log.value(first_key + static_cast<int>(i)));
    }
    entries.push_back(entry_from(log, table.local));
  }
  if (!entries.empty()) add_key(writer, key, entries);
  if (changes_ == before) return true;

  if (table_count_++ > 0) tables_ += ',';
  append_wire_table(tables_, header);
  return body_.plain_size() <= kMaxBodyBytes;
}

std::string Sealer::finish() {
  body_.append(R"(],"tables":[)" + tables_ + "]}");
  return body_.finish();
}

std::optional<std::int64_t> Sealer::upto(const LocalTable& table) {
  Statement last(db_, "select max(seq), count(*) from (select seq from main." + log_name(table) +
                          " where op <> 0 order by seq limit ?1)");
  last.bind(1, rows_left_);
  last.step();
  if (last.is_null(0)) return std::nullopt;
  rows_left_ -= last.integer(1);
  return last.integer(0);
}

void Sealer::add_key(Writer& writer, const Row& key, const std::vector<LogEntry>& entries) {
  const LocalTable& local = writer.local();
  const bool is_held = !held_.empty() && std::find(held_.begin(), held_.end(), entries.back().seq) != held_.end();
  if (is_held) {  // refused, and not changed since
    skipped_.emplace_back(&local, entries.back().seq);
    return;
  }
  // A key that the fill trigger has replaced.
  if (local.key.size() == 1 && key[0].is_null()) return;

  const auto key_views = views_of(key);
  const Pending pending = fold(entries, local.columns.size());
  const std::optional<Row> present = writer.read(key_views);
  const Net net = net_of(pending, present);
  if (net == Net::kNothing) {
    if (has_refusals_) forget_refusals(db_, local, key, "resolved");
    return;
  }

  line_.clear();
  if (changes_ > 0) line_ += ',';
  line_ += '[';
  line_ += std::to_string(table_count_);
  line_ += net == Net::kInsert ? ",\"i\",[" : net == Net::kUpdate ? ",\"u\",[" : ",\"d\",[";
  bool valid = true;
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (i > 0) line_ += ',';
    valid = append_json(line_, writer.key_kind(i), key_views[i]) && valid;
  }
  line_ += ']';
  bool some = true;
  if (net != Net::kDelete) {
    const std::size_t before = line_.size();
    valid = append_values(writer, *present, pending, net) && valid;
    some = net == Net::kInsert || line_.size() > before;
  } else {
    line_ += ",null,null";
  }
  if (!some) return;  // only columns that the hub does not have
  if (pending.at_ms != 0) {
    line_ += ',';
    append_json_integer(line_, pending.at_ms + offset_ms_);
  }
  line_ += ']';

  const LocalColumn* const odd = odd_uuid(writer, key);
  if (odd || !valid || line_.size() > kMaxBodyBytes) {
    Refusal refusal;
    if (odd) {
      refusal = {"22023", "key column \"" + odd->name + "\" holds a UUID in a form that would come back as another row",
                 odd->holds_bytes()
                     ? "It is declared " + odd->declared_type + ": write 16 bytes, as tidemark_uuid_blob() makes them."
                     : "Write it as text, as tidemark_uuid() makes it, or declare the column BLOB.",
                 odd->name};
    } else if (!valid) {
      refusal = {"22021", "a text in the row is not valid UTF-8", "Store bytes as a BLOB, or correct the text.", ""};
    } else {
      refusal = {"54000", "the row is larger than a push may be", "Shorten its values to less than 40 MiB together.",
                 ""};
    }
    std::vector<std::int64_t> seqs;
    for (const LogEntry& entry : entries) seqs.push_back(entry.seq);
    hold(db_, writer, key, seqs, {}, refusal);
    ++rejected_;
    return;
  }
  if (has_refusals_) forget_refusals(db_, local, key, "retried");
  body_.append(line_);
  ++changes_;
}

// ,[values],[columns]: false if a text is not valid UTF-8. Nothing at all for an
// update that touches no column of the hub's.
bool Sealer::append_values(const Writer& writer, const Row& present, const Pending& pending, Net net) {
  const HubTable& hub = *writer.table().hub;
  std::string values;
  std::string columns;
  bool valid = true;
  std::size_t sent = 0;
  for (std::size_t i = 0; i < sent_places_.size(); ++i) {
    const std::size_t place = sent_places_[i];
    const Value& value = present[place];
    if (net == Net::kUpdate && !is_changed(pending.columns[place], value)) continue;
    if (net == Net::kInsert && value.is_null()) {
      // Left out, so that the hub fills it by its default.
      const HubColumn* const column = hub.find(writer.local().columns[place].name);
      if (column->generated_default || (column->not_null && column->has_default)) continue;
    }
    if (sent++ > 0) {
      values += ',';
      columns += ',';
    }
    const bool is_sum = net == Net::kUpdate && writer.table().policies[place].rule == Rule::kSum;
    const auto sum = is_sum ? difference_of(writer.kind(place), pending.columns[place], value) : std::nullopt;
    if (sum) {
      values += R"({"add":)";
      append_json(values, writer.kind(place), sum->view());
      values += '}';
      exact_ = false;
    } else {
      valid = append_json(values, writer.kind(place), value.view()) && valid;
    }
    exact_ = exact_ && is_as_pulled(writer.kind(place), writer.local().columns[place], value.view());
    columns += std::to_string(i);
  }
  if (net == Net::kUpdate && sent == 0) return valid;
  line_ += ",[";
  line_ += values;
  if (sent == sent_places_.size() && net == Net::kInsert) {
    line_ += "],null";
  } else {
    line_ += "],[";
    line_ += columns;
    line_ += ']';
  }
  return valid;
}

void Sealer::move_skipped() const {
  for (const auto& [table, seq] : skipped_) move_held(db_, *table, seq);
}

}  // namespace tidemark::device
