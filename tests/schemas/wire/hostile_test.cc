// Bytes no encoder of ours writes: cut, padded, in two segments, aliased, of wrong sizes, at
// random.
#include <capnp/message.h>
#include <rapidcheck.h>

#include <cstring>
#include <functional>

#include "schemas/strict_message.h"
#include "schemas/wire/wire.capnp.h"
#include "tests/schemas/wire/examples.h"
#include "tests/support/matchers.h"

namespace keruen::wire {
namespace {

using ::testing::HasSubstr;

// Decodes and, where that worked, encodes again; a type-erased decoder.
using Decoder = std::function<Result<Bytes>(const Bytes&)>;

template <class Encode, class Decode>
Decoder decoder(Encode encode, Decode decode) {
  return [=](const Bytes& bytes) -> Result<Bytes> {
    KERUEN_TRY(const auto value, decode(bytes));
    return encode(value);
  };
}

struct Type {
  Decoder decode;
  std::size_t bytes_max;
};

Type type_named(const std::string& name) {
  const auto shared = [](auto decode) {
    return [=](const Bytes& bytes) { return decode(SharedBytes(bytes)); };
  };
  const auto plain = [](auto decode) {
    return [=](const Bytes& bytes) { return decode(BytesView(bytes)); };
  };
  if (name == "header") return {decoder(encode_header, plain(decode_header)), kHeaderBytesMax};
  if (name == "statement") {
    return {decoder(encode_statement, plain(decode_statement)), kStatementBytesMax};
  }
  if (name == "receipt") return {decoder(encode_receipt, plain(decode_receipt)), kReceiptBytesMax};
  if (name == "batch") return {decoder(encode_batch, shared(decode_batch)), kBatchBytesMax};
  if (name == "key_record") {
    return {decoder(encode_key_record, plain(decode_key_record)), kKeyRecordBytesMax};
  }
  if (name == "signed_record") {
    return {decoder(encode_signed_record, plain(decode_signed_record)), kKeyRecordBytesMax + 128};
  }
  if (name == "registry_entry") {
    return {decoder(encode_registry_entry, plain(decode_registry_entry)), kRegistryEntryBytesMax};
  }
  if (name == "registry_head") {
    return {decoder(encode_registry_head, plain(decode_registry_head)), kRegistryHeadBytesMax};
  }
  if (name == "snapshot") {
    return {decoder(encode_snapshot, plain(decode_snapshot)), kSnapshotBytesMax};
  }
  ensure(name == "frame", "a type has a decoder");
  return {decoder(encode_frame, shared(decode_frame)), kFrameBytesMax};
}

template <class Check>
void for_each_example(Check check) {
  for (const auto& [type, examples] : example_bytes()) {
    for (const auto& [name, bytes] : examples) {
      SCOPED_TRACE(type + " " + name);
      check(type_named(type), bytes);
    }
  }
}

void put_32(Bytes& bytes, std::size_t at, std::size_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

TEST(Hostile, EveryTruncationIsRefused) {
  for_each_example([](const Type& type, const Bytes& whole) {
    ASSERT_THAT(type.decode(whole), IsOk());
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_THAT(type.decode(cut), FailsWith(ErrorCode::malformed)) << size << " bytes";
    }
  });
}

TEST(Hostile, EveryTruncationThatAdmitsItsSizeIsRefused) {
  for_each_example([](const Type& type, const Bytes& whole) {
    for (std::size_t size = 16; size < whole.size(); size += 8) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      put_32(cut, 4, (size - 8) / 8);
      ASSERT_FALSE(type.decode(cut).has_value()) << size << " bytes";
    }
  });
}

TEST(Hostile, BytesBehindTheEndAreRefused) {
  for_each_example([](const Type& type, const Bytes& whole) {
    for (const std::size_t more : {1, 8, 64}) {
      Bytes longer = whole;
      longer.resize(whole.size() + more);
      if (longer.size() > type.bytes_max) continue;
      EXPECT_THAT(type.decode(longer), FailsWith(ErrorCode::malformed, HasSubstr("behind")));
    }
  });
}

TEST(Hostile, ASecondSegmentIsRefused) {
  for_each_example([](const Type& type, const Bytes& whole) {
    // u32 segments - 1, u32 words of each, padding; then the same words and an empty segment.
    Bytes two(16);
    put_32(two, 0, 1);
    put_32(two, 4, (whole.size() - 8) / 8);
    append_to(two, BytesView(whole).subspan(8));
    EXPECT_THAT(type.decode(two), FailsWith(ErrorCode::malformed, HasSubstr("segment")));
  });
}

TEST(Hostile, MoreThanTheLimitIsRefusedUnread) {
  for (const auto& [name, examples] : example_bytes()) {
    const Type type = type_named(name);
    EXPECT_THAT(type.decode(Bytes(type.bytes_max + 1)), FailsWith(ErrorCode::too_large)) << name;
  }
}

// Many pointers to one large blob: few bytes that would become many.
TEST(Hostile, AmplificationIsRefused) {
  constexpr std::size_t kBlobBytes = 40'000;
  constexpr std::size_t kCount = 500;
  Entries entries;
  entries.entries.assign(kCount, Bytes(1, 7));
  entries.entries[0] = Bytes(kBlobBytes, 7);
  Bytes bytes = encode_frame(entries);
  // The first element's pointer: a list of bytes (size code 2) of exactly this length.
  std::size_t first = 0;
  for (std::size_t word = 8; word + 8 <= bytes.size() && first == 0; word += 8) {
    std::uint32_t high = 0;
    std::memcpy(&high, bytes.data() + word + 4, 4);
    if (high == (kBlobBytes << 3 | 2)) first = word;
  }
  ASSERT_NE(first, 0u);
  std::uint32_t low = 0;
  std::memcpy(&low, bytes.data() + first, 4);
  for (std::size_t i = 1; i < kCount; ++i) {
    // The same target, counted in words from behind a pointer that stands i words further on.
    put_32(bytes, first + 8 * i, low - 4 * i);
    put_32(bytes, first + 8 * i + 4, kBlobBytes << 3 | 2);
  }
  EXPECT_THAT(decode_frame(SharedBytes(bytes)), FailsWith(ErrorCode::malformed));
}

// A list of elements without size says any number in no bytes.
TEST(Hostile, AListOfNothingIsRefused) {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<capnp::AnyPointer>().initAsAnyStruct(1, 1);
  root.getDataSection()[0] = 22;  // Frame.entries
  root.getPointerSection()[0].initAs<capnp::List<capnp::Void>>(500'000'000);
  EXPECT_THAT(decode_frame(SharedBytes(write_flat(message))), FailsWith(ErrorCode::malformed));
}

// A pointer to itself, and a chain of structs deeper than any of ours.
TEST(Hostile, NestingIsRefused) {
  capnp::MallocMessageBuilder message;
  auto pointer = message.initRoot<capnp::AnyPointer>().initAsAnyStruct(1, 1);
  pointer.getDataSection()[0] = 20;  // Frame.records
  auto next = pointer.getPointerSection()[0];
  for (int depth = 0; depth < 100; ++depth) {
    auto inner = next.initAsAnyStruct(1, 1);
    next = inner.getPointerSection()[0];
  }
  EXPECT_THAT(decode_frame(SharedBytes(write_flat(message))), FailsWith(ErrorCode::malformed));
}

TEST(Hostile, AFrameOfAKindOnlyANewerBuildKnowsIsUnsupported) {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<capnp::AnyPointer>().initAsAnyStruct(2, 1);
  for (const std::uint16_t kind : {std::uint16_t{28}, std::uint16_t{0xffff}}) {
    std::memcpy(root.getDataSection().begin(), &kind, 2);
    std::memcpy(root.getDataSection().begin() + 8, &kind, 2);
    EXPECT_THAT(decode_frame(SharedBytes(write_flat(message))), FailsWith(ErrorCode::unsupported));
  }
}

// Fields of a fixed size take exactly it: each Data of a header one byte short, and one too long.
TEST(Hostile, AFieldOfAnotherSizeIsRefused) {
  const Bytes longer(65);
  const auto sized = [&](std::size_t bytes) { return capnp::Data::Reader(longer.data(), bytes); };
  for (const int change : {-1, 1}) {
    const auto off = [&](int bytes) { return sized(static_cast<std::size_t>(bytes + change)); };
    capnp::MallocMessageBuilder message;
    auto batch = message.initRoot<format::Batch>();
    batch.setStatement(sized(8));
    batch.setSignature(off(64));
    EXPECT_THAT(decode_batch(SharedBytes(write_flat(message))),
                FailsWith(ErrorCode::malformed, HasSubstr("signature")));
    batch.setSignature(sized(64));
    auto leaf = batch.initLeaves(1)[0].initMessage();
    leaf.setHeader(sized(8));
    leaf.getBody().setHash(off(32));
    auto wrap = leaf.initWraps(1)[0].initWrap();
    const std::vector<std::pair<const char*, std::function<void(capnp::Data::Reader)>>> fields = {
        {"channel", [&](auto data) { wrap.setChannel(data); }},
        {"prekey", [&](auto data) { wrap.setPrekey(data); }},
        {"encapsulated key", [&](auto data) { wrap.setEncapsulatedKey(data); }},
        {"previous leaf", [&](auto data) { wrap.setPreviousLeaf(data); }},
        {"sealed key", [&](auto data) { wrap.setSealedKey(data); }}};
    const int sizes[] = {16, 16, 32, 32, 48};
    wrap.setSequence(2);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      fields[i].second(off(sizes[i]));
      EXPECT_THAT(decode_batch(SharedBytes(write_flat(message))),
                  FailsWith(ErrorCode::malformed, HasSubstr(fields[i].first)));
      fields[i].second(sized(static_cast<std::size_t>(sizes[i])));
    }
    EXPECT_THAT(decode_batch(SharedBytes(write_flat(message))),
                FailsWith(ErrorCode::malformed, HasSubstr("body hash")));
    leaf.getBody().setHash(sized(32));
    batch.setPruned(off(64));
    EXPECT_THAT(decode_batch(SharedBytes(write_flat(message))),
                FailsWith(ErrorCode::malformed, HasSubstr("pruned")));
    batch.setPruned(sized(64));
    EXPECT_THAT(decode_batch(SharedBytes(write_flat(message))), IsOk());
  }
}

