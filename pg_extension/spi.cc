#include "pg_extension/spi.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

namespace tidemark::pg {

Parameter text_parameter(const std::string& value) { return {TEXTOID, text_datum(value)}; }

Spi::Spi() {
  call([] { SPI_connect(); });
}

Spi::~Spi() {
  if (std::uncaught_exceptions() == on_entry_) SPI_finish();
}

// Calls `body` with the parameters' types, values and nulls; it returns SPI's code.
template <class Execute>
std::uint64_t Spi::execute(Parameters parameters, Execute&& body) {
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
    const int code = body(types, values, nulls.c_str());
    if (code < 0) elog(ERROR, "SPI: %s", SPI_result_code_string(code));
    return SPI_processed;
  });
  table_ = SPI_tuptable;
  return rows_;
}

std::uint64_t Spi::run(const std::string& sql, Parameters parameters, Access access) {
  return execute(parameters, [&](auto& types, auto& values, const char* nulls) {
    return SPI_execute_with_args(sql.c_str(), static_cast<int>(types.size()), types.data(), values.data(), nulls,
                                 access == Access::kReads, 0);
  });
}

std::uint64_t Spi::run_kept(const char* sql, Parameters parameters, Access access) {
  static std::unordered_map<const char*, SPIPlanPtr> plans;
  SPIPlanPtr& plan = plans[sql];
  return execute(parameters, [&](auto& types, auto& values, const char* nulls) {
    if (plan == nullptr) {
      const SPIPlanPtr made = SPI_prepare(sql, static_cast<int>(types.size()), types.data());
      if (made == nullptr) return SPI_result;
      if (const int code = SPI_keepplan(made); code < 0) return code;
      plan = made;
    }
    return SPI_execute_plan(plan, values.data(), nulls, access == Access::kReads, 0);
  });
}

std::optional<std::string> Spi::text(std::uint64_t row, int column) const {
  const char* const value = call([&] { return SPI_getvalue(table_->vals[row], table_->tupdesc, column + 1); });
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
  return value == nullptr ? std::string() : std::string(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

bool Spi::boolean(std::uint64_t row, int column) const {
  bool is_null = false;
  const Datum value = call([&] { return datum(row, column, &is_null); });
  return !is_null && DatumGetBool(value);
}

Datum Spi::datum(std::uint64_t row, int column, bool* is_null) const {
  return SPI_getbinval(table_->vals[row], table_->tupdesc, column + 1, is_null);
}

LatestSnapshot::LatestSnapshot() {
  call([] { PushActiveSnapshot(GetLatestSnapshot()); });
}

LatestSnapshot::~LatestSnapshot() {
  if (std::uncaught_exceptions() == on_entry_) PopActiveSnapshot();
}

ActingAs::ActingAs(Oid user) {
  GetUserIdAndSecContext(&user_, &context_);
  SetUserIdAndSecContext(user, context_ | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
}

ActingAs::~ActingAs() {
  if (std::uncaught_exceptions() == on_entry_) SetUserIdAndSecContext(user_, context_);
}

}  // namespace tidemark::pg
