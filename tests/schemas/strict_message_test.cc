#include "schemas/strict_message.h"

#include <capnp/any.h>
#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include "schemas/limits.h"
#include "tests/support/matchers.h"

namespace keruen {
namespace {

constexpr std::size_t kPlenty = 1024 * 1024;

Bytes message_of(const std::string& text) {
  capnp::MallocMessageBuilder message;
  message.setRoot(capnp::Text::Reader(text.c_str(), text.size()));
  return write_flat(message);
}

Result<std::string> read_text(BytesView bytes, std::size_t bytes_max = kPlenty) {
  return read_strict<std::string>(bytes, bytes_max, [](capnp::MessageReader& message) {
    const auto text = message.getRoot<capnp::Text>();
    return Result<std::string>(std::string(text.begin(), text.size()));
  });
}

TEST(StrictMessage, ReadsWhatWriteFlatWrote) {
  EXPECT_EQ(read_text(message_of("Korday")), "Korday");
}

TEST(StrictMessage, ReadsFromAnyAlignment) {
  const Bytes bytes = message_of("Korday");
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Bytes shifted(shift);
    append_to(shifted, bytes);
    EXPECT_EQ(read_text(BytesView(shifted).subspan(shift)), "Korday");
  }
}

TEST(StrictMessage, WritesOneSegmentWhenTheBuilderHasMany) {
  capnp::MallocMessageBuilder message(1, capnp::AllocationStrategy::FIXED_SIZE);
  auto list = message.initRoot<capnp::List<capnp::Text>>(20);
  for (unsigned i = 0; i < 20; ++i) list.set(i, "a text that needs a segment of its own");
  ASSERT_GT(message.getSegmentsForOutput().size(), 1u);
  const Bytes bytes = write_flat(message);
  const auto count = read_strict<unsigned>(bytes, kPlenty, [](capnp::MessageReader& reader) {
    return Result<unsigned>(reader.getRoot<capnp::List<capnp::Text>>().size());
  });
  EXPECT_EQ(count, 20u);
}

TEST(StrictMessage, RefusesEveryTruncation) {
  const Bytes bytes = message_of("Korday border point");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THAT(read_text(BytesView(bytes).first(length)), FailsWith(ErrorCode::malformed));
  }
}

TEST(StrictMessage, RefusesBytesBehindTheEnd) {
  for (const std::size_t extra : {1u, 7u, 8u, 4096u}) {
    Bytes bytes = message_of("Korday");
    bytes.resize(bytes.size() + extra);
    EXPECT_THAT(read_text(bytes),
                FailsWith(ErrorCode::malformed, "bytes behind the end of the message"));
  }
}

TEST(StrictMessage, RefusesTwoSegments) {
  capnp::MallocMessageBuilder message(1, capnp::AllocationStrategy::FIXED_SIZE);
  message.setRoot(capnp::Text::Reader("longer than the first segment"));
  const auto words = capnp::messageToFlatArray(message);
  const auto flat = words.asBytes();
  EXPECT_THAT(read_text(BytesView(flat.begin(), flat.size())),
              FailsWith(ErrorCode::malformed, "more than one segment"));
}

TEST(StrictMessage, RefusesMoreThanItsBound) {
  const Bytes bytes = message_of("Korday");
  EXPECT_THAT(read_text(bytes, bytes.size()), IsOk());
  EXPECT_THAT(read_text(bytes, bytes.size() - 1), FailsWith(ErrorCode::too_large));
}

TEST(StrictMessage, RefusesAPointerOutOfTheSegment) {
  Bytes bytes = message_of("Korday");
  bytes[9] = 0x7f;  // the root pointer's offset
  EXPECT_THAT(read_text(bytes), FailsWith(ErrorCode::malformed));
}

Bytes nested(int depth) {
  capnp::MallocMessageBuilder message;
  auto pointer = message.getRoot<capnp::AnyPointer>();
  for (int i = 0; i < depth; ++i) {
    pointer = pointer.initAsAnyStruct(0, 1).getPointerSection()[0];
  }
  return write_flat(message);
}

Result<int> depth_of(BytesView bytes) {
  return read_strict<int>(bytes, kPlenty, [](capnp::MessageReader& message) {
    int depth = 0;
    auto pointer = message.getRoot<capnp::AnyPointer>();
    while (!pointer.isNull()) {
      pointer = pointer.getAs<capnp::AnyStruct>().getPointerSection()[0];
      ++depth;
    }
    return Result<int>(depth);
  });
}

TEST(StrictMessage, RefusesNestingBeyondItsBound) {
  EXPECT_EQ(depth_of(nested(kNestingMax)), kNestingMax);
  EXPECT_THAT(depth_of(nested(kNestingMax + 1)), FailsWith(ErrorCode::malformed));
}

TEST(StrictMessage, RefusesToWalkTheSameBytesForEver) {
  const Bytes bytes = message_of(std::string(1000, 'x'));
  const auto result = read_strict<int>(bytes, kPlenty, [](capnp::MessageReader& message) {
    for (int i = 0; i < 1000; ++i) (void)message.getRoot<capnp::Text>().size();
    return Result<int>(0);
  });
  EXPECT_THAT(result, FailsWith(ErrorCode::malformed));
}

}  // namespace
}  // namespace keruen
