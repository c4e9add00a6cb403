#include "common/table.h"

#include <algorithm>
#include <cctype>

#include "common/error.h"
#include "common/json_text.h"
#include "common/quote.h"
#include "common/wire.h"

namespace tidemark {
namespace {

namespace dom = simdjson::dom;

char lower(char character) {
  return character >= 'A' && character <= 'Z' ? static_cast<char>(character + 32) : character;
}

bool contains_word(std::string_view upper_text, std::string_view word) {
  return upper_text.find(word) != std::string_view::npos;
}

std::string_view declared_type_of(Kind kind) {
  // INT, not INTEGER: a key of that type shall not count up by itself.
  switch (form_of(kind)) {
    case Form::kIntegers: return kind == Kind::kBigint ? "BIGINT" : "INT";
    case Form::kReals: return "";  // REAL would store -0.0 as 0
    case Form::kBooleans: return "BOOLEAN";
    case Form::kBlobs: return "BLOB";
    case Form::kTexts: return "TEXT";
  }
  return "TEXT";
}

std::string blob_sql(std::string_view base64) {
  std::string bytes;
  if (!base64_decode(base64, bytes)) return "";
  std::string hex = "x'";
  for (const char byte : bytes) {
    constexpr char kHex[] = "0123456789abcdef";
    hex += kHex[static_cast<unsigned char>(byte) >> 4];
    hex += kHex[static_cast<unsigned char>(byte) & 15];
  }
  return hex + "'";
}

std::string number_sql(Kind kind, dom::element value) {
  std::string number;
  std::int64_t integer = 0;
  if (value.get(integer) == simdjson::SUCCESS) {
    append_json_integer(number, integer);
  } else {
    append_json_real(number, value.get_double().value());
  }
  // A column without a type would keep a whole number as an integer.
  const bool whole = number.find_first_of(".e") == std::string::npos;
  if (form_of(kind) == Form::kReals && whole) number += ".0";
  return number[0] == '-' ? "(" + number + ")" : number;
}

std::string now_sql(Kind kind) {
  switch (kind) {
    case Kind::kTimestamptz: return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00')";
    case Kind::kTimestamp: return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')";
    case Kind::kDate: return "(date('now'))";
    default: return "";
  }
}

// A default, {"now":true} or a literal in wire form, as SQLite writes it; empty
// where there is none it could evaluate.
std::string default_sql(Kind kind, dom::element value) {
  bool flag = false;
  std::string_view text;
  if (value.get(flag) == simdjson::SUCCESS) return flag ? "1" : "0";
  if (value.is_number()) return number_sql(kind, value);
  if (value.get(text) == simdjson::SUCCESS) return quote_literal(text);
  if (value["blob"].get(text) == simdjson::SUCCESS) return blob_sql(text);
  if (value["real"].get(text) == simdjson::SUCCESS)
    return text == "nan" ? "'NaN'" : text == "inf" ? "(9e999)" : "(-9e999)";
  if (value["now"].get(flag) == simdjson::SUCCESS && flag) return now_sql(kind);
  return "";
}

bool is_set(dom::element options, const char* name) {
  const auto flag = optional_member(options, name);
  return flag && flag->get_bool().value();
}

HubColumn hub_column_from(dom::element entry) {
  const dom::array parts = entry.get_array();
  HubColumn column;
  column.name = parts.at(0).get_string().value();
  const std::string_view kind_name = parts.at(1).get_string();
  const auto kind = kind_named(kind_name);
  if (!kind) {
    throw Error(ErrorCode::kProtocol,
                "the hub describes a column of the unknown kind \"" + std::string(kind_name) + "\"",
                "This device's extension may be older than the hub's: update it.");
  }
  column.kind = *kind;
  if (parts.size() < 3) return column;
  const dom::element options = parts.at(2);
  column.not_null = is_set(options, "not_null");
  column.generated_default = is_set(options, "generated_default");
  column.policy = text_or_empty(options, "policy");
  if (const auto value = optional_member(options, "default")) {
    column.has_default = true;
    column.default_sql = default_sql(column.kind, *value);
  }
  return column;
}

std::vector<HubColumn> hub_columns_from(dom::element entries) {
  std::vector<HubColumn> columns;
  for (const dom::element entry : dom::array(entries)) columns.push_back(hub_column_from(entry));
  return columns;
}

std::vector<std::string> names_from(dom::element entries) {
  std::vector<std::string> names;
  for (const dom::element entry : dom::array(entries)) names.emplace_back(entry.get_string().value());
  return names;
}

void append_names(std::string& sql, const std::vector<std::string>& names) {
  sql += '(';
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) sql += ", ";
    sql += quote_identifier(names[i]);
  }
  sql += ')';
}

}  // namespace

