#include <capnp/message.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "schemas/content/bounds_check.h"
#include "schemas/content/content.capnp.h"
#include "schemas/content/content.h"
#include "schemas/strict_message.h"
#include "tests/schemas/content/any_content.h"
#include "tests/support/matchers.h"

namespace keruen::content {
namespace {

using ::testing::HasSubstr;

Content short_notice() {
  CooperationNotice notice;
  notice.type = NoticeType::warning;
  notice.what = "White Kamaz, suspected heroin";
  return {{}, {}, notice};
}

// A valid notice with `change` done to it behind the encoder's back.
template <class Change>
Bytes forged(Change change) {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<format::Content>();
  auto header = root.initHeader();
  header.setStatus(format::MessageStatus::ACTUAL);
  header.setHandling(format::Handling::H0);
  auto notice = root.getBody().initNotice();
  notice.setType(format::NoticeType::WARNING);
  notice.setWhat("White Kamaz");
  change(root, notice);
  return write_flat(message);
}

TEST(HostileContent, TheForgeryItselfIsValid) {
  EXPECT_THAT(decode_content(forged([](auto&, auto&) {})), IsOk());
}

TEST(HostileContent, RefusesEveryTruncation) {
  KERUEN_ASSERT_OK(const Bytes bytes, encode(short_notice()));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THAT(decode_content(BytesView(bytes).first(length)), FailsWith(ErrorCode::malformed));
  }
}

TEST(HostileContent, RefusesTrailingBytes) {
  KERUEN_ASSERT_OK(Bytes bytes, encode(short_notice()));
  bytes.push_back(0);
  EXPECT_THAT(decode_content(bytes), FailsWith(ErrorCode::malformed));
  bytes.resize(bytes.size() + 7);
  EXPECT_THAT(decode_content(bytes), FailsWith(ErrorCode::malformed));
}

TEST(HostileContent, RefusesTwoSegments) {
  KERUEN_ASSERT_OK(Bytes bytes, encode(short_notice()));
  bytes[0] = 1;
  EXPECT_THAT(decode_content(bytes), FailsWith(ErrorCode::malformed, HasSubstr("segment")));
}

TEST(HostileContent, RefusesMoreThanItsBound) {
  EXPECT_THAT(decode_content(Bytes(kContentBytesMax + 8)), FailsWith(ErrorCode::too_large));
}

TEST(HostileContent, RefusesAnUnknownEnumerator) {
  const Bytes bytes =
      forged([](auto&, auto& notice) { notice.setType(static_cast<format::NoticeType>(0x0101)); });
  EXPECT_THAT(decode_content(bytes), FailsWith(ErrorCode::malformed, HasSubstr("\"body.type\"")));
}

TEST(HostileContent, RefusesAnEnumeratorThatIsMissing) {
  const Bytes bytes = forged(
      [](auto& root, auto&) { root.getHeader().setHandling(format::Handling::UNSPECIFIED); });
  EXPECT_THAT(decode_content(bytes),
              FailsWith(ErrorCode::malformed, HasSubstr("\"header.handling\"")));
}

TEST(HostileContent, RefusesABodyOfAnUnknownKind) {
  KERUEN_ASSERT_OK(const Bytes notice, encode(short_notice()));
  capnp::MallocMessageBuilder message;
  message.initRoot<format::Content>();
  // The union's number is the only data of the root: 16 bits behind the root pointer.
  Bytes bytes = write_flat(message);
  bytes[16] = 0x77;
  EXPECT_THAT(decode_content(bytes), FailsWith(ErrorCode::unsupported));
}

TEST(HostileContent, RefusesBadUtf8) {
  const Bytes bytes =
      forged([](auto&, auto& notice) { notice.setWhat("\xcf\xf0\xe8\xe2\xe5\xf2"); });
  EXPECT_THAT(decode_content(bytes),
              FailsWith(ErrorCode::malformed, "\"body.what\" is not well-formed UTF-8"));
}

TEST(HostileContent, RefusesTerminalCommandsInTexts) {
  for (const auto text : {"\x1b[2J", "\x7f",
                          "\xc2\x9b"
                          "2J",
                          "\x08"}) {
    const Bytes bytes = forged([&](auto&, auto& notice) { notice.setWhat(text); });
    EXPECT_THAT(decode_content(bytes), FailsWith(ErrorCode::malformed, HasSubstr("control")));
  }
}

TEST(HostileContent, RefusesATextOverItsBound) {
  const std::string text(kEssayBytesMax + 1, 'x');
  const Bytes bytes = forged([&](auto&, auto& notice) { notice.setWhat(text.c_str()); });
  EXPECT_THAT(decode_content(bytes), FailsWith(ErrorCode::too_large, HasSubstr("\"body.what\"")));
}

TEST(HostileContent, RefusesAListOverItsBoundBeforeMakingIt) {
  const Bytes bytes = forged([&](auto&, auto& notice) { notice.initGoods(kGoodsMax + 1); });
  EXPECT_THAT(decode_content(bytes), FailsWith(ErrorCode::too_large, HasSubstr("\"body.goods\"")));
}

TEST(HostileContent, RefusesADigestOfAnotherLength) {
  const Bytes bytes = forged([&](auto& root, auto&) {
    auto parts = root.initParts(1);
    parts[0].setName("photo.jpg");
    parts[0].setSha256(capnp::Data::Reader(reinterpret_cast<const std::uint8_t*>("short"), 5));
  });
  EXPECT_THAT(decode_content(bytes),
              FailsWith(ErrorCode::malformed, "\"parts[0].sha256\" must be 32 bytes"));
}

TEST(HostileContent, RefusesAnInstantBeyondTheCalendar) {
  for (const std::uint64_t time :
       {UINT64_MAX, std::uint64_t{1} << 62, std::uint64_t{253402300800000}}) {
    const Bytes bytes = forged([&](auto&, auto& notice) { notice.setWhen(time); });
    EXPECT_THAT(decode_content(bytes), FailsWith(ErrorCode::malformed, HasSubstr("\"body.when\"")));
  }
}

TEST(HostileContent, RefusesACountOutsideItsRange) {
  for (const std::int64_t count : {std::int64_t{-2}, std::int64_t{UINT32_MAX} + 1}) {
    const Bytes bytes = forged([&](auto&, auto& notice) { notice.setDetainedCount(count); });
    EXPECT_THAT(decode_content(bytes), FailsWith(ErrorCode::malformed));
  }
}

TEST(HostileContent, RefusesAHeaderOnAPart) {
  const Bytes bytes = forged([&](auto& root, auto&) {
    auto part = root.getBody().initPart();
    const Bytes whole(32);
    part.setWhole(capnp::Data::Reader(whole.data(), whole.size()));
    part.setBytes(capnp::Data::Reader(whole.data(), whole.size()));
  });
  EXPECT_THAT(decode_content(bytes), FailsWith(ErrorCode::malformed, HasSubstr("part")));
}

TEST(HostileContent, WhateverIsDecodedSatisfiesTheRulesAndCanBeEncodedAgain) {
  EXPECT_TRUE(rc::check("a changed message is refused or is a valid other one",
                        [](std::uint64_t seed, std::uint64_t place, std::uint8_t change) {
                          auto bytes = encode(AnyContent(seed).make());
                          RC_ASSERT(bytes.has_value());
                          (*bytes)[place % bytes->size()] ^= change;
                          const auto decoded = decode_content(*bytes);
                          if (!decoded) return;
                          RC_ASSERT(check_bounds(*decoded).has_value());
                          // What turns a line is read, and not written again.
                          const auto again = encode(*decoded);
                          RC_ASSERT(again.has_value() == check_bounds_of_new(*decoded).has_value());
                          if (!again) return;
                          RC_ASSERT(decode_content(*again).value() == *decoded);
                        }));
}

}  // namespace
}  // namespace keruen::content
