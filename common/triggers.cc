#include "common/triggers.h"

#include "common/quote.h"

namespace tidemark {

const char* const kNowMs = "cast((julianday('now') - 2440587.5) * 86400000.0 as integer)";

namespace {

std::string number(std::size_t value) { return std::to_string(value); }

// k0, k1 …, c0, c1 …: the names of a log's value columns.
std::string value_columns(const LocalTable& table) {
  std::string sql;
  for (std::size_t i = 0; i < table.key.size(); ++i) sql += ", k" + number(i);
  for (std::size_t i = 0; i < table.columns.size(); ++i) sql += ", c" + number(i);
  return sql;
}

// "OLD"."a", "OLD"."b" … of the whole row; without a row, the plain names.
std::string whole_row(const LocalTable& table, const std::string& row) {
  std::string sql;
  const std::string prefix = row.empty() ? "" : row + ".";
  for (const LocalColumn& column : table.key) sql += ", " + prefix + quote_identifier(column.name);
  for (const LocalColumn& column : table.columns) sql += ", " + prefix + quote_identifier(column.name);
  return sql;
}

std::string log_old_row(const LocalTable& table, LogOp op) {
  return "  insert into " + log_name(table) + "(op, at" + value_columns(table) + ")\n    values (" +
         number(static_cast<std::size_t>(op)) + ", " + kNowMs + whole_row(table, "OLD") + ");\n";
}

std::string log_key(const LocalTable& table, LogOp op, const char* row) {
  std::string sql = "  insert into " + log_name(table) + "(op, at";
  for (std::size_t i = 0; i < table.key.size(); ++i) sql += ", k" + number(i);
  sql += ")\n    values (" + number(static_cast<std::size_t>(op)) + ", " + kNowMs;
  for (const LocalColumn& column : table.key) sql += std::string(", ") + row + "." + quote_identifier(column.name);
  return sql + ");\n";
}

// True unless it is the exact same value: collations and affinities put aside.
std::string differs(const LocalColumn& column) {
  const std::string name = quote_identifier(column.name);
  const std::string before = "OLD." + name;
  const std::string after = "NEW." + name;
  const std::string types_differ = "typeof(" + before + ") <> typeof(" + after + ")";
  const std::string sql = before + (column.binary_collation ? "" : " collate binary") + " is not " + after;
  switch (column.affinity) {
    // To SQL, 1 is 1.0 and 0.0 is -0.0.
    case Affinity::kBlob: return "(" + sql + " or " + types_differ + " or " + after + " is 0.0)";
    // The one whole number that may be stored as a double beside the integer.
    case Affinity::kInteger:
    case Affinity::kNumeric: return "(" + sql + " or " + after + " = -9223372036854775808 and " + types_differ + ")";
    case Affinity::kText:
    case Affinity::kReal: break;
  }
  return "(" + sql + ")";
}

std::string key_differs(const LocalTable& table) {
  std::string sql;
  for (const LocalColumn& column : table.key) sql += (sql.empty() ? "" : " or ") + differs(column);
  return sql;
}

// The old values of the columns that change. NULL says "not changed", but for
// the columns whose bit is set.
std::string log_update(const LocalTable& table) {
  const std::size_t masks = mask_count(table.columns.size());
  std::string names = "op, at";
  std::string values = std::string("2, ") + kNowMs;
  for (std::size_t m = 0; m < masks; ++m) {
    names += ", m" + number(m);
    std::string mask;
    for (std::size_t i = m * kMaskBits; i < table.columns.size() && i < (m + 1) * kMaskBits; ++i) {
      if (table.columns[i].not_null) continue;
      const std::size_t bit = i % kMaskBits;
      const std::string name = quote_identifier(table.columns[i].name);
      const std::string flag = "(OLD." + name + " is null and NEW." + name + " is not null)";
      mask += (mask.empty() ? "" : " | ") + (bit == 0 ? flag : "(" + flag + " << " + number(bit) + ")");
    }
    values += ",\n      " + (mask.empty() ? "0" : mask);
  }
  names += value_columns(table);
  for (const LocalColumn& column : table.key) values += ", OLD." + quote_identifier(column.name);
  for (const LocalColumn& column : table.columns) {
    values += ",\n      case when " + differs(column) + " then OLD." + quote_identifier(column.name) + " end";
  }
  return "  insert into " + log_name(table) + "(" + names + ")\n    values (" + values + ");\n";
}

// Logs the rows for which `condition` holds and which would be deleted, without
// a trigger, by a REPLACE. The alias is no name that a table could have in its way.
std::string log_holders(const LocalTable& table, const std::string& condition) {
  std::string row;
  for (const auto* list : {&table.key, &table.columns}) {
    for (const LocalColumn& column : *list) row += ", tidemark_row." + quote_identifier(column.name);
  }
  return "  insert into " + log_name(table) + "(op, at" + value_columns(table) + ")\n    select 4, " + kNowMs + row +
         "\n    from " + quote_identifier(table.name) + " as tidemark_row where " + condition + ";\n";
}

// What the new row will have in a column: a NULL that may not be one becomes the
// default under REPLACE.
std::string new_value(const LocalTable& table, const std::string& name) {
  const std::string value = "NEW." + quote_identifier(name);
  const LocalColumn* const column = table.find(name);
  const bool defaulted = column && column->not_null && !column->default_sql.empty();
  return defaulted ? "ifnull(" + value + ", (" + column->default_sql + "))" : value;
}

// That a row has the new row's values in these columns, as the index compares them.
std::string holds(const LocalTable& table, const std::vector<std::string>& columns,
                  const std::vector<std::string>& collations) {
  std::string sql;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    sql += (i == 0 ? "" : " and ") + ("tidemark_row." + quote_identifier(columns[i])) + " = " +
           new_value(table, columns[i]);
    if (i < collations.size() && !same_name(collations[i], "BINARY"))
      sql += " collate " + quote_identifier(collations[i]);
  }
  return sql;
}

std::vector<std::string> key_names(const LocalTable& table) {
  std::vector<std::string> names;
  for (const LocalColumn& column : table.key) names.push_back(column.name);
  return names;
}

// A version 7 UUID (RFC 9562) in plain SQL, as text or as 16 bytes.
std::string uuid_sql(bool blob) {
  const std::string ms = kNowMs;
  if (!blob) {
    return "printf('%08x-%04x-7%03x-%04x-%012x', " + ms + " >> 16, " + ms +
           " & 65535, random() & 4095, 32768 | (random() & 16383), random() & 281474976710655)";
  }
  // SQLite 3.40 has no unhex(): each byte is cut out of a string of all bytes.
  std::string all_bytes;
  for (int byte = 0; byte < 256; ++byte) {
    constexpr char kHex[] = "0123456789abcdef";
    all_bytes += kHex[byte >> 4];
    all_bytes += kHex[byte & 15];
  }
  std::string bytes;
  for (int shift = 40; shift >= 0; shift -= 8) {
    bytes += "substr(bytes, 1 + ((" + ms + " >> " + std::to_string(shift) + ") & 255), 1) || ";
  }
  bytes +=
      "substr(bytes, 113 + (random() & 15), 1) || randomblob(1) || substr(bytes, 129 + (random() & 63), 1) || "
      "randomblob(7)";
  return "(select cast(" + bytes + " as blob) from (select x'" + all_bytes + "' as bytes))";
}

}  // namespace

