// What a device did to one key, out of what its log says, and what of it the
// hub must be told.
#include "common/fold.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

using Ints = std::vector<std::optional<std::int64_t>>;  // a row of three integers, nullopt for "not logged"

LogEntry insert(std::int64_t at) { return {0, LogOp::kInsert, at, {}, {}}; }

Value integer(std::int64_t value) { return Value(ValueView::of(value)); }

LogEntry update(std::int64_t at, const Ints& old) {
  LogEntry entry{0, LogOp::kUpdate, at, {}, {}};
  for (const auto& value : old) {
    entry.changed.push_back(value.has_value());
    entry.old.push_back(value ? integer(*value) : Value());
  }
  return entry;
}

LogEntry erase(std::int64_t at, const Ints& old) {
  LogEntry entry{0, LogOp::kDelete, at, {}, {}};
  for (const auto& value : old) entry.old.push_back(integer(*value));
  return entry;
}

// An insert of a row that the hub had and has deleted.
LogEntry insert_again(std::int64_t at, const Ints& old) {
  LogEntry entry = insert(at);
  for (const auto& value : old) entry.old.push_back(integer(*value));
  return entry;
}

constexpr auto no = std::nullopt;

struct Case {
  const char* name;
  std::vector<LogEntry> entries;
  std::optional<Ints> present;
  Net net;
  bool base_exists;
  Ints base;        // of the touched columns
  Ints touched_at;  // nullopt: untouched
};

const Case kCases[] = {
    {"an insert", {insert(5)}, Ints{1, 2, 3}, Net::kInsert, false, {}, {5, 5, 5}},
    {"an insert, then updates",
     {insert(5), update(6, {1, no, no}), update(9, {2, no, 3})},
     Ints{4, 2, 7},
     Net::kInsert,
     false,
     {},
     {9, 5, 9}},
    {"a row that is to be there again, then an update: the base is what the hub had",
     {insert_again(5, {1, 2, 3}), update(6, {4, no, no})},
     Ints{7, 2, 3},
     Net::kInsert,
     false,
     {1, 2, 3},
     {6, 5, 5}},
    {"an insert, then a delete", {insert(5), erase(6, {1, 2, 3})}, no, Net::kNothing, false, {}, {6, 6, 6}},
    {"an insert, a delete, an insert",
     {insert(5), erase(6, {1, 2, 3}), insert(7)},
     Ints{1, 2, 3},
     Net::kInsert,
     false,
     {},
     {7, 7, 7}},
    {"an update of one column", {update(5, {no, 2, no})}, Ints{1, 9, 3}, Net::kUpdate, true, {no, 2, no}, {no, 5, no}},
    {"updates of one column: the first old value is the base",
     {update(5, {no, 2, no}), update(6, {no, 8, no})},
     Ints{1, 9, 3},
     Net::kUpdate,
     true,
     {no, 2, no},
     {no, 6, no}},
    {"updates of two columns, each with its time",
     {update(5, {1, no, no}), update(6, {no, no, 3})},
     Ints{7, 2, 8},
     Net::kUpdate,
     true,
     {1, no, 3},
     {5, no, 6}},
    {"an update taken back",
     {update(5, {1, no, no}), update(6, {7, no, no})},
     Ints{1, 2, 3},
     Net::kNothing,
     true,
     {1, no, no},
     {6, no, no}},
    {"an update of no column",
     {update(5, {no, no, no})},
     Ints{1, 2, 3},
     Net::kNothing,
     true,
     {no, no, no},
     {no, no, no}},
    {"a delete", {erase(5, {1, 2, 3})}, no, Net::kDelete, true, {1, 2, 3}, {5, 5, 5}},
    {"an update, then a delete: the base is from before the update",
     {update(5, {1, no, no}), erase(6, {7, 2, 3})},
     no,
     Net::kDelete,
     true,
     {1, 2, 3},
     {6, 6, 6}},
    {"a delete, then an insert of other values",
     {erase(5, {1, 2, 3}), insert(6)},
     Ints{1, 9, 3},
     Net::kUpdate,
     true,
     {1, 2, 3},
     {6, 6, 6}},
    {"a delete, then an insert of the same values",
     {erase(5, {1, 2, 3}), insert(6)},
     Ints{1, 2, 3},
     Net::kNothing,
     true,
     {1, 2, 3},
     {6, 6, 6}},
    {"a delete, an insert, a delete",
     {erase(5, {1, 2, 3}), insert(6), erase(7, {7, 8, 9})},
     no,
     Net::kDelete,
     true,
     {1, 2, 3},
     {7, 7, 7}},
    {"REPLACE of a row that was there: its delete is logged first",
     {erase(5, {1, 2, 3}), insert(5)},
     Ints{4, 2, 3},
     Net::kUpdate,
     true,
     {1, 2, 3},
     {5, 5, 5}},
    {"REPLACE with recursive triggers: two deletes are logged",
     {erase(5, {1, 2, 3}), erase(5, {1, 2, 3}), insert(5)},
     Ints{4, 2, 3},
     Net::kUpdate,
     true,
     {1, 2, 3},
     {5, 5, 5}},
    {"REPLACE of a row made here",
     {insert(4), erase(5, {1, 2, 3}), insert(5)},
     Ints{4, 2, 3},
     Net::kInsert,
     false,
     {},
     {5, 5, 5}},
    {"an INSERT OR IGNORE that did nothing to the row",
     {erase(5, {1, 2, 3})},
     Ints{1, 2, 3},
     Net::kNothing,
     true,
     {1, 2, 3},
     {5, 5, 5}},
    {"an upsert: a delete that did not happen, then the update",
     {erase(5, {1, 2, 3}), update(5, {no, 2, no})},
     Ints{1, 9, 3},
     Net::kUpdate,
     true,
     {1, 2, 3},
     {5, 5, 5}},
    {"a row that was knocked out through a UNIQUE index",
     {erase(5, {1, 2, 3})},
     no,
     Net::kDelete,
     true,
     {1, 2, 3},
     {5, 5, 5}},
    {"a key changed: the old one",
     {update(5, {1, no, no}), erase(5, {1, 2, 3})},
     no,
     Net::kDelete,
     true,
     {1, 2, 3},
     {5, 5, 5}},
    {"a key changed, its triggers in the other order",
     {erase(5, {1, 2, 3}), update(5, {1, no, no})},
     no,
     Net::kDelete,
     true,
     {1, 2, 3},
     {5, 5, 5}},
    {"a key changed: the new one", {insert(5)}, Ints{9, 2, 3}, Net::kInsert, false, {}, {5, 5, 5}},
    {"a key changed and changed back",
     {update(5, {no, no, no}), erase(5, {1, 2, 3}), insert(6)},
     Ints{1, 2, 3},
     Net::kNothing,
     true,
     {1, 2, 3},
     {6, 6, 6}},
    {"two keys swapped: one of them",
     {erase(5, {1, 2, 3}), insert(6)},
     Ints{4, 5, 6},
     Net::kUpdate,
     true,
     {1, 2, 3},
     {6, 6, 6}},
    {"times that go backwards: the latest counts",
     {update(9, {1, no, no}), update(5, {2, no, no})},
     Ints{3, 2, 3},
     Net::kUpdate,
     true,
     {1, no, no},
     {9, no, no}},
    {"a row that was there when tracking began", {insert(0)}, Ints{1, 2, 3}, Net::kInsert, false, {}, {0, 0, 0}},
};