TEST(Hostile, ALaneMissingFromCursorsIsRefused) {
  for (const unsigned lanes : {0u, 3u, 5u}) {
    capnp::MallocMessageBuilder message;
    message.initRoot<format::Frame>().initAcknowledge().initCursors(lanes);
    EXPECT_FALSE(decode_frame(SharedBytes(write_flat(message))).has_value());
  }
}

TEST(Hostile, ACursorThatIsNoneIsNoPlaceToAskFrom) {
  capnp::MallocMessageBuilder message;
  message.initRoot<format::Frame>().initAskAgain();
  EXPECT_THAT(decode_frame(SharedBytes(write_flat(message))), FailsWith(ErrorCode::malformed));
}

// The word of `bytes` that points to so many bytes of Data, of which there is one.
std::size_t pointer_to_data_of(const Bytes& bytes, std::size_t size) {
  std::vector<std::size_t> found;
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    if ((word & 3) == 1 && word >> 32 == (size << 3 | 2)) found.push_back(at);
  }
  ensure(found.size() == 1, "one place in the batch has that size");
  return found.front();
}

// What points to `small` bytes of Data leads to the `large` ones before them instead.
void lead_to(Bytes& bytes, std::size_t large, std::size_t small) {
  const std::size_t from = pointer_to_data_of(bytes, large);
  const std::size_t at = pointer_to_data_of(bytes, small);
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + from, 8);
  // Offsets are counted in words from the end of the pointer.
  const auto offset = static_cast<std::uint32_t>(word) >> 2;
  const auto moved = static_cast<std::uint32_t>(offset + (from - at) / 8);
  word = (word >> 32 << 32) | (moved << 2 | 1);
  std::memcpy(bytes.data() + at, &word, 8);
}

