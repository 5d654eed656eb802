#include "schemas/names.h"

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace keruen {
namespace {

TEST(AgencyIds, TakesLabelsJoinedByDots) {
  for (const auto text : {"kz.customs", "kz.border-guard", "a.b", "0.1", "kz.almaty.post-7"}) {
    KERUEN_ASSERT_OK(const AgencyId id, AgencyId::parse(text));
    EXPECT_EQ(id.text(), text);
  }
}

TEST(AgencyIds, RefusesWhatIsNoDottedId) {
  for (const auto text :
       {"", "kz", ".", "kz.", ".kz", "kz..customs", "KZ.customs", "kz.cus toms", "kz.-customs",
        "kz.customs-", "kz/customs", "../etc", "kz.customs\n", "kz.\xd0\xba", "kz.cust_oms"}) {
    EXPECT_THAT(AgencyId::parse(text), FailsWith(ErrorCode::malformed)) << text;
  }
}

TEST(AgencyIds, AreBounded) {
  const std::string longest = "kz." + std::string(kAgencyIdBytesMax - 3, 'a');
  EXPECT_THAT(AgencyId::parse(longest), IsOk());
  EXPECT_THAT(AgencyId::parse(longest + "a"), FailsWith(ErrorCode::malformed));
}

TEST(AgencyIds, AFaultShowsNoControlCharacters) {
  const auto result = AgencyId::parse("kz.\x1b[2J");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().detail.find('\x1b'), std::string::npos);
}

TEST(Origins, AreVisibleAsciiWithoutPlus) {
  EXPECT_THAT(Origin::parse("kz.exchange"), IsOk());
  EXPECT_THAT(Origin::parse("example.com/log42"), IsOk());
  for (const auto text : {"", "kz exchange", "kz+exchange", "kz\nexchange", "\xd0\xba\xd0\xb7"}) {
    EXPECT_THAT(Origin::parse(text), FailsWith(ErrorCode::malformed)) << text;
  }
  EXPECT_THAT(Origin::parse(std::string(kOriginBytesMax + 1, 'a')),
              FailsWith(ErrorCode::malformed));
}

TEST(OperatorNames, AreOneLabel) {
  EXPECT_THAT(OperatorName::parse("duty"), IsOk());
  for (const auto text : {"", "kz.duty", "-duty", "Duty"}) {
    EXPECT_THAT(OperatorName::parse(text), FailsWith(ErrorCode::malformed)) << text;
  }
}

TEST(MessageKinds, NamesAndNumbersGoBothWays) {
  for (std::uint64_t number = 1; number <= kMessageKindMax; ++number) {
    const auto kind = message_kind_numbered(number);
    ASSERT_TRUE(kind);
    EXPECT_EQ(message_kind_named(name_of(*kind)), kind);
  }
  EXPECT_FALSE(message_kind_numbered(0));
  EXPECT_FALSE(message_kind_numbered(kMessageKindMax + 1));
  EXPECT_FALSE(message_kind_named("letter"));
}

TEST(Lanes, NamesAndNumbersGoBothWays) {
  for (std::uint64_t number = 0; number < kLaneCount; ++number) {
    const auto lane = lane_numbered(number);
    ASSERT_TRUE(lane);
    EXPECT_EQ(lane_named(name_of(*lane)), lane);
  }
  EXPECT_FALSE(lane_numbered(kLaneCount));
  EXPECT_FALSE(lane_named("express"));
}

TEST(MessageIds, HaveTheTextFormOfAUuid) {
  const auto id = message_id_from_text("0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->hex(), "0197a3c27d1e7c439a551f0c3e2d4b5a");
  EXPECT_EQ(to_text(*id), "0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a");
}

TEST(MessageIds, RefusesOtherForms) {
  for (const auto text :
       {"", "0197a3c27d1e7c439a551f0c3e2d4b5a", "0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5",
        "0197a3c2-7d1e-7c43-9a551-f0c3e2d4b5a", "0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5g",
        "{0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a}"}) {
    EXPECT_FALSE(message_id_from_text(text)) << text;
  }
}

}  // namespace
}  // namespace keruen
