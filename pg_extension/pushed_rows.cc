#include "pg_extension/pushed_rows.h"

#include "common/quote.h"
#include "pg_extension/encode.h"

namespace tidemark::pg {
namespace {

const Column& value_column(const PushedTable& table, const ColumnSet& columns, int number) {
  const std::uint16_t place = columns.places[number];
  return columns.adds_to(place) ? table.sums[place] : table.layout->columns[place];
}

}  // namespace

PushedRows::PushedRows(PushBody& body, std::span<const std::uint32_t> changes, bool with_values) {
  auto& all = body.changes();
  const PushedTable& table = body.tables()[all[changes[0]].table];
  const Layout& layout = *table.layout;
  const auto* const columns = with_values ? &table.column_sets[all[changes[0]].column_set] : nullptr;
  const int key_count = static_cast<int>(layout.key.size());
  const int count = key_count + (columns == nullptr ? 0 : static_cast<int>(columns->places.size()));
  call([&] {
    const TupleDesc descriptor = CreateTemplateTupleDesc(count + 1);
    for (int i = 0; i < count; ++i) {
      const bool in_key = i < key_count;
      const Column& column = in_key ? layout.key[i] : value_column(table, *columns, i - key_count);
      const char* const name = in_key ? psprintf("k%d", i + 1) : psprintf("v%d", i - key_count + 1);
      TupleDescInitEntry(descriptor, static_cast<AttrNumber>(i + 1), name, column.type, column.modifier, 0);
    }
    TupleDescInitEntry(descriptor, static_cast<AttrNumber>(count + 1), "change", INT4OID, -1, 0);

    store_ = tuplestore_begin_heap(false, false, work_mem);
    auto* const values = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
    auto* const nulls = static_cast<bool*>(palloc(sizeof(bool) * (count + 1)));
    for (const std::uint32_t place : changes) {
      std::copy_n(all[place].values, count, values);
      std::copy_n(all[place].nulls, count, nulls);
      values[count] = Int32GetDatum(static_cast<std::int32_t>(place));
      nulls[count] = false;
      tuplestore_putvalues(store_, descriptor, values, nulls);
    }
    relation_ = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
    relation_->md.name = pstrdup("pushed");
    relation_->md.tupdesc = descriptor;
    relation_->md.enrtype = ENR_NAMED_TUPLESTORE;
    // Fewer than there are: rows that follow each other in a push are often near each other,
    // and a look in the index for each is better than the whole table for each part of a push.
    relation_->md.enrtuples = static_cast<double>(changes.size()) / 10;
    relation_->reldata = store_;
  });
}

PushedRows::~PushedRows() {
  if (std::uncaught_exceptions() == on_entry_) tuplestore_end(store_);
}

void PushedRows::register_in(Spi&) {
  call([&] {
    const int code = SPI_register_relation(relation_);
    if (code < 0) elog(ERROR, "SPI_register_relation: %s", SPI_result_code_string(code));
  });
}

std::string same_key_condition(const Layout& layout, const std::string& alias) {
  std::string condition;
  for (std::size_t i = 0; i < layout.key.size(); ++i) {
    if (i > 0) condition += " and ";
    condition +=
        alias + "." + quote_identifier(layout.key[i].name) + " operator(pg_catalog.=) p.k" + std::to_string(i + 1);
  }
  return condition;
}

std::string key_list(const Layout& layout, const std::string& alias) {
  std::string list;
  for (const Column& column : layout.key) list += ", " + alias + "." + quote_identifier(column.name);
  return list;
}

std::string key_in_row(const Spi& spi, std::uint64_t row, int column, const Layout& layout) {
  std::string key = "[";
  for (const Column& part : layout.key) {
    if (key.size() > 1) key += ',';
    call([&] {
      bool is_null = false;
      const Datum value = spi.datum(row, column, &is_null);
      append_value(key, part, value, is_null);
    });
    ++column;
  }
  return key + "]";
}

}  // namespace tidemark::pg
