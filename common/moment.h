// Dates and times as the texts of docs/protocol.md write them, in a form that can
// be compared.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/kind.h"

namespace tidemark {

struct Moment {
  std::int64_t day = 0;     // since 1970-01-01; 0 for a time, the greatest or least integer for ±infinity
  std::int64_t micros = 0;  // since midnight

  auto operator<=>(const Moment&) const = default;
};

// Reads a date, time, timestamp or timestamptz. Besides the canonical form: T between
// date and time, no seconds, fewer than six digits of them, and for a timestamptz Z, an
// offset with minutes, or none, which is UTC. nullopt for what is not of the kind or
// beyond what PostgreSQL holds.
std::optional<Moment> moment_from(Kind kind, std::string_view text);

}  // namespace tidemark
