// Every way in which a body may be wrong is refused, with a word on what is wrong.
#include <gtest/gtest.h>

#include <random>

#include "tests/common/wire_body.h"

namespace tidemark {
namespace {

using namespace std::string_literals;
using test::body_of;
using test::refusal_of;

struct Malformed {
  std::string text;
  std::string names;  // what the message must contain
};

void expect_refused(const Malformed& c, const std::string& body) {
  const std::string message = refusal_of(body);
  EXPECT_EQ(message.rfind("malformed body: ", 0), 0U) << c.text << " gives \"" << message << '"';
  EXPECT_NE(message.find(c.names), std::string::npos) << c.text << " gives \"" << message << '"';
}

TEST(WireMalformed, NamesWhatIsWrongInAChange) {
  const Malformed cases[] = {
      {R"(7)", "a change expected"},
      {R"({"op":"i"})", "a change expected"},
      {R"(null)", "a change expected"},
      {R"([])", "needs a table, an operation and a key"},
      {R"([0])", "needs a table, an operation and a key"},
      {R"([0,"d"])", "needs a table, an operation and a key"},
      {R"(["t","d",["k",1]])", "a table's place expected"},
      {R"([-1,"d",["k",1]])", "table place -1"},
      {R"([1,"d",["k",1]])", "table place 1"},
      {R"([0.0,"d",["k",1]])", "a table's place expected"},
      {R"([4294967296,"d",["k",1]])", "table place 4294967296"},
      {R"([0,"x",["k",1]])", "operation \"x\""},
      {R"([0,"",["k",1]])", "operation \"\""},
      {R"([0,"ii",["k",1]])", "operation \"ii\""},
      {R"([0,1,["k",1]])", "an operation expected"},
      {R"([0,null,["k",1]])", "an operation expected"},
      {R"([0,"d","k"])", "an array of values expected"},
      {R"([0,"d",null])", "an array of values expected"},
      {R"([0,"d",["k"]])", "has 1 key values, the table has 2"},
      {R"([0,"d",["k",1,2]])", "has 3 key values, the table has 2"},
      {R"([0,"d",[]])", "has 0 key values, the table has 2"},
      {R"([0,"d",["k",1],["x"]])", "a delete carries values"},
      {R"([0,"d",["k",1],null,[0]])", "a delete carries values"},
      {R"([0,"d",["k",1],null,[]])", "a delete carries values"},
      {R"([0,"u",["k",1],["x"]])", "does not say which columns"},
      {R"([0,"u",["k",1],["x"],null])", "does not say which columns"},
      {R"([0,"u",["k",1],["x","y"],[0]])", "has 2 values for 1 columns"},
      {R"([0,"u",["k",1],null,[0]])", "has 0 values for 1 columns"},
      {R"([0,"i",["k",1]])", "has 0 values for 3 columns"},
      {R"([0,"i",["k",1],["x"]])", "has 1 values for 3 columns"},
      {R"([0,"i",["k",1],["x",null,1,2]])", "has 4 values for 3 columns"},
      {R"([0,"i",["k",1],"x"])", "an array of values expected"},
      {R"([0,"u",["k",1],["x"],[3]])", "column place 3"},
      {R"([0,"u",["k",1],["x"],[-1]])", "column place -1"},
      {R"([0,"u",["k",1],["x"],[65536]])", "column place 65536"},
      {R"([0,"u",["k",1],["x","y"],[1,0]])", "column place 0 is out of range or order"},
      {R"([0,"u",["k",1],["x","y"],[1,1]])", "column place 1 is out of range or order"},
      {R"([0,"u",["k",1],["x"],["a"]])", "a column place expected"},
      {R"([0,"u",["k",1],["x"],0])", "an array of column places expected"},
      {R"([0,"u",["k",1],["x"],{}])", "an array of column places expected"},
      {R"([0,"u",["k",1],["x"],[0],"now"])", "a time in milliseconds expected"},
      {R"([0,"u",["k",1],["x"],[0],1.5])", "a time in milliseconds expected"},
      {R"([0,"u",["k",1],["x"],[0],9223372036854775808])", "a time in milliseconds expected"},
      {R"([0,"u",["k",1],["x"],[0],1,null])", "six parts at most"},
  };
  for (const Malformed& c : cases) expect_refused(c, body_of(c.text));
}

TEST(WireMalformed, NamesWhatIsWrongInAValue) {
  const Malformed cases[] = {
      {R"([1])", "an array where a value is expected"},
      {R"({})", "one member: \"blob\", \"real\" or \"add\""},
      {R"({"blob":"QQ==","real":"nan"})", "one member: \"blob\", \"real\" or \"add\""},
      {R"({"blob":"QQ==","blob":"QQ=="})", "one member: \"blob\", \"real\" or \"add\""},
      {R"({"text":"x"})", "one member: \"blob\", \"real\" or \"add\""},
      {R"({"Blob":"QQ=="})", "one member: \"blob\", \"real\" or \"add\""},
      {R"({"blob":1})", "a string in a value's object expected"},
      {R"({"blob":null})", "a string in a value's object expected"},
      {R"({"blob":"QQ="})", "not base64"},
      {R"({"blob":"QQ"})", "not base64"},
      {R"({"blob":"Q Q="})", "not base64"},
      {R"({"blob":"QQ-="})", "not base64"},
      {R"({"real":"NaN"})", "nan, inf or -inf"},
      {R"({"real":"+inf"})", "nan, inf or -inf"},
      {R"({"real":""})", "nan, inf or -inf"},
      {R"({"real":1.5})", "a string in a value's object expected"},
      {R"({"add":null})", "\"add\" is a number"},
      {R"({"add":true})", "\"add\" is a number"},
      {R"({"add":[1]})", "\"add\" is a number"},
      {R"({"add":{"real":"inf"}})", "\"add\" is a number"},
      {R"({"add":9223372036854775808})", "does not fit 64 bits"},
      {R"(9223372036854775808)", "does not fit 64 bits"},
      {R"(18446744073709551615)", "does not fit 64 bits"},
  };
  for (const Malformed& c : cases) {
    expect_refused(c, body_of(R"([0,"d",[)" + c.text + R"(,1]])"));
    expect_refused(c, body_of(R"([0,"u",["k",1],[)" + c.text + R"(],[0]])"));
  }
}

TEST(WireMalformed, OnlyValuesOfAnUpdateAdd) {
  for (const char* change : {R"([0,"i",["k",1],[{"add":1},null,null]])", R"([0,"u",["k",{"add":1}],["x"],[0]])",
                             R"([0,"i",["k",{"add":"1"}],["x",null,null]])", R"([0,"d",[{"add":1},1]])"}) {
    expect_refused({change, "only values of an update can \"add\""}, body_of(change));
  }
}

TEST(WireMalformed, NamesWhatIsWrongInATable) {
  const Malformed cases[] = {
      {R"(7)", "the string \"table\" expected"},
      {R"([])", "the string \"table\" expected"},
      {R"({"key":[["a","text"]],"columns":[]})", "the string \"table\" expected"},
      {R"({"table":7,"key":[["a","text"]],"columns":[]})", "the string \"table\" expected"},
      {R"({"table":"t","columns":[]})", "the array \"key\" expected"},
      {R"({"table":"t","key":"id","columns":[]})", "the array \"key\" expected"},
      {R"({"table":"t","key":[["a","text"]]})", "the array \"columns\" expected"},
      {R"({"table":"t","key":[["a","text"]],"columns":{}})", "the array \"columns\" expected"},
      {R"({"table":"t","key":[],"columns":[]})", "table \"t\" without key columns"},
      {R"({"table":"t","key":["a"],"columns":[]})", "a [name, kind] pair expected"},
      {R"({"table":"t","key":[[]],"columns":[]})", "a column name expected"},
      {R"({"table":"t","key":[[1,"text"]],"columns":[]})", "a column name expected"},
      {R"({"table":"t","key":[["a"]],"columns":[]})", "a column kind expected"},
      {R"({"table":"t","key":[["a",2]],"columns":[]})", "a column kind expected"},
      {R"({"table":"t","key":[["a","varchar"]],"columns":[]})", "unknown column kind \"varchar\""},
      {R"({"table":"t","key":[["a","text"]],"columns":[["b",""]]})", "unknown column kind \"\""},
  };
  for (const Malformed& c : cases) expect_refused(c, R"({"tables":[)" + c.text + R"(],"changes":[]})");
  expect_refused({"tables is an object", "the array \"tables\" expected"}, R"({"tables":{},"changes":[]})");
  expect_refused({"tables is null", "the array \"tables\" expected"}, R"({"tables":null,"changes":[]})");
}

TEST(WireMalformed, ATableOfMoreColumnsThanAPlaceCanNameIsRefused) {
  std::string columns;
  for (int i = 0; i < 65536; ++i) columns += (i == 0 ? "" : ",") + R"(["c)"s + std::to_string(i) + R"(","text"])";
  expect_refused({"65,536 columns", "too many columns"},
                 R"({"tables":[{"table":"t","key":[["a","text"]],"columns":[)" + columns + R"(]}],"changes":[]})");
}

TEST(WireMalformed, WhatIsNotJsonIsRefused) {
  const std::string cases[] = {
      "",
      " ",
      "\n",
      "x",
      "<html><body>502 Bad Gateway</body></html>",
      "{",
      "}",
      "[",
      "]",
      "{]",
      "[}",
      "\"",
      "nul",
      "{\"a\":1}{\"b\":2}",
      "[1,2] x",
      "{\"a\":}",
      "{\"a\" 1}",
      "{a:1}",
      "{'a':1}",
      "[1,]",
      "[,1]",
      "{\"a\":1,}",
      "[01]",
      "[1.]",
      "[.5]",
      "[+1]",
      "[1e]",
      "[1e999]",
      "[NaN]",
      "[Infinity]",
      "[0x1]",
      "[18446744073709551616]",
      "[\"\x01\"]",
      "[\"a\nb\"]",
      "[\"\\x\"]",
      "[\"\\u12\"]",
      "[\"\\ud800\"]",
      "[\"\\udc00\"]",
      "[\"\xFF\"]",
      "[\"\xC0\x80\"]",
      "[\"\xED\xA0\x80\"]",
      "[\"\xF4\x90\x80\x80\"]",
      "[\"\xE4\xBE\"]",
      "[\"\x80\"]",
      "\xEF\xBB\xBF[",
      "[1]\0"s,
      "\0"s,
      "/* c */ []",
      "[] // c",
      std::string(1000, '['),
      std::string(1000, '{'),
  };
  for (const std::string& text : cases) {
    simdjson::dom::parser parser;
    try {
      parse_body(parser, text);
      ADD_FAILURE() << "accepted: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidInput) << text;
      EXPECT_EQ(std::string(error.what()).rfind("malformed body: ", 0), 0U) << error.what();
      EXPECT_NE(error.hint(), "");
    }
  }
}

TEST(WireMalformed, NestingIsLimitedTo16) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + "1" + std::string(depth, ']'); };
  const auto accepts = [](const std::string& text) {
    simdjson::dom::parser parser;
    try {
      parse_body(parser, text);
      return true;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidInput);
      return false;
    }
  };
  for (const std::size_t depth : {1U, 6U, 10U, 15U}) EXPECT_TRUE(accepts(nested(depth))) << depth;
  for (const std::size_t depth : {17U, 18U, 100U, 1024U, 1'000'000U}) EXPECT_FALSE(accepts(nested(depth))) << depth;
  EXPECT_NE(refusal_of(body_of(R"([0,"d",[)" + nested(20) + ",1]]")), "");
  EXPECT_NE(refusal_of(R"({"tables":[],"changes":[],"x":)" + nested(1'000'000) + "}"), "");

  simdjson::dom::parser used;
  parse_body(used, nested(15) + std::string(5000, ' '));
  EXPECT_THROW(parse_body(used, nested(17)), Error) << "the limit holds for a parser that was used";
}

