#include "broker/log/record_format.h"

// Before rapidcheck, which needs it.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "certs/hash.h"
#include "tests/support/matchers.h"

namespace keruen::log {
namespace {

const RecordPlace kPlace{.index = {7}, .offset = {4096}, .seed = 99};

Record some_record() {
  Record record;
  record.kind = certs::LogEntryKind::batch;
  record.accepted_at = wall_time_of(1'700'000'000'123);
  record.hash = certs::sha256(bytes_of("hash"));
  record.refusals = {{.leaf = 1023, .place = 63, .code = ErrorCode::denied},
                     {.leaf = 0, .place = 0, .code = ErrorCode::expired}};
  record.bytes = SharedBytes(copy_of(bytes_of("exactly these bytes")));
  return record;
}

Bytes encoded(const Record& record) {
  Bytes bytes;
  append_encoded(bytes, record, kPlace, {4096});
  return bytes;
}

TEST(RecordFormat, IsAMultipleOfTheAlignment) {
  const Bytes bytes = encoded(some_record());
  EXPECT_EQ(bytes.size() % kRecordAlignmentBytes, 0u);
  EXPECT_EQ(bytes.size(), padded_size(some_record()));
  EXPECT_GE(padded_size(Record{}), kRecordBytesMin);
}

TEST(RecordFormat, ReadsBackWhatWasWritten) {
  EXPECT_EQ(decode_record(SharedBytes(encoded(some_record())), kPlace), some_record());
}

TEST(RecordFormat, KeepsTheExactBytesAlignedForWords) {
  const SharedBytes bytes(encoded(some_record()));
  KERUEN_ASSERT_OK(const Record record, decode_record(bytes, kPlace));
  EXPECT_EQ((record.bytes.view().data() - bytes.view().data()) % 8, 0);
}

TEST(RecordFormat, RefusesAnyFlippedBitPaddingIncluded) {
  const Bytes whole = encoded(some_record());
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes damaged = whole;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1u << (bit % 8)));
    ASSERT_THAT(decode_record(SharedBytes(damaged), kPlace), FailsWith(ErrorCode::corrupt)) << bit;
  }
}

TEST(RecordFormat, RefusesARecordAtAnotherPlace) {
  const SharedBytes bytes(encoded(some_record()));
  EXPECT_THAT(decode_record(bytes, {.index = {7}, .offset = {8192}, .seed = 99}),
              FailsWith(ErrorCode::corrupt));
  EXPECT_THAT(decode_record(bytes, {.index = {8}, .offset = {4096}, .seed = 99}),
              FailsWith(ErrorCode::corrupt, ::testing::HasSubstr("entry 7, not 8")));
}

TEST(RecordFormat, RefusesARecordOfAnotherSeed) {
  const SharedBytes bytes(encoded(some_record()));
  EXPECT_THAT(decode_record(bytes, {.index = {7}, .offset = {4096}, .seed = 98}),
              FailsWith(ErrorCode::corrupt));
}

TEST(RecordFormat, RefusesATruncatedRecord) {
  const Bytes whole = encoded(some_record());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_THAT(decode_record(SharedBytes(copy_of(BytesView(whole).first(size))), kPlace),
                FailsWith(ErrorCode::corrupt));
  }
}

RC_GTEST_PROP(RecordFormat, DecodesWhatItEncodes, (std::vector<std::uint8_t> bytes, bool kind)) {
  Record record;
  record.kind = kind ? certs::LogEntryKind::batch : certs::LogEntryKind::directory;
  record.accepted_at = wall_time_of(*rc::gen::inRange<std::uint64_t>(0, 1ull << 50));
  record.hash = certs::sha256(bytes);
  const auto refusals = *rc::gen::inRange(0, 40);
  for (int i = 0; i < refusals; ++i) {
    record.refusals.push_back(
        {.leaf = *rc::gen::inRange<std::uint32_t>(0, 1024),
         .place = *rc::gen::inRange<std::uint32_t>(0, 64),
         .code = *error_code_numbered(*rc::gen::inRange<std::uint64_t>(1, kErrorCodeMax + 1))});
  }
  record.bytes = SharedBytes(bytes);
  RC_ASSERT(decode_record(SharedBytes(encoded(record)), kPlace) == record);
}

}  // namespace
}  // namespace keruen::log
