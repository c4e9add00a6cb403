// What is written on the wire is what is read there.
#include "common/wire.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <memory>

#include "common/json_text.h"
#include "tests/common/wire_body.h"

namespace tidemark {
namespace {

using namespace std::string_view_literals;
using test::Body;
using test::body_of;
using limits = std::numeric_limits<double>;

TEST(Wire, ReadsATable) {
  const Body body(body_of(""));
  ASSERT_EQ(body.tables.size(), 1U);
  const WireTable& table = body.tables[0];
  EXPECT_EQ(table.name, "t");
  ASSERT_EQ(table.key.size(), 2U);
  EXPECT_EQ(table.key[1].name, "n");
  EXPECT_EQ(table.key[1].kind, Kind::kInteger);
  ASSERT_EQ(table.columns.size(), 3U);
  EXPECT_EQ(table.columns[2].kind, Kind::kReal);
}

TEST(Wire, ReadsATableOfOnlyKeyColumns) {
  const Body body(R"({"tables":[{"table":"t","key":[["id","text"]],"columns":[]}],"changes":[[0,"i",["x"],[]]]})");
  EXPECT_TRUE(body.changes.at(0).values.empty());
  EXPECT_TRUE(body.changes.at(0).columns.empty());
}

TEST(Wire, ReadsTheThreeOperations) {
  const Body body(body_of(R"([0,"i",["k",1],["x",null,0.5]], [0,"u",["k",1],["y"],[0],77], [0,"d",["k",1]])"));
  ASSERT_EQ(body.changes.size(), 3U);
  const WireChange& insert = body.changes[0];
  EXPECT_EQ(insert.op, Op::kInsert);
  EXPECT_EQ(insert.columns, (std::vector<std::uint16_t>{0, 1, 2}));
  EXPECT_EQ(insert.values.at(0).text, "x");
  EXPECT_EQ(insert.at_ms, std::nullopt);
  const WireChange& update = body.changes[1];
  EXPECT_EQ(update.op, Op::kUpdate);
  EXPECT_EQ(update.columns, (std::vector<std::uint16_t>{0}));
  EXPECT_EQ(update.at_ms, 77);
  EXPECT_EQ(body.changes[2].op, Op::kDelete);
  EXPECT_EQ(body.changes[2].key.at(1).integer, 1);
}

TEST(Wire, PartsThatDoNotApplyMayBeNull) {
  for (const char* change : {R"([0,"d",["k",1],null,null,5])", R"([0,"d",["k",1],[],null])", R"([0,"d",["k",1],null])",
                             R"([0,"i",["k",1],["x",null,1],null,null])", R"([0,"i",["k",1],["x",1],[0,2],-5])",
                             R"([0,"u",["k",1],[],[]])", R"([0,"u",["k",1],null,[]])"}) {
    EXPECT_EQ(test::refusal_of(body_of(change)), "") << change;
  }
}

TEST(Wire, AChangeIsReadIntoVectorsThatWereUsed) {
  Body body(body_of(R"([0,"i",["k",1],["x",null,0.5],null,9], [0,"d",["l",2]])"));
  simdjson::dom::parser parser;
  WireChange change;
  for (const auto element : array_member(
           parse_body(parser, body_of(R"([0,"i",["k",1],["x",null,0.5],null,9],[0,"d",["l",2]])")), "changes")) {
    body.reader.change(element, change);
  }
  EXPECT_EQ(change.op, Op::kDelete);
  EXPECT_EQ(change.key.size(), 2U);
  EXPECT_TRUE(change.values.empty());
  EXPECT_TRUE(change.columns.empty());
  EXPECT_EQ(change.at_ms, std::nullopt);
}

WireValue value_read(const std::string& json) {
  static std::vector<std::unique_ptr<Body>> kept;  // views live as long as their body
  kept.push_back(std::make_unique<Body>(body_of(R"([0,"i",[)" + json + R"(,1],[null,null,null]])")));
  return kept.back()->changes.at(0).key.at(0);
}

TEST(Wire, ReadsEveryTypeOfValue) {
  EXPECT_EQ(value_read("null").type, WireValue::Type::kNull);
  EXPECT_EQ(value_read("true").type, WireValue::Type::kBoolean);
  EXPECT_TRUE(value_read("true").boolean);
  EXPECT_FALSE(value_read("false").boolean);
  EXPECT_EQ(value_read("-9223372036854775808").integer, INT64_MIN);
  EXPECT_EQ(value_read("9223372036854775807").integer, INT64_MAX);
  EXPECT_EQ(value_read("5").type, WireValue::Type::kInteger);
  EXPECT_EQ(value_read("5.0").type, WireValue::Type::kReal);
  EXPECT_TRUE(std::signbit(value_read("-0.0").real));
  EXPECT_EQ(value_read(R"({"real":"inf"})").real, limits::infinity());
  EXPECT_EQ(value_read(R"({"real":"-inf"})").real, -limits::infinity());
  EXPECT_TRUE(std::isnan(value_read(R"({"real":"nan"})").real));
  EXPECT_EQ(value_read(R"("a\u0000b\ud83e\uddfe")").text, "a\0b\xF0\x9F\xA7\xBE"sv);
  EXPECT_EQ(value_read(R"("")").text, "");
  EXPECT_EQ(value_read(R"({"blob":""})").type, WireValue::Type::kBlob);
  EXPECT_EQ(value_read(R"({"blob":"AP8="})").text, "\0\xFF"sv);
}

TEST(Wire, TextsReadBack) {
  std::string all;
  for (int byte = 0; byte < 128; ++byte) all += static_cast<char>(byte);
  for (const std::string& text :
       {std::string(), all, std::string(100'000, 'x'), std::string("价格 🧾 é"), std::string(3, '\0')}) {
    std::string json;
    append_json_string(json, text);
    EXPECT_EQ(value_read(json).text, text);
  }
}

TEST(Wire, BlobsReadBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string& bytes : {std::string(), all, all + "x", all + "xy", std::string(100'000, '\xFF')}) {
    std::string json;
    append_json_blob(json, bytes);
    EXPECT_EQ(value_read(json).text, bytes);
  }
}

TEST(Wire, DoublesReadBackBitByBit) {
  for (const double value : {-0.0, 0.5, 1e15, 1000000000000001.0, -1000000000000001.0, 9007199254740993.0, 1e20, 1e300,
                             9223372036854775808.0, 18446744073709551616.0, limits::denorm_min(), limits::min(),
                             limits::max(), limits::lowest(), 0.1, 1.0 / 3}) {
    std::string json;
    append_json_real(json, value);
    const WireValue read = value_read(json);
    ASSERT_EQ(read.type, WireValue::Type::kReal) << json;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(read.real), std::bit_cast<std::uint64_t>(value)) << json;
  }
  for (const double value : {0.0, 1.0, -7.0, 999999999999999.0}) {  // read as integers of the same value
    std::string json;
    append_json_real(json, value);
    const WireValue read = value_read(json);
    ASSERT_EQ(read.type, WireValue::Type::kInteger) << json;
    EXPECT_EQ(static_cast<double>(read.integer), value) << json;
  }
}

TEST(Wire, TablesReadBack) {
  const WireTable tables[] = {
      {"t", {{"id", Kind::kUuid}}, {}},
      {std::string("odd \"name\"\n\0"sv),
       {{"a\\b", Kind::kText}, {"", Kind::kBytea}},
       {{"価格", Kind::kNumeric}, {"d", Kind::kDouble}}},
  };
  for (const WireTable& table : tables) {
    std::string json;
    append_wire_table(json, table);
    const Body body(R"({"tables":[)" + json + R"(],"changes":[]})");
    const WireTable& back = body.tables.at(0);
    EXPECT_EQ(back.name, table.name);
    ASSERT_EQ(back.key.size(), table.key.size());
    ASSERT_EQ(back.columns.size(), table.columns.size());
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      EXPECT_EQ(back.columns[i].name, table.columns[i].name);
      EXPECT_EQ(back.columns[i].kind, table.columns[i].kind);
    }
  }
}

TEST(Wire, WritesATableAsTheProtocolShowsIt) {
  std::string json;
  append_wire_table(json, {"products", {{"id", Kind::kUuid}}, {{"name", Kind::kText}, {"price", Kind::kNumeric}}});
  EXPECT_EQ(json, R"({"table":"products","key":[["id","uuid"]],"columns":[["name","text"],["price","numeric"]]})");
}

TEST(Wire, BlobsAreForgottenOnDemandOnly) {
  Body body(body_of(R"([0,"i",[{"blob":"QUJD"},1],[null,{"blob":"REVG"},null]])"));
  EXPECT_EQ(body.changes[0].key[0].text, "ABC");
  EXPECT_EQ(body.changes[0].values[1].text, "DEF");
  body.reader.forget_blobs();
}

TEST(Wire, AParserIsUsedForBodiesOfEverySize) {
  simdjson::dom::parser parser;
  for (const std::size_t size : {10U, 100'000U, 10U, 1'000'000U, 1U}) {
    const std::string text = "{\"a\":\"" + std::string(size, 'x') + "\"}";
    EXPECT_EQ(text_member(parse_body(parser, text), "a").size(), size);
  }
}

}  // namespace
}  // namespace tidemark
