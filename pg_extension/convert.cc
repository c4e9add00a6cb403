#include "pg_extension/convert.h"

#include <cmath>

#include "common/json_text.h"
#include "pg_extension/guard.h"

namespace tidemark::pg {
namespace {

using Type = WireValue::Type;

// `text` from `at` on, `count` digits; -1 if one is none.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  int number = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    number = number * 10 + (text[i] - '0');
  }
  return number;
}

// Canonical forms only: everything else is left to the type's own input function.

bool uuid_of(std::string_view text, pg_uuid_t& uuid) {
  if (text.size() != 36) return false;
  int nibbles = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-') return false;
      continue;
    }
    const char digit = text[i];
    int value = 0;
    if (digit >= '0' && digit <= '9') {
      value = digit - '0';
    } else if (digit >= 'a' && digit <= 'f') {
      value = digit - 'a' + 10;
    } else {
      return false;
    }
    auto& byte = uuid.data[nibbles / 2];
    byte = static_cast<unsigned char>(nibbles % 2 == 0 ? value << 4 : byte | value);
    ++nibbles;
  }
  return true;
}

// 2026-11-21
bool day_of(std::string_view text, pg_tm& parts) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return false;
  parts.tm_year = digits(text, 0, 4);
  parts.tm_mon = digits(text, 5, 2);
  parts.tm_mday = digits(text, 8, 2);
  return parts.tm_year >= 1 && parts.tm_mon >= 1 && parts.tm_mon <= 12 && parts.tm_mday >= 1 &&
         parts.tm_mday <= day_tab[isleap(parts.tm_year)][parts.tm_mon - 1];
}

// 2026-11-21 09:30:00.000000, then `zone`
bool timestamp_of(std::string_view text, std::string_view zone, Timestamp& timestamp) {
  pg_tm parts{};
  if (text.size() != 26 + zone.size() || text.substr(26) != zone || !day_of(text, parts)) return false;
  if (text[10] != ' ' || text[13] != ':' || text[16] != ':' || text[19] != '.') return false;
  parts.tm_hour = digits(text, 11, 2);
  parts.tm_min = digits(text, 14, 2);
  parts.tm_sec = digits(text, 17, 2);
  const int microseconds = digits(text, 20, 6);
  const auto is_within = [](int value, int last) { return value >= 0 && value <= last; };
  if (!is_within(parts.tm_hour, 23) || !is_within(parts.tm_min, 59) || !is_within(parts.tm_sec, 59)) return false;
  return microseconds >= 0 && tm2timestamp(&parts, microseconds, nullptr, &timestamp) == 0;
}

// Conversions that need no input function. False if there is none for the pair.
bool convert_directly(const Column& column, const WireValue& value, Datum* datum) {
  if (column.type != column.base) return false;  // a domain has checks
  switch (column.codec) {
    case Codec::kInt2:
      if (value.type != Type::kInteger || value.integer < INT16_MIN || value.integer > INT16_MAX) return false;
      *datum = Int16GetDatum(static_cast<std::int16_t>(value.integer));
      return true;
    case Codec::kInt4:
      if (value.type != Type::kInteger || value.integer < INT32_MIN || value.integer > INT32_MAX) return false;
      *datum = Int32GetDatum(static_cast<std::int32_t>(value.integer));
      return true;
    case Codec::kInt8:
      if (value.type != Type::kInteger) return false;
      *datum = Int64GetDatum(value.integer);
      return true;
    case Codec::kFloat8:
      if (value.type != Type::kReal) return false;
      *datum = Float8GetDatum(value.real);
      return true;
    case Codec::kBool:
      if (value.type != Type::kBoolean) return false;
      *datum = BoolGetDatum(value.boolean);
      return true;
    case Codec::kText:
      if (value.type != Type::kText || column.modifier != -1) return false;
      *datum = PointerGetDatum(cstring_to_text_with_len(value.text.data(), static_cast<int>(value.text.size())));
      return true;
    case Codec::kBytea:
      if (value.type != Type::kBlob) return false;
      *datum = PointerGetDatum(cstring_to_text_with_len(value.text.data(), static_cast<int>(value.text.size())));
      return true;
    case Codec::kUuid: {
      if (value.type != Type::kText) return false;
      auto* const uuid = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
      *datum = UUIDPGetDatum(uuid);
      return uuid_of(value.text, *uuid);
    }
    case Codec::kDate: {
      pg_tm parts{};
      if (value.type != Type::kText || value.text.size() != 10 || !day_of(value.text, parts)) return false;
      *datum = DateADTGetDatum(date2j(parts.tm_year, parts.tm_mon, parts.tm_mday) - POSTGRES_EPOCH_JDATE);
      return true;
    }
    case Codec::kTimestamp:
    case Codec::kTimestamptz: {
      Timestamp timestamp = 0;
      const bool has_zone = column.codec == Codec::kTimestamptz;
      if (value.type != Type::kText || column.modifier != -1) return false;
      if (!timestamp_of(value.text, has_zone ? "+00" : "", timestamp)) return false;
      *datum = TimestampGetDatum(timestamp);
      return true;
    }
    default: return false;
  }
}

