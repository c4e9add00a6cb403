#include "pg_extension/spi.h"

#include <algorithm>
#include <vector>

namespace tidemark::pg {

Parameter text_parameter(const std::string& value) { return {TEXTOID, text_datum(value)}; }

Spi::Spi() {
  call([] { SPI_connect(); });
}

Spi::~Spi() {
  if (std::uncaught_exceptions() == on_entry_) SPI_finish();
}

std::uint64_t Spi::run(const std::string& sql, std::initializer_list<Parameter> parameters,
                       Access access) {
  std::vector<Oid> types;
  std::vector<Datum> values;
  std::string nulls;
  for (const Parameter& parameter : parameters) {
    types.push_back(parameter.type);
    values.push_back(parameter.value);
    nulls += parameter.is_null ? 'n' : ' ';
  }
  rows_ = call([&] {
    if (table_ != nullptr) SPI_freetuptable(table_);
    table_ = nullptr;
    const int code =
        SPI_execute_with_args(sql.c_str(), static_cast<int>(types.size()), types.data(),
                              values.data(), nulls.c_str(), access == Access::kReads, 0);
    if (code < 0) elog(ERROR, "SPI_execute_with_args: %s", SPI_result_code_string(code));
    return SPI_processed;
  });
  table_ = SPI_tuptable;
  return rows_;
}

std::optional<std::string> Spi::text(std::uint64_t row, int column) const {
  const char* const value =
      call([&] { return SPI_getvalue(table_->vals[row], table_->tupdesc, column + 1); });
  if (value == nullptr) return std::nullopt;
  return value;
}

std::int64_t Spi::integer(std::uint64_t row, int column) const {
  bool is_null = false;
  const Datum value = call([&] { return datum(row, column, &is_null); });
  return is_null ? 0 : DatumGetInt64(value);
}

Oid Spi::oid(std::uint64_t row, int column) const {
  bool is_null = false;
  const Datum value = call([&] { return datum(row, column, &is_null); });
  return is_null ? InvalidOid : DatumGetObjectId(value);
}

std::string Spi::bytes(std::uint64_t row, int column) const {
  bool is_null = false;
  const bytea* const value = call([&]() -> const bytea* {
    const Datum found = datum(row, column, &is_null);
    return is_null ? nullptr : DatumGetByteaPP(found);
  });
  return value == nullptr ? std::string()
                          : std::string(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

bool Spi::boolean(std::uint64_t row, int column) const {
  bool is_null = false;
  const Datum value = call([&] { return datum(row, column, &is_null); });
  return !is_null && DatumGetBool(value);
}

Datum Spi::datum(std::uint64_t row, int column, bool* is_null) const {
  return SPI_getbinval(table_->vals[row], table_->tupdesc, column + 1, is_null);
}

ActingAs::ActingAs(Oid user) {
  GetUserIdAndSecContext(&user_, &context_);
  SetUserIdAndSecContext(user, context_ | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
}

ActingAs::~ActingAs() {
  if (std::uncaught_exceptions() == on_entry_) SetUserIdAndSecContext(user_, context_);
}

}  // namespace tidemark::pg
