#include "schemas/content/content.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "schemas/content/json.h"
#include "tests/schemas/content/any_content.h"
#include "tests/support/matchers.h"

namespace keruen::content {
namespace {

TEST(Content, DecodesWhatItEncodes) {
  EXPECT_TRUE(rc::check("decode_content(encode(x)) == x", [](std::uint64_t seed) {
    const Content content = AnyContent(seed).make();
    const auto bytes = encode(content);
    if (!bytes) RC_FAIL(bytes.error().detail);
    const auto decoded = decode_content(*bytes);
    if (!decoded) RC_FAIL(decoded.error().detail);
    RC_ASSERT(*decoded == content);
  }));
}

TEST(Content, ReadsItsOwnJson) {
  EXPECT_TRUE(rc::check("content_from_json(to_json(x)) == x", [](std::uint64_t seed) {
    const Content content = AnyContent(seed).make();
    const auto read = content_from_json(to_json(content));
    if (!read) RC_FAIL(read.error().detail);
    RC_ASSERT(*read == content);
  }));
}

TEST(Content, IsEncodedInOneWay) {
  const Content content = AnyContent(7).make();
  EXPECT_EQ(encode(content), encode(content));
}

TEST(Content, KnowsTheKindOfItsMessage) {
  EXPECT_EQ(kind_of({{}, {}, CooperationNotice{}}), MessageKind::notice);
  EXPECT_EQ(kind_of({{}, {}, TrainingSchedule{}}), MessageKind::schedule);
  EXPECT_EQ(kind_of({{}, {}, OfficerReceipt{}}), MessageKind::receipt);
  EXPECT_EQ(kind_of({{}, {}, Part{}}), MessageKind::part);
}

TEST(Content, ARecallTravelsAsTheKindItRecalls) {
  EXPECT_EQ(kind_of({{}, {}, Recall{{}, MessageKind::schedule, ""}}), MessageKind::schedule);
}

TEST(Content, APartOfFullSizeFitsAMessageBody) {
  Part part;
  part.bytes.assign(kPartBytesMax, 0x5a);
  KERUEN_ASSERT_OK(const Bytes bytes, encode({{}, {}, part}));
  EXPECT_LE(bytes.size() + 5, kPlaintextBytesMax);
}

TEST(Content, AShortNoticeIsSmall) {
  CooperationNotice notice;
  notice.type = NoticeType::warning;
  notice.what = "White Kamaz, suspected heroin";
  KERUEN_ASSERT_OK(const Bytes bytes, encode({{}, {}, notice}));
  EXPECT_LE(bytes.size(), 512u);
}

TEST(Texts, GivesTheLanguageWantedElseEnglishElseRussianElseTheFirst) {
  const Texts texts{{"kk", "k"}, {"ru", "r"}, {"en", "e"}};
  EXPECT_EQ(best_text(texts, "kk"), "k");
  EXPECT_EQ(best_text(texts, "uz"), "e");
  EXPECT_EQ(best_text({{"kk", "k"}, {"ru", "r"}}, "uz"), "r");
  EXPECT_EQ(best_text({{"kk", "k"}}, "uz"), "k");
  EXPECT_EQ(best_text({}, "uz"), "");
}

TEST(Parts, FollowFromTheSize) {
  EXPECT_EQ(part_count_of(0), 0u);
  EXPECT_EQ(part_count_of(1), 1u);
  EXPECT_EQ(part_count_of(kPartBytesMax), 1u);
  EXPECT_EQ(part_count_of(kPartBytesMax + 1), 2u);
  EXPECT_EQ(part_size_of(kPartBytesMax + 1, 0), kPartBytesMax);
  EXPECT_EQ(part_size_of(kPartBytesMax + 1, 1), 1u);
  EXPECT_EQ(part_size_of(kPartBytesMax + 1, 2), 0u);
}

}  // namespace
}  // namespace keruen::content
