#include "pg_extension/hub.h"

#include <charconv>

#include "common/json_text.h"
#include "pg_extension/encode.h"
#include "pg_extension/layout.h"
#include "pg_extension/table_list.h"

namespace tidemark::pg {
namespace {

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 0;
}

std::string hex(const std::string& bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

}  // namespace

std::string authenticate(Spi& spi, const std::string& token, const char* need) {
  spi.run("select (tidemark._authenticate($1, $2)).id", {text_parameter(token), text_parameter(need)}, Access::kReads);
  return spi.text(0, 0).value_or("");
}

HubState hub_state(Spi& spi, Access access) {
  spi.run("select (select epoch from tidemark._hub), tidemark._head()", {}, access);
  return {spi.text(0, 0).value_or(""), spi.integer(0, 1)};
}

std::string answer_opening(Spi& spi, const HubState& hub) {
  std::string out = R"({"now":)";
  append_json_integer(out, now_ms());
  out += R"(,"epoch":")" + hub.epoch + R"(","schema":")" + schema(spi).hash + '"';
  return out;
}

const Schema& schema(Spi& spi) {
  static Schema known;
  static std::uint64_t generation = 0;
  if (known.hash.empty() || generation != definitions_generation()) {
    const std::uint64_t before = definitions_generation();
    const LatestSnapshot now;  // what the calling statement sees may be older than what we were told of
    std::string tables = describe_tables(spi);
    std::string hash = hex(sha256(tables).substr(0, 16));
    known = {std::move(tables), std::move(hash)};
    generation = before;
  }
  return known;
}

std::string sha256(std::string_view bytes) {
  std::string hash(PG_SHA256_DIGEST_LENGTH, '\0');
  call([&] {
    pg_cryptohash_ctx* const context = pg_cryptohash_create(PG_SHA256);
    const auto* const input = reinterpret_cast<const uint8*>(bytes.data());
    if (pg_cryptohash_init(context) < 0 || pg_cryptohash_update(context, input, bytes.size()) < 0 ||
        pg_cryptohash_final(context, reinterpret_cast<uint8*>(hash.data()), hash.size()) < 0) {
      elog(ERROR, "could not compute a hash: %s", pg_cryptohash_error(context));
    }
    pg_cryptohash_free(context);
  });
  return hash;
}

Cursor parse_cursor(const std::string& text, std::int64_t head) {
  const auto dot = text.find('.');
  const std::string_view view = text;
  Cursor cursor;
  const bool is_number = parse_number(view.substr(0, dot), cursor.seq);
  const bool is_place = dot == std::string::npos || (parse_number(view.substr(dot + 1), cursor.n) && cursor.n > 0);
  if (!is_number || !is_place) {
    throw Error(ErrorCode::kInvalidInput, "malformed cursor \"" + text.substr(0, 100) + "\"",
                "Give the cursor of an earlier answer, or 0.");
  }
  if (cursor.seq > head && RecoveryInProgress()) {
    throw Error(ErrorCode::kUnavailable,
                "this standby has read the log up to " + std::to_string(head) + ", the device up to " + text,
                "Repeat the request later, or ask a bridge of the primary.");
  }
  if (cursor.seq > head) {
    throw Error(ErrorCode::kAhead, "the cursor " + text + " is beyond the head of the log, " + std::to_string(head),
                "The hub was restored from a backup. Load the tables again; pending changes are kept.");
  }
  return cursor;
}

}  // namespace tidemark::pg
