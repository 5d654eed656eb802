// decode(encode(x)) == x for every type, and the bytes of the worked examples never change.
#include <rapidcheck.h>

#include "tests/schemas/wire/any_wire.h"
#include "tests/support/matchers.h"
#include "tests/support/vectors.h"

namespace keruen::wire {
namespace {

template <class Value>
void expect_same(const Result<Value>& decoded, const Value& value) {
  if (!decoded) RC_FAIL(decoded.error().detail);
  RC_ASSERT((*decoded == value));
}

TEST(Format, HeadersSurvive) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    const auto value = AnyWire(seed).header();
    expect_same(decode_header(encode_header(value)), value);
  }));
}

TEST(Format, StatementsSurvive) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    const auto value = AnyWire(seed).statement();
    expect_same(decode_statement(encode_statement(value)), value);
  }));
}

TEST(Format, ReceiptsSurvive) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    const auto value = AnyWire(seed).receipt();
    expect_same(decode_receipt(encode_receipt(value)), value);
  }));
}

TEST(Format, BatchesSurvive) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    const auto value = AnyWire(seed).batch();
    const SharedBytes bytes(encode_batch(value));
    expect_same(decode_batch(bytes), value);
    // To the byte: slices are cut by it, and what is shared is found by it.
    RC_ASSERT(encoded_bytes_of(value) == bytes.size());
    RC_ASSERT(check_nothing_is_shared(value, bytes.size()).has_value());
  }));
}

TEST(Format, KeyRecordsSurvive) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    AnyWire any(seed);
    const auto value = any.key_record();
    expect_same(decode_key_record(encode_key_record(value)), value);
    const auto record = any.signed_record();
    expect_same(decode_signed_record(encode_signed_record(record)), record);
  }));
}

TEST(Format, RegistriesSurvive) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    AnyWire any(seed);
    const auto entry = any.registry_entry();
    expect_same(decode_registry_entry(encode_registry_entry(entry)), entry);
    const auto head = any.registry_head();
    expect_same(decode_registry_head(encode_registry_head(head)), head);
    const auto snapshot = any.snapshot();
    expect_same(decode_snapshot(encode_snapshot(snapshot)), snapshot);
  }));
}

Frame any_frame(AnyWire& any) {
  switch (any.below(10)) {
    case 0:
      return SubmitBatch{SharedBytes(any.bytes(1, 9000))};
    case 1:
      return SubmitSnapshot{any.bytes(1, 1024), any.signatures(), any.digests(200)};
    case 2:
      return FetchRecords{any.digests(kHashesPerFetchMax)};
    case 3: {
      Acknowledge acknowledge{{}, any.number()};
      for (auto& cursor : acknowledge.cursors) {
        if (any.flag()) cursor = Cursor{{any.number()}, any.leaf()};
      }
      return acknowledge;
    }
    case 4: {
      BatchAccepted accepted{{any.number()},  {any.number()}, any.fixed<Digest>(),
                             any.log_index(), any.time(),     {}};
      accepted.refusals = any.some(0, 90, [&] {
        return Refusal{any.leaf(), static_cast<std::uint32_t>(any.below(64)), any.code()};
      });
      return accepted;
    }
    case 5: {
      DeliverSlice deliver{
          any.lane(), any.log_index(), any.time(), {}, SharedBytes(any.bytes(1, 9000)), any.flag()};
      deliver.stubs = any.some(0, 40, [&] { return Stub{any.leaf(), any.code()}; });
      return deliver;
    }
    case 6: {
      DirectoryLines lines{{any.below(1000)}, {}, {}};
      for (std::uint64_t index = any.below(9); any.below(50) != 0; index += 1 + any.below(9)) {
        const auto type = static_cast<DirectoryType>(1 + any.below(5));
        lines.lines.push_back({{index},
                               any.time(),
                               type,
                               type == DirectoryType::registry ? AgencyId() : any.agency_id(),
                               any.fixed<Digest>()});
      }
      lines.count = {lines.from.value + lines.lines.size() + any.below(10)};
      return lines;
    }
    case 7:
      return Records{any.some(0, 20, [&] { return any.signed_record(); })};
    case 8:
      return Entries{any.some(0, 20, [&] { return any.bytes(1, 3000); })};
    default:
      return Checkpoint{any.dotted() + "\n— Қ\n", {any.number()}, any.digests(kProofHashesMax)};
  }
}

