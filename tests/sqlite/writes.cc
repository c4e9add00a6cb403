#include "tests/sqlite/writes.h"

#include <algorithm>

#include "tests/sqlite/oracle.h"

namespace tidemark::test {
namespace {

using Literals = std::vector<std::string>;

std::string joined(const Literals& parts, const char* between = ", ") {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

// Writes statements for one shape. Rows are given by number.
class Writing {
 public:
  explicit Writing(const Shape& shape) : shape_(shape), columns_(shape.written()), table_(quoted(shape.table)) {}

  std::string insert(const std::string& verb, const std::vector<Literals>& rows, const std::string& tail = "") const {
    Literals tuples;
    for (const Literals& row : rows) tuples.push_back("(" + joined(row) + ")");
    return verb + " into " + table_ + " (" + names() + ") values " + joined(tuples) + tail;
  }
  std::string insert_select(const std::vector<std::size_t>& rows) const {
    Literals selects;
    for (const std::size_t i : rows) selects.push_back("select " + joined(shape_.row(i)));
    return "insert into " + table_ + " (" + names() + ") " + joined(selects, " union all ");
  }
  std::string erase(std::size_t i) const { return "delete from " + table_ + where(i); }
  std::string erase_all() const { return "delete from " + table_; }

  // Sets the columns for which `choose` says so to the values of row `from`.
  template <class Choose>
  std::string update(const std::string& verb, std::size_t from, const std::string& where, const Choose& choose) const {
    Literals sets;
    const Literals values = shape_.row(from);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (choose(columns_[i])) sets.push_back(quoted(columns_[i].name) + " = " + values[i]);
    }
    return sets.empty() ? touch(where) : verb + " " + table_ + " set " + joined(sets) + where;
  }
  std::string update_values(std::size_t from, const std::string& where) const {
    return update("update", from, where, [](const Column& column) { return !column.key; });
  }
  std::string update_key(const std::string& verb, std::size_t from, const std::string& where) const {
    return update(verb, from, where, [](const Column& column) { return column.key; });
  }
  // Sets every column to what it is.
  std::string touch(const std::string& where) const {
    Literals sets;
    for (const Column& column : columns_) sets.push_back(quoted(column.name) + " = " + quoted(column.name));
    return "update " + table_ + " set " + joined(sets) + where;
  }
  std::string where(std::size_t i) const {
    Literals tests;
    const Literals values = shape_.row(i);
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (columns_[c].key) tests.push_back(quoted(columns_[c].name) + " = " + values[c]);
    }
    return " where " + joined(tests, " and ");
  }
  // A name of the rowid; empty where the table has none, or columns have taken all three.
  std::string rowid() const {
    if (shape_.options.find("without rowid") != std::string::npos) return "";
    for (const char* name : {"rowid", "_rowid_", "oid"}) {
      const auto has_name = [&](const Column& column) { return column.name == name; };
      if (std::none_of(shape_.columns.begin(), shape_.columns.end(), has_name)) return name;
    }
    return "";
  }
  // The key of one row and the other values of another.
  Literals row_of(std::size_t key, std::size_t values) const {
    Literals row = shape_.row(values);
    const Literals other = shape_.row(key);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (columns_[i].key) row[i] = other[i];
    }
    return row;
  }
  // As that, but the columns of the unique sets are those of a third row.
  Literals row_of(std::size_t key, std::size_t values, std::size_t unique) const {
    Literals row = row_of(key, values);
    const Literals other = shape_.row(unique);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!columns_[i].key && is_unique(columns_[i])) row[i] = other[i];
    }
    return row;
  }
  bool is_unique(const Column& column) const {
    for (const auto& set : shape_.unique) {
      for (const std::string& name : set) {
        if (name == column.name) return true;
      }
    }
    return false;
  }
  std::string on_conflict(const std::string& action) const {
    Literals keys;
    for (const Column& column : columns_) {
      if (column.key) keys.push_back(quoted(column.name));
    }
    return " on conflict (" + joined(keys) + ") " + action;
  }
  std::string do_update() const {
    Literals sets;
    for (const Column& column : columns_) {
      if (!column.key) sets.push_back(quoted(column.name) + " = excluded." + quoted(column.name));
    }
    return sets.empty() ? "do nothing" : "do update set " + joined(sets);
  }
  std::string names() const {
    Literals list;
    for (const Column& column : columns_) list.push_back(quoted(column.name));
    return joined(list);
  }
  const std::vector<Column>& columns() const { return columns_; }
  const std::string& table() const { return table_; }

 private:
  const Shape& shape_;
  std::vector<Column> columns_;
  std::string table_;
};

