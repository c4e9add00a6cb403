// Turns the values of a row into the JSON of docs/protocol.md, "Values". One
// encoder serves capture, first load and the checks of a push, so a value has
// one text wherever it is seen; no setting of the session changes it.
#pragma once

#include <string>

#include "pg_extension/column.h"
#include "pg_extension/pg.h"

namespace tidemark::pg {

// Appends one value. Inside call(); may leave garbage in the current memory
// context, so the caller resets one now and then. Needs a CanonicalOutput alive.
void append_value(std::string& out, const Column& column, Datum value, bool is_null);

// Holds the settings that output functions look at in their canonical state
// (for arrays of times, floats, bytea). No user's code may run meanwhile.
class CanonicalOutput {
 public:
  CanonicalOutput();
  ~CanonicalOutput();
  CanonicalOutput(const CanonicalOutput&) = delete;
  CanonicalOutput& operator=(const CanonicalOutput&) = delete;

 private:
  int date_style_ = DateStyle;
  int date_order_ = DateOrder;
  int interval_style_ = IntervalStyle;
  int extra_float_digits_ = extra_float_digits;
  int bytea_output_ = bytea_output;
  pg_tz* timezone_ = session_timezone;
};

// Milliseconds since 1970, the wire's time.
std::int64_t unix_ms(TimestampTz time);

// The clock now, not the transaction's start.
std::int64_t now_ms();

}  // namespace tidemark::pg
