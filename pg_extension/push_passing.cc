#include "pg_extension/push_passing.h"

#include <algorithm>
#include <map>

#include "common/quote.h"
#include "pg_extension/pushed_rows.h"
#include "pg_extension/spi.h"
#include "pg_extension/table_name.h"

namespace tidemark::pg {
namespace {

// A column in a UNIQUE index that is not the key's.
struct UniqueColumn {
  std::uint16_t place = 0;   // in the layout
  bool nulls_clash = false;  // NULLS NOT DISTINCT
  bool refers = false;       // in a foreign key of the table
  bool is_referred = false;  // in one of another table
};

using UniqueIndexes = std::map<Oid, std::vector<UniqueColumn>>;

// An index over expressions has the columns that it depends on.
UniqueIndexes unique_indexes(const Layout& layout) {
  Spi spi;
  spi.run(
      "select i.indexrelid, a.attname, i.indnullsnotdistinct, "
      "exists (select from pg_catalog.pg_constraint c where c.contype = 'f' and c.conrelid = i.indrelid "
      "and a.attnum = any (c.conkey)), "
      "exists (select from pg_catalog.pg_constraint c where c.contype = 'f' and c.confrelid = i.indrelid "
      "and a.attnum = any (c.confkey)) "
      "from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum > 0 "
      "where i.indrelid = $1 and i.indisunique and not i.indisprimary "
      "and (a.attnum = any (i.indkey[0:i.indnkeyatts - 1]) "
      "or 0 = any (i.indkey) and exists (select from pg_catalog.pg_depend d where d.objid = i.indexrelid "
      "and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = i.indrelid "
      "and d.refobjsubid = a.attnum))",
      {oid_parameter(layout.relation)});
  UniqueIndexes indexes;
  for (std::uint64_t i = 0; i < spi.rows(); ++i) {
    auto& columns = indexes[spi.oid(i, 0)];
    const int place = layout.column_named(spi.text(i, 1).value_or(""));
    if (place < 0) continue;
    columns.push_back({static_cast<std::uint16_t>(place), spi.boolean(i, 2), spi.boolean(i, 3), spi.boolean(i, 4)});
  }
  return indexes;
}

// How many characters a text type holds; 0: any number.
int length_limit(const Column& column) {
  const bool has_one = column.base == VARCHAROID || column.base == BPCHAROID;
  return has_one && column.modifier > 0 ? column.modifier - static_cast<int>(VARHDRSZ) : 0;
}

// a + b: no operator is looked up by the session's search path, where triggers of the
// application find theirs.
std::string binary(const std::string& a, char sign, const std::string& b) {
  return "(" + a + " operator(pg_catalog." + sign + ") " + b + ")";
}

// 10^digits - 1, in units of the last decimal place, counted down or up from the end of the range.
std::string numeric_value(const Column& column, const std::string& number, bool low) {
  const auto signed_value = [low](const std::string& value) { return low ? binary("0", '-', value) : value; };
  if (column.modifier == -1) return signed_value(binary("1e15", '-', number));
  const int modifier = column.modifier - static_cast<int>(VARHDRSZ);
  const int digits = (modifier >> 16) & 0xffff;
  const int scale = ((modifier & 0x7ff) ^ 1024) - 1024;
  const std::string one = "1" + std::string(static_cast<std::size_t>(digits), '0') + "::pg_catalog.numeric";
  const std::string units = binary(binary(one, '-', "1"), '-', binary(number, '%', one));
  return signed_value(binary(units, '*', "1e" + std::to_string(-scale) + "::pg_catalog.numeric"));
}

// An expression that is different in each row of "pushed" by p.change, and in each
// push by `base`; empty if there is none of that kind.
std::string value_of_kind(const Column& column, std::uint32_t base, bool low) {
  const std::string number = binary(std::to_string(base) + "::pg_catalog.int8", '+', "p.change");
  const auto from = [&](const std::string& lowest, const std::string& highest, const std::string& step) {
    return low ? binary(lowest, '+', step) : binary(highest, '-', step);
  };
  const std::string seconds = binary(number, '*', "'1 second'::pg_catalog.interval");
  switch (column.kind) {
    case Kind::kText: {
      const int limit = length_limit(column);
      if (limit == 0 || limit >= 36) return "pg_catalog.gen_random_uuid()::pg_catalog.text";
      return "pg_catalog.right(pg_catalog.to_hex(" + number + "), " + std::to_string(limit) + ")";
    }
    case Kind::kUuid: return "pg_catalog.gen_random_uuid()";
    case Kind::kBytea: return "pg_catalog.uuid_send(pg_catalog.gen_random_uuid())";
    case Kind::kSmallint: return from("-32768", "32767", binary(number, '%', "32768"));
    case Kind::kInteger: return from("-2147483648", "2147483647", number);
    case Kind::kBigint:
    case Kind::kDouble: return from("-4503599627370496", "4503599627370496", number);
    case Kind::kReal: return from("-16777216", "16777216", binary(number, '%', "16777216"));
    case Kind::kNumeric: return numeric_value(column, number, low);
    case Kind::kDate:
      return from("'4713-01-01 BC'::pg_catalog.date", "'5870000-01-01'::pg_catalog.date",
                  binary(number, '%', "1000000") + "::integer");
    case Kind::kTimestamp: return from("'4713-01-02 BC'::timestamp", "'290000-01-01'::timestamp", seconds);
    case Kind::kTimestamptz: return from("'4713-01-02 BC'::timestamptz", "'290000-01-01'::timestamptz", seconds);
    case Kind::kInterval: return from("'-1000000 days'::interval", "'1000000 days'::interval", seconds);
    case Kind::kTime: {
      const int decimals = column.modifier < 0 ? 6 : column.modifier;
      const std::string units = "1" + std::string(static_cast<std::size_t>(decimals), '0');  // in a second
      const std::string offset =
          binary("'1 second'::interval", '*',
                 binary(binary(number, '%', binary("86400", '*', units)) + "::double precision", '/', units));
      return from("'00:00:00'::time", "'24:00:00'::time", offset);
    }
    default: return "";
  }
}

std::string passing_value(const Column& column, const UniqueColumn& unique, Range range, std::uint32_t base) {
  // ON UPDATE CASCADE takes those that refer to the row along, from NULL it does not bring them back.
  const bool may_be_null = !column.not_null && !unique.nulls_clash && !unique.is_referred;
  if (may_be_null && (range == Range::kLow || unique.refers)) return "null";
  if (unique.refers || column.always_identity) return "";
  const std::string value = value_of_kind(column, base, range == Range::kLow);
  if (value.empty()) return "";
  return "(" + value + ")::" + call([&] { return format_type_with_typemod(column.base, column.modifier); });
}

// Builds the statement from what each index lets go of.
class Builder {
 public:
  Builder(const Layout& layout, Range range) : layout_(layout), range_(range) {
    base_ = call([] { return static_cast<std::uint32_t>(pg_prng_uint64_range(&pg_global_prng_state, 1, 1 << 29)); });
  }

