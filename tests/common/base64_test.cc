// RFC 4648, section 4.
#include <gtest/gtest.h>

#include <random>

#include "common/json_text.h"

namespace tidemark {
namespace {

using namespace std::string_view_literals;

struct Pair {
  std::string_view bytes;
  std::string_view text;
};

const Pair kVectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\0"sv, "AA=="},
    {"\0\0"sv, "AAA="},
    {"\0\0\0"sv, "AAAA"},
    {"\xFF", "/w=="},
    {"\xFB\xEF\xBE", "++++"},
    {"\xFF\xFF\xFF", "////"},
};

TEST(Base64, IsTheRfcs) {
  for (const auto& [bytes, text] : kVectors) {
    EXPECT_EQ(base64_encode(bytes), text);
    std::string back = "kept ";
    EXPECT_TRUE(base64_decode(text, back)) << text;
    EXPECT_EQ(back, "kept " + std::string(bytes));
  }
}

TEST(Base64, ABlobIsItsBase64InAnObject) {
  for (const auto& [bytes, text] : kVectors) {
    std::string out;
    append_json_blob(out, bytes);
    EXPECT_EQ(out, R"({"blob":")" + std::string(text) + "\"}");
  }
}

TEST(Base64, EveryLengthAndEveryByteReadsBack) {
  std::mt19937 random(1);
  for (std::size_t length = 0; length < 400; ++length) {
    std::string bytes;
    for (std::size_t i = 0; i < length; ++i) bytes += static_cast<char>(length < 256 ? i + length : random());
    const std::string text = base64_encode(bytes);
    EXPECT_EQ(text.size(), (length + 2) / 3 * 4);
    std::string back;
    ASSERT_TRUE(base64_decode(text, back));
    EXPECT_EQ(back, bytes);
  }
}

TEST(Base64, RefusesAnythingElseAndLeavesTheOutput) {
  const std::string_view bad[] = {
      "A",    "AB",    "ABC",      "ABCDE",      "=",       "==",      "====",  "A===",     "=AAA", "A=AA",
      "AA=A", "AAA==", "AA==AA==", "AAA=AAAA",   "AA=",     "Zm9v\n",  "Zm9v ", " Zm9v",    "Zm 9", "Zm9-",
      "Zm9_", "Zm9.",  "Zm9\0"sv,  "\0\0\0\0"sv, "Zm9\x80", "Zm9\xFF", "Zm9vY", "Zm9v====", "é==",
  };
  for (const std::string_view text : bad) {
    std::string out = "before";
    EXPECT_FALSE(base64_decode(text, out)) << text;
    EXPECT_EQ(out, "before") << text;
  }
}

TEST(Base64, NoByteOutsideTheAlphabetIsTakenForADigit) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int byte = 0; byte < 256; ++byte) {
    const auto character = static_cast<char>(byte);
    std::string out;
    EXPECT_EQ(base64_decode(std::string("AA") + character + "A", out), alphabet.find(character) != std::string::npos)
        << byte;
  }
}

}  // namespace
}  // namespace tidemark
