// The hub as a whole, as every answer to a device needs it: epoch, head, schema,
// and who is asking.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pg_extension/spi.h"

namespace tidemark::pg {

// The device of a token. Throws (by the server) TM401, TM402 or TM403. `need` is
// "read" or "write". Returns the device's id.
std::string authenticate(Spi& spi, const std::string& token, const char* need);

struct HubState {
  std::string epoch;
  std::int64_t head = 0;
};

// What the caller's snapshot sees.
HubState hub_state(Spi& spi, Access access = Access::kReads);

// {"now":…,"epoch":"…","schema":"…"  — the opening of an answer, without the end.
std::string answer_opening(Spi& spi, const HubState& hub);

// What devices are told of the tables, as it is now; kept until a definition changes.
struct Schema {
  std::string tables;  // describe_tables()
  std::string hash;    // of it
};
const Schema& schema(Spi& spi);

// sha256, as 32 bytes.
std::string sha256(std::string_view bytes);

// A cursor of the log: after change `n` of commit `seq`, or after all of it.
struct Cursor {
  std::int64_t seq = 0;
  std::int32_t n = 0;  // 0: all of commit `seq` was read

  // The last commit that was read to its end.
  std::int64_t whole_commits() const { return n == 0 ? seq : seq - 1; }
};

// Throws Error{kInvalidInput} for what is no cursor and Error{kAhead} for one
// beyond `head`.
Cursor parse_cursor(const std::string& text, std::int64_t head);

}  // namespace tidemark::pg
