#include "common/kind.h"

#include <array>
#include <utility>

namespace tidemark {
namespace {

constexpr std::array<std::pair<Kind, std::string_view>, 19> kNames = {{
    {Kind::kSmallint, "smallint"},
    {Kind::kInteger, "integer"},
    {Kind::kBigint, "bigint"},
    {Kind::kReal, "real"},
    {Kind::kDouble, "double precision"},
    {Kind::kNumeric, "numeric"},
    {Kind::kText, "text"},
    {Kind::kBytea, "bytea"},
    {Kind::kBoolean, "boolean"},
    {Kind::kUuid, "uuid"},
    {Kind::kDate, "date"},
    {Kind::kTime, "time"},
    {Kind::kTimestamp, "timestamp"},
    {Kind::kTimestamptz, "timestamptz"},
    {Kind::kInterval, "interval"},
    {Kind::kJson, "json"},
    {Kind::kJsonb, "jsonb"},
    {Kind::kEnum, "enum"},
    {Kind::kArray, "array"},
}};

}  // namespace

std::string_view name_of(Kind kind) {
  for (const auto& [candidate, name] : kNames) {
    if (candidate == kind) return name;
  }
  return "unknown";
}

std::optional<Kind> kind_named(std::string_view name) {
  for (const auto& [kind, candidate] : kNames) {
    if (candidate == name) return kind;
  }
  return std::nullopt;
}

Form form_of(Kind kind) {
  switch (kind) {
    case Kind::kSmallint:
    case Kind::kInteger:
    case Kind::kBigint: return Form::kIntegers;
    case Kind::kReal:
    case Kind::kDouble: return Form::kReals;
    case Kind::kBoolean: return Form::kBooleans;
    case Kind::kBytea: return Form::kBlobs;
    case Kind::kNumeric:
    case Kind::kText:
    case Kind::kUuid:
    case Kind::kDate:
    case Kind::kTime:
    case Kind::kTimestamp:
    case Kind::kTimestamptz:
    case Kind::kInterval:
    case Kind::kJson:
    case Kind::kJsonb:
    case Kind::kEnum:
    case Kind::kArray: return Form::kTexts;
  }
  return Form::kTexts;
}

}  // namespace tidemark
