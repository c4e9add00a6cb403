// The kinds of column, their wire names and their forms.
#include "common/kind.h"

#include <gtest/gtest.h>

#include <set>

namespace tidemark {
namespace {

struct Named {
  Kind kind;
  const char* name;
  Form form;
};

const Named kAll[] = {
    {Kind::kSmallint, "smallint", Form::kIntegers},
    {Kind::kInteger, "integer", Form::kIntegers},
    {Kind::kBigint, "bigint", Form::kIntegers},
    {Kind::kReal, "real", Form::kReals},
    {Kind::kDouble, "double precision", Form::kReals},
    {Kind::kNumeric, "numeric", Form::kTexts},
    {Kind::kText, "text", Form::kTexts},
    {Kind::kBytea, "bytea", Form::kBlobs},
    {Kind::kBoolean, "boolean", Form::kBooleans},
    {Kind::kUuid, "uuid", Form::kTexts},
    {Kind::kDate, "date", Form::kTexts},
    {Kind::kTime, "time", Form::kTexts},
    {Kind::kTimestamp, "timestamp", Form::kTexts},
    {Kind::kTimestamptz, "timestamptz", Form::kTexts},
    {Kind::kInterval, "interval", Form::kTexts},
    {Kind::kJson, "json", Form::kTexts},
    {Kind::kJsonb, "jsonb", Form::kTexts},
    {Kind::kEnum, "enum", Form::kTexts},
    {Kind::kArray, "array", Form::kTexts},
};

TEST(Kind, HasTheNameAndFormThatTheProtocolSays) {
  for (const Named& c : kAll) {
    EXPECT_EQ(name_of(c.kind), c.name);
    EXPECT_EQ(form_of(c.kind), c.form) << c.name;
  }
}

TEST(Kind, IsFoundByItsNameAndNoOther) {
  std::set<Kind> found;
  for (const Named& c : kAll) {
    ASSERT_EQ(kind_named(c.name), c.kind) << c.name;
    found.insert(c.kind);
  }
  EXPECT_EQ(found.size(), std::size(kAll));
  for (const char* name : {"", "Smallint", "INTEGER", "int", "text ", " text", "varchar", "double",
                           "timestamp with time zone", "money", "unknown"}) {
    EXPECT_EQ(kind_named(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace tidemark