  // False if the column cannot let go.
  bool add(const UniqueColumn& unique) {
    if (values_.count(unique.place) > 0) return true;
    std::string value = passing_value(layout_.columns[unique.place], unique, range_, base_);
    if (value.empty()) return false;
    values_.emplace(unique.place, std::move(value));
    return true;
  }

  std::optional<LettingGo> take() {
    if (values_.empty()) return std::nullopt;
    LettingGo result;
    std::string updates;
    for (const auto& [place, value] : values_) {
      updates += (updates.empty() ? "" : ", ") + quote_identifier(layout_.columns[place].name) + " = " + value;
      result.places.push_back(place);
    }
    result.statement = "update " + qualified_name(layout_.relation) + " t set " + updates + " from pushed p where " +
                       same_key_condition(layout_, "t");
    return result;
  }

 private:
  const Layout& layout_;
  Range range_;
  std::uint32_t base_ = 0;
  std::map<std::uint16_t, std::string> values_;
};

}  // namespace

std::optional<LettingGo> let_go_before_update(const Layout& layout, const ColumnSet& set, Range range) {
  Builder builder(layout, range);
  for (const auto& [index, columns] : unique_indexes(layout)) {
    bool is_written = false;
    bool is_free = false;
    for (const UniqueColumn& unique : columns) {
      if (std::find(set.places.begin(), set.places.end(), unique.place) == set.places.end()) continue;
      is_written = true;
      if (!set.adds_to(unique.place) && builder.add(unique)) is_free = true;  // a sum needs what is there
    }
    if (is_written && !is_free) return std::nullopt;
  }
  return builder.take();
}

// What others refer to would take them along, or be in the way.
std::optional<LettingGo> let_go_before_delete(const Layout& layout, Range range) {
  Builder builder(layout, range);
  for (const auto& [index, columns] : unique_indexes(layout)) {
    for (const UniqueColumn& unique : columns) {
      if (!unique.is_referred) builder.add(unique);
    }
  }
  return builder.take();
}

}  // namespace tidemark::pg
