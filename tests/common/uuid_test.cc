// RFC 9562, section 5.7: what is where in a version 7 UUID.
#include "common/uuid.h"

#include <gtest/gtest.h>

#include <random>

namespace tidemark {
namespace {

constexpr UuidBytes kNoBits{};
constexpr UuidBytes kAllBits = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

TEST(Uuid, IsTheExampleOfTheRfc) {
  // Appendix A.6: 2022-02-22 19:22:22 UTC.
  const UuidBytes entropy = {0, 0, 0, 0, 0, 0, 0x0C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F};
  EXPECT_EQ(uuid_text(uuid_v7(0x017F22E279B0, entropy)), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

TEST(Uuid, HasVersionSevenAndVariantTenWhateverTheEntropy) {
  struct Case {
    UuidBytes entropy;
    std::uint64_t ms;
    const char* text;
  };
  const Case cases[] = {
      {kNoBits, 0, "00000000-0000-7000-8000-000000000000"},
      {kAllBits, 0, "00000000-0000-7fff-bfff-ffffffffffff"},
      {kNoBits, 1, "00000000-0001-7000-8000-000000000000"},
      {kNoBits, 0xFFFF'FFFF'FFFF, "ffffffff-ffff-7000-8000-000000000000"},
      {kAllBits, 0xFFFF'FFFF'FFFF, "ffffffff-ffff-7fff-bfff-ffffffffffff"},
      {kNoBits, 0xABCD'0000'0000'0001, "00000000-0001-7000-8000-000000000000"},  // top 16 dropped
      {kNoBits, 0x0102'0304'0506, "01020304-0506-7000-8000-000000000000"},
  };
  for (const Case& c : cases) EXPECT_EQ(uuid_text(uuid_v7(c.ms, c.entropy)), c.text);
}

TEST(Uuid, KeepsThe74RandomBits) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 1000; ++round) {
    UuidBytes entropy;
    for (auto& byte : entropy) byte = static_cast<std::uint8_t>(random());
    const UuidBytes uuid = uuid_v7(random(), entropy);
    EXPECT_EQ(uuid[6] & 0x0F, entropy[6] & 0x0F);
    EXPECT_EQ(uuid[7], entropy[7]);
    EXPECT_EQ(uuid[8] & 0x3F, entropy[8] & 0x3F);
    for (int i = 9; i < 16; ++i) EXPECT_EQ(uuid[i], entropy[i]);
  }
}

TEST(Uuid, SortsByTimeAsBytesAndAsText) {
  const std::uint64_t times[] = {0, 1, 255, 256, 65535, 65536, 0xFFFFFFFF, 0x100000000, 1753000000000};
  for (std::size_t i = 1; i < std::size(times); ++i) {
    const UuidBytes early = uuid_v7(times[i - 1], kAllBits);
    const UuidBytes late = uuid_v7(times[i], kNoBits);
    EXPECT_LT(early, late) << times[i];
    EXPECT_LT(uuid_text(early), uuid_text(late)) << times[i];
  }
}

TEST(Uuid, TextIsLowerCaseWithDashesInTheirPlaces) {
  const UuidBytes bytes = {0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF,
                           0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10};
  EXPECT_EQ(uuid_text(bytes), "01234567-89ab-cdef-fedc-ba9876543210");
}

}  // namespace
}  // namespace tidemark