const HubColumn* HubTable::find(std::string_view column) const {
  for (const auto* list : {&key, &columns}) {
    for (const HubColumn& candidate : *list) {
      if (same_name(candidate.name, column)) return &candidate;
    }
  }
  return nullptr;
}

HubTable hub_table_from(std::string_view json) {
  try {
    dom::parser parser;
    const dom::element entry = try_parse(parser, json);
    HubTable table;
    table.description = json;
    table.name = entry["table"].get_string().value();
    const auto keys = optional_member(entry, "keys");
    table.keys = keys ? keys->get_string().value() : "none";
    table.policy = text_or_empty(entry, "policy");
    table.deletes = text_or_empty(entry, "deletes");
    table.key = hub_columns_from(entry["key"]);
    table.columns = hub_columns_from(entry["columns"]);
    if (const auto unique = optional_member(entry, "unique")) {
      for (const dom::element names : dom::array(*unique)) table.unique.push_back(names_from(names));
    }
    if (const auto references = optional_member(entry, "references")) {
      for (const dom::element reference : dom::array(*references)) {
        table.references.push_back({names_from(reference["columns"]),
                                    std::string(reference["table"].get_string().value()), names_from(reference["to"])});
      }
    }
    return table;
  } catch (const simdjson::simdjson_error& error) {
    throw Error(ErrorCode::kProtocol, std::string("the hub's description of a table is malformed: ") + error.what());
  }
}

bool LocalColumn::holds_bytes() const {
  return affinity == Affinity::kBlob && !declared_type.empty() && !same_name(declared_type, "ANY");
}

const HubTable* find_table(const std::vector<HubTable>& tables, std::string_view name) {
  const auto found =
      std::find_if(tables.begin(), tables.end(), [&](const HubTable& table) { return same_name(table.name, name); });
  return found == tables.end() ? nullptr : &*found;
}

Affinity affinity_of(std::string_view declared_type) {
  std::string type;
  for (const char character : declared_type) {
    type += static_cast<char>(std::toupper(static_cast<unsigned char>(character)));
  }
  if (contains_word(type, "INT")) return Affinity::kInteger;
  if (contains_word(type, "CHAR") || contains_word(type, "CLOB") || contains_word(type, "TEXT")) return Affinity::kText;
  if (type.empty() || contains_word(type, "BLOB")) return Affinity::kBlob;
  if (contains_word(type, "REAL") || contains_word(type, "FLOA") || contains_word(type, "DOUB")) return Affinity::kReal;
  return Affinity::kNumeric;
}

std::string default_expression(std::string_view written) {
  if (written.empty()) return "";
  const char first = written.front();
  if (first == '"' || first == '`' || first == '[') {
    const char last = first == '[' ? ']' : first;
    std::string text;
    for (std::size_t i = 1; i + 1 < written.size(); ++i) {
      text += written[i];
      if (written[i] == last) ++i;  // doubled
    }
    return quote_literal(text);
  }
  const auto is_of_name = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '$' || c >= 0x80; };
  const bool is_name =
      !std::isdigit(static_cast<unsigned char>(first)) && std::all_of(written.begin(), written.end(), is_of_name);
  for (const char* word : {"null", "true", "false", "current_time", "current_date", "current_timestamp"}) {
    if (same_name(written, word)) return std::string(written);
  }
  return is_name ? quote_literal(written) : std::string(written);
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