std::optional<Row> row_of(const std::optional<Ints>& values) {
  if (!values) return std::nullopt;
  Row row;
  for (const auto& value : *values) row.push_back(integer(*value));
  return row;
}

TEST(Fold, GivesBaseTimesAndNetOf) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const Pending pending = fold(c.entries, 3);
    EXPECT_EQ(pending.base_exists, c.base_exists);
    EXPECT_EQ(net_of(pending, row_of(c.present)), c.net);
    ASSERT_EQ(pending.columns.size(), 3U);
    std::int64_t last = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const Pending::Column& column = pending.columns[i];
      EXPECT_EQ(column.touched, c.touched_at[i].has_value()) << i;
      if (!column.touched) continue;
      EXPECT_EQ(column.at_ms, *c.touched_at[i]) << i;
      if (!c.base.empty()) {
        EXPECT_EQ(column.base, integer(*c.base[i])) << i;
      }
    }
    for (const LogEntry& entry : c.entries) last = std::max(last, entry.at_ms);
    EXPECT_EQ(pending.at_ms, last);
  }
}

TEST(Fold, OfNothingIsNothing) {
  const Pending pending = fold({}, 2);
  EXPECT_FALSE(pending.base_exists);
  EXPECT_EQ(net_of(pending, std::nullopt), Net::kNothing);
}

TEST(Fold, ATableOfOnlyKeyColumnsHasInsertsAndDeletes) {
  const LogEntry touch{0, LogOp::kUpdate, 5, {}, {}};
  const LogEntry gone{0, LogOp::kDelete, 6, {}, {}};
  EXPECT_EQ(net_of(fold(std::vector{insert(5)}, 0), Row{}), Net::kInsert);
  EXPECT_EQ(net_of(fold(std::vector{touch}, 0), Row{}), Net::kNothing);
  EXPECT_EQ(net_of(fold(std::vector{touch, gone}, 0), std::nullopt), Net::kDelete);
  EXPECT_EQ(net_of(fold(std::vector{gone, insert(7)}, 0), Row{}), Net::kNothing);
}

TEST(Fold, AValueOfAnotherTypeIsAChange) {
  LogEntry entry = update(5, {1, no, no});
  const Pending pending = fold(std::vector{entry}, 3);
  Row present = *row_of(Ints{1, 2, 3});
  EXPECT_EQ(net_of(pending, present), Net::kNothing);
  for (const ValueView& other : {ValueView::of(1.0), ValueView::text("1"), ValueView::blob("1"), ValueView::null()}) {
    present[0] = Value(other);
    EXPECT_EQ(net_of(pending, present), Net::kUpdate);
    EXPECT_TRUE(is_changed(pending.columns[0], present[0]));
    EXPECT_FALSE(is_changed(pending.columns[1], present[0]));
  }
}

}  // namespace
}  // namespace tidemark