constexpr std::string_view kWhole =
    R"({"tables":[{"table":"t","key":[["id","uuid"],["n","integer"]],"columns":[["a","text"],["b","bytea"],["c","real"]]}],)"
    R"("changes":[[0,"i",["k\u0000é",-12],["价",{"blob":"QUI="},1.5e-7],null,1700000000000],[0,"u",["k",1],[{"real":"nan"}],[2]],[0,"d",["k",true]]]})";

TEST(WireMalformed, ABodyCutAtAnyByteIsRefused) {
  ASSERT_EQ(refusal_of(kWhole), "");
  for (std::size_t length = 0; length < kWhole.size(); ++length) {
    EXPECT_EQ(refusal_of(kWhole.substr(0, length)).rfind("malformed body: ", 0), 0U) << kWhole.substr(0, length);
  }
}

TEST(WireMalformed, ABodyWithAnyByteChangedIsReadOrRefusedAndNothingElse) {
  std::mt19937 random(11);
  for (std::size_t place = 0; place < kWhole.size(); ++place) {
    for (int round = 0; round < 24; ++round) {
      std::string body(kWhole);
      body[place] = static_cast<char>(round == 0 ? 0 : random());
      const std::string message = refusal_of(body);
      EXPECT_TRUE(message.empty() || message.rfind("malformed body: ", 0) == 0) << message << " for " << body;
    }
  }
}

TEST(WireMalformed, AMissingMemberIsNamed) {
  simdjson::dom::parser parser;
  const auto root = parse_body(parser, R"({"text":"x","integer":1,"array":[],"big":9223372036854775808,"real":1.5})");
  const auto message = [](const auto& read) -> std::string {
    try {
      read();
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_EQ(integer_member(root, "integer"), 1);
  EXPECT_EQ(text_member(root, "text"), "x");
  EXPECT_EQ(array_member(root, "array").size(), 0U);
  for (const char* name : {"none", "text", "array", "big", "real"}) {
    EXPECT_EQ(message([&] { integer_member(root, name); }),
              "malformed body: the integer \"" + std::string(name) + "\" expected");
  }
  for (const char* name : {"none", "integer", "array"}) {
    EXPECT_EQ(message([&] { text_member(root, name); }),
              "malformed body: the string \"" + std::string(name) + "\" expected");
    EXPECT_NE(message([&] { array_member(root, name == "array"s ? "text" : name); }), "");
  }
  EXPECT_NE(message([&] { integer_member(parse_body(parser, "[1]"), "0"); }), "");
}

}  // namespace
}  // namespace tidemark