void add_inserts(const Shape& shape, const Writing& w, std::vector<Write>& all) {
  all.push_back({"insert", {w.insert("insert", {shape.row(5)})}});
  all.push_back({"multi-row insert", {w.insert("insert", {shape.row(5), shape.row(6), shape.row(7)})}});
  all.push_back({"insert select", {w.insert_select({5, 6})}});
  all.push_back(
      {"insert from the table itself",
       {"insert or replace into " + w.table() + " (" + w.names() + ") select " + w.names() + " from " + w.table()}});
  all.push_back({"insert returning", {w.insert("insert", {shape.row(5)}, " returning *")}});
  for (const char* verb : {"insert", "insert or replace", "insert or ignore", "insert or fail", "insert or abort",
                           "insert or rollback", "replace"}) {
    const std::string name = verb;
    all.push_back({name + ": the key is taken", {w.insert(verb, {w.row_of(0, 5)})}});
    all.push_back({name + ": the same row again", {w.insert(verb, {shape.row(0)})}});
    all.push_back({name + ": the unique values are taken", {w.insert(verb, {w.row_of(5, 5, 1)})}});
    all.push_back({name + ": key and unique values of two rows", {w.insert(verb, {w.row_of(0, 5, 1)})}});
    all.push_back({name + ": the second of three fails or replaces",
                   {w.insert(verb, {shape.row(5), w.row_of(1, 6, 2), shape.row(7)})}});
    all.push_back({name + " twice in a transaction",
                   {"begin", w.insert(verb, {w.row_of(0, 5, 1)}), w.insert(verb, {w.row_of(2, 6, 0)}), "commit"}});
  }
}

void add_updates(const Shape& shape, const Writing& w, std::vector<Write>& all) {
  all.push_back({"update", {w.update_values(6, w.where(0))}});
  all.push_back({"update of nothing", {w.touch(w.where(0))}});
  all.push_back({"update of all rows to what they are", {w.touch("")}});
  all.push_back({"update and back", {w.update_values(6, w.where(0)), w.update_values(0, w.where(0))}});
  all.push_back({"two updates", {w.update_values(6, w.where(0)), w.update_values(7, w.where(0))}});
  all.push_back({"update returning", {w.update_values(6, w.where(0)) + " returning *"}});
  all.push_back({"update from",
                 {"update " + w.table() + " set " + quoted(w.columns().back().name) + " = x.v from (select " +
                  shape.row(6).back() + " as v) as x"}});
  for (const char* verb :
       {"update", "update or replace", "update or ignore", "update or fail", "update or abort", "update or rollback"}) {
    const std::string name = verb;
    const auto unique = [&](const Column& column) { return !column.key && w.is_unique(column); };
    all.push_back({name + " of the unique columns to taken values", {w.update(verb, 1, w.where(0), unique)}});
    all.push_back({name + " of the unique columns of all rows to one value", {w.update(verb, 1, "", unique)}});
    all.push_back({name + " of the key to a new one", {w.update_key(verb, 5, w.where(0))}});
    all.push_back({name + " of the key to a taken one", {w.update_key(verb, 1, w.where(0))}});
    all.push_back(
        {name + " of everything to a taken key", {w.update(verb, 1, w.where(0), [](const Column&) { return true; })}});
    const std::string rowid = w.rowid();
    if (rowid.empty()) continue;
    all.push_back({name + " of the rowid to a taken one",
                   {name + " " + w.table() + " set " + rowid + " = (select max(" + rowid + ") from " + w.table() + ")" +
                    w.where(0)}});
  }
  all.push_back({"key there and back", {w.update_key("update", 5, w.where(0)), w.update_key("update", 0, w.where(5))}});
  all.push_back({"two keys swapped",
                 {"begin", w.update_key("update", 7, w.where(0)), w.update_key("update", 0, w.where(1)),
                  w.update_key("update", 1, w.where(7)), "commit"}});
  all.push_back({"key changed, old key used again",
                 {w.update_key("update", 5, w.where(0)), w.insert("insert", {w.row_of(0, 6)})}});
  for (std::size_t i = 0; i < w.columns().size() && i < 8; ++i) {
    const std::string& name = w.columns()[i].name;
    if (!w.columns()[i].key)
      all.push_back({"update of column " + name,
                     {w.update("update", 6, w.where(0), [&](const Column& column) { return column.name == name; })}});
  }
}

