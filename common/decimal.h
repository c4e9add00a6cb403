// Decimal numbers as texts, exactly and of any length: what numeric columns hold.
// All functions take time linear in the digits.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "common/value.h"

namespace tidemark {

// The number that a value is, as a plain decimal: "-12.50", "0", "0.001". The scale
// stands as it was written ("12.50" keeps its zero, "1.50e1" is "15.0"); a double
// has its shortest digits. nullopt for what is no finite number, or none that
// PostgreSQL's numeric holds (131072 digits before and 16383 after the point).
std::optional<std::string> decimal_text(const ValueView& value);

// Of two plain decimals. The result has the greater scale of the two: 1.5 + 0.50 is "2.00".
std::string add_decimals(std::string_view a, std::string_view b);
std::string subtract_decimals(std::string_view a, std::string_view b);
std::strong_ordering compare_decimals(std::string_view a, std::string_view b);

// Whether two texts are one number, written plainly or with an exponent of up to nine
// digits, which is not written out: 1e400 is 10e399. False if either is no number.
bool same_number(std::string_view a, std::string_view b);

}  // namespace tidemark
