#include "pg_extension/present_row.h"

#include "common/quote.h"
#include "pg_extension/encode.h"
#include "pg_extension/table_name.h"

namespace tidemark::pg {
PresentRow::PresentRow(const Layout& layout) : root_(layout_of(layout.table.relation)) {
  selected_ = root_->columns;
  sql_ = "select 1";
  for (std::size_t i = 0; i < selected_.size(); ++i) {
    selected_[i].attribute = static_cast<AttrNumber>(i + 2);
    sql_ += ", " + quote_identifier(selected_[i].name);
  }
  sql_ += " from " + qualified_name(root_->relation) + " where ";
  for (std::size_t i = 0; i < root_->key.size(); ++i) {
    if (i > 0) sql_ += " and ";
    sql_ += quote_identifier(root_->key[i].name) + " operator(pg_catalog.=) $" + std::to_string(i + 1);
    key_types_.push_back(root_->key[i].type);
  }
}

bool PresentRow::find(const Datum* key, std::string& text) {
  ActingAs owner(BOOTSTRAP_SUPERUSERID);  // sees every row, whoever writes
  Spi spi;
  const std::uint64_t found = call([&] {
    const int code = SPI_execute_with_args(sql_.c_str(), static_cast<int>(key_types_.size()), key_types_.data(),
                                           const_cast<Datum*>(key), nullptr, false, 1);
    if (code < 0) elog(ERROR, "SPI_execute_with_args: %s", SPI_result_code_string(code));
    return SPI_processed;
  });
  if (found == 0) return false;
  CanonicalOutput canonical;
  call([&] {
    const int count = SPI_tuptable->tupdesc->natts;
    auto* const values = static_cast<Datum*>(palloc(sizeof(Datum) * count));
    auto* const nulls = static_cast<bool*>(palloc(sizeof(bool) * count));
    heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values, nulls);
    append_columns(text, selected_, values, nulls);
  });
  return true;
}

}  // namespace tidemark::pg