void add_upserts(const Shape& shape, const Writing& w, std::vector<Write>& all) {
  all.push_back({"upsert of a taken key", {w.insert("insert", {w.row_of(0, 6)}, w.on_conflict(w.do_update()))}});
  all.push_back({"upsert of a new key", {w.insert("insert", {shape.row(5)}, w.on_conflict(w.do_update()))}});
  all.push_back({"upsert of several",
                 {w.insert("insert", {w.row_of(0, 6), shape.row(5), w.row_of(0, 7)}, w.on_conflict(w.do_update()))}});
  all.push_back({"upsert, do nothing", {w.insert("insert", {w.row_of(0, 6)}, w.on_conflict("do nothing"))}});
  all.push_back(
      {"upsert, do nothing about anything", {w.insert("insert", {w.row_of(5, 6, 1)}, " on conflict do nothing")}});
  all.push_back({"upsert that meets another row's unique values",
                 {w.insert("insert or replace", {w.row_of(0, 6, 1)}, w.on_conflict(w.do_update()))}});
  all.push_back(
      {"upsert returning", {w.insert("insert", {w.row_of(0, 6)}, w.on_conflict(w.do_update()) + " returning *")}});
}

void add_deletes(const Shape& shape, const Writing& w, std::vector<Write>& all) {
  all.push_back({"delete", {w.erase(0)}});
  all.push_back({"delete of all", {w.erase_all()}});
  all.push_back({"delete returning", {w.erase(0) + " returning *"}});
  all.push_back({"delete, then the same row again", {w.erase(0), w.insert("insert", {shape.row(0)})}});
  all.push_back({"delete, then the same key with other values", {w.erase(0), w.insert("insert", {w.row_of(0, 6)})}});
  all.push_back({"insert, then delete", {w.insert("insert", {shape.row(5)}), w.erase(5)}});
  all.push_back({"insert, update, delete, insert",
                 {w.insert("insert", {shape.row(5)}), w.update_values(6, w.where(5)), w.erase(5),
                  w.insert("insert", {w.row_of(5, 7)})}});
  all.push_back({"update, then delete", {w.update_values(6, w.where(0)), w.erase(0)}});
  all.push_back(
      {"delete twice with an insert between", {w.erase(0), w.insert("insert", {w.row_of(0, 6)}), w.erase(0)}});
}

void add_transactions(const Shape& shape, const Writing& w, std::vector<Write>& all) {
  all.push_back({"a transaction rolled back", {"begin", w.insert("insert", {shape.row(5)}), w.erase(0), "rollback"}});
  all.push_back({"a savepoint rolled back",
                 {"begin", w.insert("insert", {shape.row(5)}), "savepoint s", w.erase(0),
                  w.update_key("update", 6, w.where(1)), "rollback to s", w.erase(2), "commit"}});
  all.push_back({"a savepoint released",
                 {"savepoint s", w.erase(0), "savepoint inner", w.insert("insert", {w.row_of(0, 6)}), "release inner",
                  "release s"}});
}

}  // namespace

std::string insert_sql(const Shape& shape, const std::vector<std::size_t>& rows) {
  std::vector<Literals> list;
  for (const std::size_t i : rows) list.push_back(shape.row(i));
  return Writing(shape).insert("insert", list);
}

std::vector<Write> writes(const Shape& shape) {
  const Writing w(shape);
  std::vector<Write> all;
  add_inserts(shape, w, all);
  add_updates(shape, w, all);
  add_upserts(shape, w, all);
  add_deletes(shape, w, all);
  add_transactions(shape, w, all);
  return all;
}

std::string random_statement(const Shape& shape, std::mt19937_64& random) {
  const Writing w(shape);
  const auto any = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
  const auto pick = [&](std::initializer_list<const char*> list) {
    return std::string(*(list.begin() + any(list.size())));
  };
  const auto random_row = [&] {
    Literals row;
    for (const Column& column : w.columns()) row.push_back(column.values[any(column.values.size())]);
    return row;
  };
  const auto where = [&] { return any(5) == 0 ? std::string() : w.where(any(kRows)); };
  const std::string verb = pick({"", "", " or replace", " or replace", " or ignore", " or fail", " or abort"});
  switch (any(10)) {
    case 0:
    case 1:
    case 2: {
      std::vector<Literals> rows(1 + any(3));
      for (Literals& row : rows) row = any(3) == 0 ? random_row() : w.row_of(any(kRows), any(12), any(kRows));
      return w.insert("insert" + verb, rows);
    }
    case 3:
      return w.insert("insert", {w.row_of(any(kRows), any(12), any(kRows))},
                      w.on_conflict(any(3) ? w.do_update() : "do nothing"));
    case 4: return w.update_key("update" + verb, any(kRows), w.where(any(kRows)));
    case 5:
    case 6:
    case 7:
      return w.update("update" + verb, any(12), where(),
                      [&](const Column& column) { return !column.key && any(3) != 0; });
    case 8: return any(12) == 0 ? w.erase_all() : w.erase(any(kRows));
    default:
      return w.update("update" + verb, any(12), where(),
                      [&](const Column& column) { return column.key ? any(4) == 0 : any(2) == 0; });
  }
}

}  // namespace tidemark::test