// What a person would type for the value.
void append_input_text(std::string& out, const WireValue& value) {
  switch (value.type) {
    case Type::kNull: return;
    case Type::kBoolean: out += value.boolean ? "true" : "false"; return;
    case Type::kInteger: append_json_integer(out, value.integer); return;
    case Type::kReal:
      if (std::isnan(value.real)) {
        out += "NaN";
      } else if (std::isinf(value.real)) {
        out += value.real > 0 ? "Infinity" : "-Infinity";
      } else {
        append_json_real(out, value.real);
      }
      return;
    case Type::kText: out += value.text; return;
    case Type::kBlob: {
      constexpr char kHex[] = "0123456789abcdef";
      out += "\\x";
      for (const unsigned char byte : value.text) {
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
      }
      return;
    }
  }
}

}  // namespace

Input input_of(const Column& column, MemoryContext context) {
  Input input;
  input.column = &column;
  Oid function = InvalidOid;
  getTypeInputInfo(column.type, &function, &input.io_parameter);
  fmgr_info_cxt(function, &input.function, context);
  return input;
}

Converted convert(Input& input, const WireValue& value, std::string& scratch) {
  const Column& column = *input.column;
  if (value.type == Type::kNull) {
    // A domain may refuse NULL.
    if (column.type != column.base) InputFunctionCall(&input.function, nullptr, input.io_parameter, column.modifier);
    return {.is_null = true, .exact = true};
  }
  if (value.type == Type::kText && value.text.find('\0') != std::string_view::npos) {
    ereport(ERROR, (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
                    errmsg("the value of column \"%s\" has the character U+0000, which PostgreSQL cannot hold",
                           column.name.c_str()),
                    errhint("Take the character out, or keep such values in a bytea column.")));
  }
  if (value.type == Type::kBlob && column.codec != Codec::kBytea) {
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                    errmsg("the value of column \"%s\" is a blob, the column is %s", column.name.c_str(),
                           format_type_be(column.type)),
                    errhint("Store it as text on the device.")));
  }
  Datum datum = 0;
  if (convert_directly(column, value, &datum)) return {.value = datum, .exact = true};
  scratch.clear();
  append_input_text(scratch, value);
  return {.value = InputFunctionCall(&input.function, scratch.data(), input.io_parameter, column.modifier)};
}

void append_wire_value(std::string& out, const WireValue& value) {
  switch (value.type) {
    case Type::kNull: out += "null"; return;
    case Type::kBoolean: out += value.boolean ? "true" : "false"; return;
    case Type::kInteger: append_json_integer(out, value.integer); return;
    case Type::kReal: append_json_real(out, value.real); return;
    case Type::kText: append_json_string(out, value.text); return;
    case Type::kBlob: append_json_blob(out, value.text); return;
  }
}

bool is_canonical(const Column& column, const WireValue& value, std::string_view json, std::string& scratch) {
  if (value.type == Type::kNull) return json == "null";
  if (column.codec == Codec::kBool && value.type == Type::kInteger)
    return json == (value.integer != 0 ? "true" : "false");
  scratch.clear();
  // A device's REAL column holds 5 as 5.0, and may send either.
  if (form_of(column.kind) == Form::kReals && value.type == Type::kInteger) {
    append_json_real(scratch, static_cast<double>(value.integer));
  } else {
    append_wire_value(scratch, value);
  }
  return scratch == json;
}

}  // namespace tidemark::pg