// One body of many leaves: small here, and large wherever each leaf is written out.
TEST(Hostile, LeavesDoNotShareTheirBytes) {
  UnverifiedBatch batch = example_batch();
  const auto body = [&](std::size_t leaf) -> BodySlot& {
    return std::get<MessageLeaf>(batch.leaves[leaf].content).body;
  };
  body(0) = SharedBytes(Bytes(4099, 1));
  body(1) = SharedBytes(Bytes(4101, 2));
  Bytes bytes = encode_batch(batch);
  KERUEN_ASSERT_OK(const auto whole, decode_batch(SharedBytes(bytes)));
  EXPECT_EQ(whole, batch);
  EXPECT_THAT(check_nothing_is_shared(whole, bytes.size()), IsOk());

  batch.leaves[1].content = batch.leaves[2].content;
  body(1) = SharedBytes(Bytes(5, 2));
  bytes = encode_batch(batch);
  lead_to(bytes, 4099, 5);
  KERUEN_ASSERT_OK(const auto shared, decode_batch(SharedBytes(bytes)));
  EXPECT_EQ(std::get<SharedBytes>(std::get<MessageLeaf>(shared.leaves[1].content).body).size(),
            4099u);
  EXPECT_THAT(check_nothing_is_shared(shared, bytes.size()),
              FailsWith(ErrorCode::malformed, HasSubstr("share bytes")));
}

