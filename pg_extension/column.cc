#include "pg_extension/column.h"

namespace tidemark::pg {
namespace {

struct TypeEntry {
  Oid type;
  Kind kind;
  Codec codec;
};

constexpr TypeEntry kTypes[] = {
    {INT2OID, Kind::kSmallint, Codec::kInt2},
    {INT4OID, Kind::kInteger, Codec::kInt4},
    {INT8OID, Kind::kBigint, Codec::kInt8},
    {FLOAT4OID, Kind::kReal, Codec::kFloat4},
    {FLOAT8OID, Kind::kDouble, Codec::kFloat8},
    {NUMERICOID, Kind::kNumeric, Codec::kOutput},
    {TEXTOID, Kind::kText, Codec::kText},
    {VARCHAROID, Kind::kText, Codec::kText},
    {BPCHAROID, Kind::kText, Codec::kText},
    {NAMEOID, Kind::kText, Codec::kName},
    {BYTEAOID, Kind::kBytea, Codec::kBytea},
    {BOOLOID, Kind::kBoolean, Codec::kBool},
    {UUIDOID, Kind::kUuid, Codec::kUuid},
    {DATEOID, Kind::kDate, Codec::kDate},
    {TIMEOID, Kind::kTime, Codec::kTime},
    {TIMESTAMPOID, Kind::kTimestamp, Codec::kTimestamp},
    {TIMESTAMPTZOID, Kind::kTimestamptz, Codec::kTimestamptz},
    {INTERVALOID, Kind::kInterval, Codec::kInterval},
    {JSONOID, Kind::kJson, Codec::kOutput},
    {JSONBOID, Kind::kJsonb, Codec::kOutput},
};

std::optional<TypeEntry> entry_of(Oid base) {
  for (const TypeEntry& entry : kTypes) {
    if (entry.type == base) return entry;
  }
  if (get_typtype(base) == TYPTYPE_ENUM) return TypeEntry{base, Kind::kEnum, Codec::kOutput};
  const Oid element = get_base_element_type(base);
  if (element == InvalidOid) return std::nullopt;
  const auto inner = entry_of(getBaseType(element));
  if (!inner || inner->kind == Kind::kArray) return std::nullopt;
  return TypeEntry{base, Kind::kArray, Codec::kOutput};
}

}  // namespace

std::optional<Kind> kind_of(Oid type) {
  const auto entry = entry_of(getBaseType(type));
  if (!entry) return std::nullopt;
  return entry->kind;
}

bool describe_type(Column& column, Oid type, std::int32_t modifier, MemoryContext context) {
  const Oid base = getBaseType(type);
  const auto entry = entry_of(base);
  if (!entry) return false;
  column.kind = entry->kind;
  column.codec = entry->codec;
  column.type = type;
  column.base = base;
  column.modifier = modifier;
  get_typlenbyval(type, &column.length, &column.by_value);
  if (column.codec == Codec::kOutput) {
    Oid output = InvalidOid;
    bool is_varlena = false;
    getTypeOutputInfo(base, &output, &is_varlena);
    fmgr_info_cxt(output, &column.output, context);
  }
  return true;
}

}  // namespace tidemark::pg