const LocalColumn* LocalTable::find(std::string_view column) const {
  for (const auto* list : {&key, &columns}) {
    for (const LocalColumn& candidate : *list) {
      if (same_name(candidate.name, column)) return &candidate;
    }
  }
  return nullptr;
}

std::optional<std::size_t> LocalTable::place_of(std::string_view column) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (same_name(columns[i].name, column)) return i;
  }
  return std::nullopt;
}

std::string create_table_sql(const HubTable& hub, const std::vector<std::string>& referenced) {
  std::string sql = "create table " + quote_identifier(hub.name) + " (";
  bool first = true;
  const auto append_column = [&](const HubColumn& column, bool key) {
    if (!first) sql += ", ";
    first = false;
    sql += quote_identifier(column.name);
    const std::string_view type = declared_type_of(column.kind);
    if (!type.empty()) sql.append(" ").append(type);
    const bool filled_here = !column.default_sql.empty();
    // A column that only the hub can fill must be allowed to be empty until it has.
    const bool fillable_key = key && hub.key.size() == 1 && form_of(column.kind) == Form::kTexts;
    if (key ? !fillable_key : column.not_null && (filled_here || !column.generated_default)) sql += " not null";
    if (filled_here) sql += " default " + column.default_sql;
  };
  for (const HubColumn& column : hub.key) append_column(column, true);
  for (const HubColumn& column : hub.columns) append_column(column, false);

  std::vector<std::string> key;
  for (const HubColumn& column : hub.key) key.push_back(column.name);
  sql += ", primary key ";
  append_names(sql, key);
  for (const auto& columns : hub.unique) {
    sql += ", unique ";
    append_names(sql, columns);
  }
  for (const HubReference& reference : hub.references) {
    const bool exists =
        reference.table == hub.name || std::any_of(referenced.begin(), referenced.end(),
                                                   [&](const auto& name) { return same_name(name, reference.table); });
    if (!exists) continue;
    sql += ", foreign key ";
    append_names(sql, reference.columns);
    sql += " references " + quote_identifier(reference.table) + " ";
    append_names(sql, reference.to);
  }
  return sql + ")";
}

std::optional<std::string> cannot_hold(const LocalColumn& local, Kind kind) {
  const auto declare = [&](std::string_view type) {
    return "column \"" + local.name + "\" is declared " +
           (local.declared_type.empty() ? "without a type" : local.declared_type) + " here, where the hub's " +
           std::string(name_of(kind)) + " would change its form; declare it " + std::string(type);
  };
  const Affinity affinity = local.affinity;
  const bool numeric = affinity == Affinity::kInteger || affinity == Affinity::kReal || affinity == Affinity::kNumeric;
  switch (form_of(kind)) {
    case Form::kIntegers:
      if (affinity == Affinity::kReal || affinity == Affinity::kText) return declare("INTEGER");
      return std::nullopt;
    case Form::kReals:
      if (affinity != Affinity::kReal && affinity != Affinity::kBlob) return declare("REAL");
      return std::nullopt;
    case Form::kBooleans:
      if (affinity == Affinity::kReal || affinity == Affinity::kText) return declare("BOOLEAN");
      return std::nullopt;
    case Form::kBlobs: return std::nullopt;  // no affinity touches a blob
    case Form::kTexts: break;
  }
  switch (kind) {
    // Their text never looks like a number, so a numeric affinity leaves it alone.
    case Kind::kUuid:
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestamptz:
    case Kind::kInterval:
    case Kind::kArray: return std::nullopt;
    default: break;
  }
  if (numeric) return declare("TEXT");
  return std::nullopt;
}

}  // namespace tidemark
