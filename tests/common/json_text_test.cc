// JSON as we write it: what stands there, and that every reader reads it back.
#include "common/json_text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

namespace tidemark {
namespace {

using namespace std::string_view_literals;
using limits = std::numeric_limits<double>;

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string json_real(double value) {
  std::string out;
  append_json_real(out, value);
  return out;
}

TEST(JsonText, EscapesWhatJsonDoesNotLetStand) {
  struct Case {
    std::string_view text;
    std::string_view json;
  };
  const Case cases[] = {
      {"", R"("")"},
      {"plain", R"("plain")"},
      {"say \"hi\"", R"("say \"hi\"")"},
      {"back\\slash", R"("back\\slash")"},
      {"a\nb\rc\td", R"("a\nb\rc\td")"},
      {"\0"sv, R"("\u0000")"},
      {"a\0b"sv, R"("a\u0000b")"},
      {"\x01\x1f", R"("\u0001\u001f")"},
      {"\b\f", R"("\u0008\u000c")"},
      {"\x7f", "\"\x7f\""},
      {"/", R"("/")"},
      {"é 価格 🧾", "\"é 価格 🧾\""},
      {"\xE2\x80\xA8\xE2\x80\xA9", "\"\xE2\x80\xA8\xE2\x80\xA9\""},  // the line separators stand
      {"\"\"\"", R"("\"\"\"")"},
  };
  for (const Case& c : cases) EXPECT_EQ(json_string(c.text), c.json);
}

TEST(JsonText, EveryAsciiByteReadsBackInEveryPlace) {
  for (int byte = 0; byte < 128; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    for (const std::string& text : {one, "a" + one, one + "b", "a" + one + one + "b"}) {
      EXPECT_EQ(nlohmann::json::parse(json_string(text)).get<std::string>(), text) << byte;
    }
  }
}

TEST(JsonText, EveryPlaneOfUnicodeReadsBack) {
  for (const char32_t point : {0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0x1F9FE, 0x2FFFF, 0x3134A,
                               0xE01EF, 0xF0000, 0x10FFFF}) {
    std::string text;
    if (point < 0x800) {
      text += static_cast<char>(0xC0 | point >> 6);
      text += static_cast<char>(0x80 | (point & 63));
    } else if (point < 0x10000) {
      text = {static_cast<char>(0xE0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 63)),
              static_cast<char>(0x80 | (point & 63))};
    } else {
      text = {static_cast<char>(0xF0 | point >> 18), static_cast<char>(0x80 | (point >> 12 & 63)),
              static_cast<char>(0x80 | (point >> 6 & 63)), static_cast<char>(0x80 | (point & 63))};
    }
    EXPECT_EQ(nlohmann::json::parse(json_string(text)).get<std::string>(), text) << static_cast<unsigned>(point);
  }
}

TEST(JsonText, AppendsAndKeepsWhatIsThere) {
  std::string out = "[";
  append_json_string(out, "a");
  out += ',';
  append_json_integer(out, -1);
  out += ',';
  append_json_real(out, 0.5);
  out += ',';
  append_json_blob(out, "\xFF");
  EXPECT_EQ(out, R"(["a",-1,0.5,{"blob":"/w=="})");
}

TEST(JsonText, WritesIntegersToTheEndsOfTheirRange) {
  const std::pair<std::int64_t, const char*> cases[] = {{0, "0"},
                                                        {-1, "-1"},
                                                        {INT64_MAX, "9223372036854775807"},
                                                        {INT64_MIN, "-9223372036854775808"},
                                                        {9007199254740993, "9007199254740993"}};
  for (const auto& [value, text] : cases) {
    std::string out;
    append_json_integer(out, value);
    EXPECT_EQ(out, text);
  }
}

TEST(JsonText, WritesDoublesInTheirShortestForm) {
  const std::pair<double, const char*> cases[] = {
      {0.0, "0"},
      {-0.0, "-0.0"},
      {1.0, "1"},
      {-5.0, "-5"},
      {0.1, "0.1"},
      {1.5, "1.5"},
      {1e20, "1e+20"},
      {1e-7, "1e-07"},
      {1.0 / 3, "0.3333333333333333"},
      {999999999999999.0, "999999999999999"},  // below 1e15 digits alone
      {-999999999999999.0, "-999999999999999"},
      {1e15, "1e+15"},
      {1000000000000001.0, "1000000000000001.0"},  // above, a reader must not take it for an integer
      {-1000000000000001.0, "-1000000000000001.0"},
      {9007199254740993.0, "9007199254740992.0"},
      {1234567890123456789.0, "1234567890123456768.0"},
      {9223372036854775808.0, "9223372036854775808.0"},
      {18446744073709551616.0, "18446744073709551616.0"},
      {limits::denorm_min(), "5e-324"},
      {limits::min(), "2.2250738585072014e-308"},
      {limits::max(), "1.7976931348623157e+308"},
      {limits::infinity(), R"({"real":"inf"})"},
      {-limits::infinity(), R"({"real":"-inf"})"},
      {limits::quiet_NaN(), R"({"real":"nan"})"},
      {-limits::quiet_NaN(), R"({"real":"nan"})"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(json_real(value), text);
}

TEST(JsonText, EveryFiniteDoubleReadsBackBitByBit) {
  std::mt19937_64 random(20260101);
  const auto expect_same = [](double value) {
    const std::string text = json_real(value);
    const double back = nlohmann::json::parse(text).get<double>();
    ASSERT_EQ(std::bit_cast<std::uint64_t>(back), std::bit_cast<std::uint64_t>(value)) << text;
  };
  for (int i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (std::isfinite(value) && value != 0) expect_same(value);
    expect_same(std::bit_cast<double>(random() >> 12 | 1));                 // denormals
    expect_same(static_cast<double>(static_cast<std::int64_t>(random())));  // whole numbers
    expect_same(static_cast<double>(static_cast<std::int64_t>(random() % 2000000000000000) + 1));
  }
}

TEST(JsonText, WholeNumbersWithoutAPointFitAnInteger) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 20000; ++i) {
    const std::string text =
        json_real(std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 40)));
    if (text.find_first_of(".e") != std::string::npos) continue;
    EXPECT_LT(text.size(), 17U) << text;
  }
}

TEST(JsonText, AnObjectHasItsMembersInTheirOrder) {
  EXPECT_EQ(JsonObject().text(), "{}");
  EXPECT_EQ(JsonObject().add("b", "say \"hi\"").add("a", -5).add_json("c\n", "[null]").text(),
            R"({"b":"say \"hi\"","a":-5,"c\n":[null]})");
}

}  // namespace
}  // namespace tidemark