// Less than what their structs and pointers take, so that only a count of all of it shows it.
TEST(Hostile, LeavesDoNotShareAHeaderEither) {
  UnverifiedBatch batch = example_batch();
  const auto header = [&](std::size_t leaf) -> SharedBytes& {
    return std::get<MessageLeaf>(batch.leaves[leaf].content).header;
  };
  header(0) = SharedBytes(Bytes(163, 1));
  header(1) = SharedBytes(Bytes(5, 2));
  Bytes bytes = encode_batch(batch);
  lead_to(bytes, 163, 5);
  KERUEN_ASSERT_OK(const auto shared, decode_batch(SharedBytes(bytes)));
  EXPECT_EQ(std::get<MessageLeaf>(shared.leaves[1].content).header, header(0));
  EXPECT_THAT(check_nothing_is_shared(shared, bytes.size()),
              FailsWith(ErrorCode::malformed, HasSubstr("share bytes")));
}

TEST(Hostile, ASenderToAskForIsAnAgency) {
  capnp::MallocMessageBuilder message;
  auto ask = message.initRoot<format::Frame>().initAskAgain();
  ask.initFrom().setPresent(true);
  ask.initTo().setPresent(true);
  EXPECT_THAT(decode_frame(SharedBytes(write_flat(message))), IsOk());
  ask.setStream(7);
  EXPECT_THAT(decode_frame(SharedBytes(write_flat(message))), FailsWith(ErrorCode::malformed));
  ask.setSender("kz.customs");
  EXPECT_THAT(decode_frame(SharedBytes(write_flat(message))), IsOk());
  ask.setSender("Whoever");
  EXPECT_THAT(decode_frame(SharedBytes(write_flat(message))), FailsWith(ErrorCode::malformed));
}

// Whatever still decodes after any bytes changed can be written, and is the same when read again.
TEST(Hostile, AnyChangedBytesAreRefusedOrMeanWhatTheySay) {
  const auto all = example_bytes();
  EXPECT_TRUE(rc::check([&](std::vector<std::pair<std::uint16_t, std::uint8_t>> changes) {
    for (const auto& [name, examples] : all) {
      const Type type = type_named(name);
      for (const auto& [example, whole] : examples) {
        Bytes bytes = whole;
        for (const auto& [place, value] : changes) bytes[place % bytes.size()] = value;
        const auto once = type.decode(bytes);
        if (!once || once->size() > type.bytes_max) continue;
        RC_ASSERT((type.decode(*once) == once));
      }
    }
  }));
}

}  // namespace
}  // namespace keruen::wire