TEST(Format, FramesSurvive) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    AnyWire any(seed);
    const Frame value = any_frame(any);
    expect_same(decode_frame(SharedBytes(encode_frame(value))), value);
  }));
}

TEST(Format, EveryKindOfFrameSurvives) {
  for (const auto& [name, value] : example_frames()) {
    const auto decoded = decode_frame(SharedBytes(encode_frame(value)));
    ASSERT_THAT(decoded, IsOk()) << name;
    EXPECT_EQ(decoded->index(), value.index()) << name;
    EXPECT_TRUE(*decoded == value) << name;
  }
}

TEST(Format, ExamplesHoldEveryKindOfFrame) {
  std::set<std::size_t> kinds;
  for (const auto& [name, value] : example_frames()) kinds.insert(value.index());
  EXPECT_EQ(kinds.size(), std::variant_size_v<Frame>);
}

// What is signed, hashed, logged or kept must be the same bytes in ten years: a change of these
// vectors is a change of the format, and needs a new version of it.
TEST(Format, TheWorkedExamplesAreTheBytesTheyAlwaysWere) {
  for (const auto& [type, examples] : example_bytes()) {
    const Vectors vectors("wire/" + type + ".txt");
    EXPECT_EQ(vectors.all().size(), examples.size()) << type;
    for (const auto& [name, bytes] : examples) {
      EXPECT_EQ(to_hex(bytes), vectors.text(name)) << type << " " << name;
    }
  }
}

TEST(Format, WritesTheLargestOfEachListInOneSegment) {
  // Estimates that fall short are copied; both ways must give what decodes.
  GroupEntry group{*GroupId::parse("kz.all"), {}};
  for (std::size_t i = 0; i < kGroupMembersMax; ++i) {
    std::string id = std::to_string(100'000 + i);
    id = std::string(kAgencyIdBytesMax - id.size() - 1, 'a') + "." + id;
    group.members.push_back(agency(id));
  }
  const Bytes bytes = encode_registry_entry(RegistryEntry(group));
  EXPECT_LE(bytes.size(), kRegistryEntryBytesMax);
  EXPECT_EQ(decode_registry_entry(bytes), Result<RegistryEntry>(group));
}

TEST(DecodeBatch, SharesTheBufferItIsGiven) {
  // At every alignment: a batch in the middle of a file need not begin at a word.
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Bytes buffer(shift, 0xee);
    append_to(buffer, encode_batch(example_batch()));
    const SharedBytes whole(std::move(buffer));
    const BytesView view = whole.view();
    KERUEN_ASSERT_OK(const auto batch, decode_batch(whole.part(view.subspan(shift))));
    EXPECT_TRUE(batch == example_batch());
    const auto inside = [&](const SharedBytes& part) {
      return part.view().data() >= view.data() &&
             part.view().data() + part.size() <= view.data() + view.size();
    };
    EXPECT_TRUE(inside(batch.statement));
    for (const Leaf& leaf : batch.leaves) {
      const auto& message = std::get<MessageLeaf>(leaf.content);
      EXPECT_TRUE(inside(message.header));
      EXPECT_TRUE(inside(std::get<SharedBytes>(message.body)));
    }
  }
}

TEST(DecodeFrame, SharesTheBufferDownToTheBody) {
  const SharedBytes frame(encode_frame(SubmitBatch{SharedBytes(encode_batch(example_batch()))}));
  KERUEN_ASSERT_OK(const auto decoded, decode_frame(frame));
  KERUEN_ASSERT_OK(const auto batch, decode_batch(std::get<SubmitBatch>(decoded).batch));
  const auto& message = std::get<MessageLeaf>(batch.leaves[2].content);
  const BytesView body = std::get<SharedBytes>(message.body).view();
  EXPECT_GE(body.data(), frame.view().data());
  EXPECT_LE(body.data() + body.size(), frame.view().data() + frame.view().size());
}

}  // namespace
}  // namespace keruen::wire
