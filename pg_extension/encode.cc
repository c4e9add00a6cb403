#include "pg_extension/encode.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "common/json_text.h"
#include "pg_extension/guard.h"

namespace tidemark::pg {
namespace {

// `value` in decimal, filled up with zeros to `width` digits.
void append_padded(std::string& out, int value, int width) {
  char buffer[16];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  for (auto digits = end - buffer; digits < width; ++digits) out += '0';
  out.append(buffer, end);
}

void append_year_month_day(std::string& out, int year, int month, int day) {
  append_padded(out, year > 0 ? year : 1 - year, 4);
  out += '-';
  append_padded(out, month, 2);
  out += '-';
  append_padded(out, day, 2);
}

void append_clock(std::string& out, int hour, int minute, int second, int microseconds) {
  append_padded(out, hour, 2);
  out += ':';
  append_padded(out, minute, 2);
  out += ':';
  append_padded(out, second, 2);
  out += '.';
  append_padded(out, microseconds, 6);
}

void append_date(std::string& out, DateADT date) {
  if (DATE_IS_NOBEGIN(date)) {
    out += "\"-infinity\"";
    return;
  }
  if (DATE_IS_NOEND(date)) {
    out += "\"infinity\"";
    return;
  }
  int year = 0;
  int month = 0;
  int day = 0;
  j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
  out += '"';
  append_year_month_day(out, year, month, day);
  if (year <= 0) out += " BC";
  out += '"';
}

void append_time(std::string& out, TimeADT time) {
  const auto seconds = static_cast<int>(time / USECS_PER_SEC);
  out += '"';
  append_clock(out, seconds / 3600, seconds / 60 % 60, seconds % 60, static_cast<int>(time % USECS_PER_SEC));
  out += '"';
}

void append_timestamp(std::string& out, Timestamp timestamp, std::string_view zone) {
  if (TIMESTAMP_IS_NOBEGIN(timestamp)) {
    out += "\"-infinity\"";
    return;
  }
  if (TIMESTAMP_IS_NOEND(timestamp)) {
    out += "\"infinity\"";
    return;
  }
  pg_tm parts;
  fsec_t microseconds = 0;
  if (timestamp2tm(timestamp, nullptr, &parts, &microseconds, nullptr, nullptr) != 0) {
    ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
  }
  out += '"';
  append_year_month_day(out, parts.tm_year, parts.tm_mon, parts.tm_mday);
  out += ' ';
  append_clock(out, parts.tm_hour, parts.tm_min, parts.tm_sec, microseconds);
  out += zone;
  if (parts.tm_year <= 0) out += " BC";
  out += '"';
}

void append_interval(std::string& out, const Interval& interval) {
  pg_itm parts;
  char buffer[MAXDATELEN + 1];
  interval2itm(interval, &parts);
  EncodeInterval(&parts, INTSTYLE_POSTGRES, buffer);
  out += '"';
  out += buffer;
  out += '"';
}

// Shortest for a float, so that 0.1::real is 0.1; the same special cases as
// append_json_real.
void append_float4(std::string& out, float value) {
  if (!std::isfinite(value) || value == 0) {
    append_json_real(out, value);
    return;
  }
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
  const bool digits_only = std::string_view(buffer, end).find_first_of(".e") == std::string_view::npos;
  if (digits_only && std::abs(value) >= 1e15F) out += ".0";
}

void append_uuid(std::string& out, const pg_uuid_t& uuid) {
  constexpr char kHex[] = "0123456789abcdef";
  char text[38];
  char* end = text;
  *end++ = '"';
  for (int i = 0; i < UUID_LEN; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *end++ = '-';
    *end++ = kHex[uuid.data[i] >> 4];
    *end++ = kHex[uuid.data[i] & 15];
  }
  *end++ = '"';
  out.append(text, end);
}

std::string_view bytes_of(Datum value) {
  const auto* const bytes = PG_DETOAST_DATUM_PACKED(value);
  return {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
}

}  // namespace

void append_value(std::string& out, const Column& column, Datum value, bool is_null) {
  if (is_null) {
    out += "null";
    return;
  }
  switch (column.codec) {
    case Codec::kInt2: append_json_integer(out, DatumGetInt16(value)); return;
    case Codec::kInt4: append_json_integer(out, DatumGetInt32(value)); return;
    case Codec::kInt8: append_json_integer(out, DatumGetInt64(value)); return;
    case Codec::kFloat4: append_float4(out, DatumGetFloat4(value)); return;
    case Codec::kFloat8: append_json_real(out, DatumGetFloat8(value)); return;
    case Codec::kBool: out += DatumGetBool(value) ? "true" : "false"; return;
    case Codec::kText: append_json_string(out, bytes_of(value)); return;
    case Codec::kName: append_json_string(out, NameStr(*DatumGetName(value))); return;
    case Codec::kBytea: append_json_blob(out, bytes_of(value)); return;
    case Codec::kUuid: append_uuid(out, *DatumGetUUIDP(value)); return;
    case Codec::kDate: append_date(out, DatumGetDateADT(value)); return;
    case Codec::kTime: append_time(out, DatumGetTimeADT(value)); return;
    case Codec::kTimestamp: append_timestamp(out, DatumGetTimestamp(value), ""); return;
    case Codec::kTimestamptz: append_timestamp(out, DatumGetTimestampTz(value), "+00"); return;
    case Codec::kInterval: append_interval(out, *DatumGetIntervalP(value)); return;
    case Codec::kOutput:
      append_json_string(out, OutputFunctionCall(const_cast<FmgrInfo*>(&column.output), value));
      return;
  }
}

CanonicalOutput::CanonicalOutput() {
  static pg_tz* const utc = call([] { return pg_tzset_offset(0); });
  DateStyle = USE_ISO_DATES;
  DateOrder = DATEORDER_YMD;
  IntervalStyle = INTSTYLE_POSTGRES;
  extra_float_digits = 1;
  bytea_output = BYTEA_OUTPUT_HEX;
  session_timezone = utc;
}

CanonicalOutput::~CanonicalOutput() {
  DateStyle = date_style_;
  DateOrder = date_order_;
  IntervalStyle = interval_style_;
  extra_float_digits = extra_float_digits_;
  bytea_output = bytea_output_;
  session_timezone = timezone_;
}

std::int64_t unix_ms(TimestampTz time) {
  constexpr std::int64_t kEpochDays = POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE;
  return time / 1000 + kEpochDays * SECS_PER_DAY * 1000;
}

std::int64_t now_ms() { return unix_ms(GetCurrentTimestamp()); }

}  // namespace tidemark::pg