std::string log_name(const LocalTable& table) { return "tidemark_log_" + std::to_string(table.number); }

std::string create_log_sql(const LocalTable& table) {
  std::string sql = "create table " + log_name(table) + " (seq integer primary key, op, at";
  for (std::size_t m = 0; m < mask_count(table.columns.size()); ++m) sql += ", m" + number(m);
  return sql + value_columns(table) + ")";
}

std::string create_trigger_sql(const Trigger& trigger) {
  constexpr std::string_view kVerb = "CREATE TRIGGER ";
  return std::string(kVerb) + "main." + trigger.sql.substr(kVerb.size());
}

std::vector<Trigger> triggers_of(const LocalTable& table) {
  const std::string on = " on " + quote_identifier(table.name);
  std::vector<Trigger> triggers;
  const auto add = [&](const std::string& verb, const std::string& when, const std::string& condition,
                       const std::string& body) {
    const std::string name = "tidemark_" + verb + "_" + std::to_string(table.number);
    triggers.push_back({name, "CREATE TRIGGER " + name + " " + when + on + condition + " begin\n" + body + "end"});
  };
  const bool has_rowid = !table.without_rowid && !table.rowid_alias && !table.rowid_name.empty();

  // The row itself, after those that it may replace: what was there comes first.
  std::string replaced = log_holders(table, holds(table, key_names(table), table.key_collations));
  for (const UniqueSet& unique : table.unique)
    replaced += log_holders(table, holds(table, unique.columns, unique.collations));
  if (has_rowid) {  // -1: not given
    replaced += log_holders(table, "tidemark_row." + table.rowid_name + " = NEW." + table.rowid_name + " and NEW." +
                                       table.rowid_name + " <> -1");
  }
  add("insert", "before insert", "", replaced + log_key(table, LogOp::kInsert, "NEW"));
  add("delete", "before delete", "", log_old_row(table, LogOp::kDelete));

  std::string other_row = " and not (";
  std::string of_key;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const std::string name = quote_identifier(table.key[i].name);
    other_row += (i == 0 ? "" : " and ") + ("tidemark_row." + name) + " is OLD." + name;
    of_key += (i == 0 ? " of " : ", ") + name;
  }
  other_row += ")";
  // A rowid alias can also be set under the names of the rowid.
  if (table.rowid_alias) of_key.clear();
  const std::string rekeyed = " when " + key_differs(table);
  add("rekey", "before update" + of_key, rekeyed,
      log_old_row(table, LogOp::kMayGo) +
          log_holders(table, holds(table, key_names(table), table.key_collations) + other_row) +
          log_key(table, LogOp::kInsert, "NEW"));
  add("rekeyed", "after update" + of_key, rekeyed, log_key(table, LogOp::kRekeyed, "OLD"));

  std::string displaced;
  std::string of_unique;
  bool of_any = table.rowid_alias;
  for (const UniqueSet& unique : table.unique) {
    displaced += log_holders(table, holds(table, unique.columns, unique.collations) + other_row);
    for (const std::string& name : unique.columns) {
      of_unique += (of_unique.empty() ? " of " : ", ") + quote_identifier(name);
      of_any |= table.find(name) == nullptr;  // generated: it changes with the columns it is made from
    }
    of_any |= unique.partial;
  }
  if (!displaced.empty()) add("displace", "before update" + (of_any ? "" : of_unique), "", displaced);

  if (has_rowid) {
    add("move", "before update of rowid, _rowid_, oid", "",
        log_holders(table, "tidemark_row." + table.rowid_name + " = NEW." + table.rowid_name + " and NEW." +
                               table.rowid_name + " <> OLD." + table.rowid_name));
  }

  // SQLite runs the newest trigger first: what changes comes before where the row goes.
  add("update", "before update", "", log_update(table));

  const LocalColumn& first_key = table.key[0];
  const bool fills_key = table.key.size() == 1 && has_rowid && !first_key.not_null &&
                         (first_key.affinity == Affinity::kText || same_name(first_key.declared_type, "blob"));
  if (fills_key) {
    const std::string key = quote_identifier(first_key.name);
    add("fill", "after insert", " when NEW." + key + " is null",
        "  update " + quote_identifier(table.name) + " set " + key + " = " +
            uuid_sql(first_key.affinity == Affinity::kBlob) + " where " + table.rowid_name + " = NEW." +
            table.rowid_name + ";\n");
  }
  // Keys that are known only after the insert: a counter's, or a default in a NULL's place.
  bool made_later = table.rowid_alias;
  for (const LocalColumn& column : table.key) made_later |= column.not_null && !column.default_sql.empty();
  if (made_later) add("inserted", "after insert", "", log_key(table, LogOp::kInsert, "NEW"));
  return triggers;
}

}  // namespace tidemark
