#include "broker/log/record_format.h"

#include <xxhash.h>

#include <algorithm>
#include <limits>

namespace keruen::log {
namespace {

constexpr std::size_t kChecksumAt = 0;
constexpr std::size_t kLengthAt = 8;
constexpr std::size_t kMarkAt = 12;
constexpr std::size_t kGroupBeganAt = 16;
constexpr std::size_t kIndexAt = 24;
constexpr std::size_t kAcceptedAt = 32;
constexpr std::size_t kHashAt = 40;
constexpr std::size_t kRefusalsAt = 72;
constexpr std::size_t kKindAt = 76;
constexpr std::size_t kFormAt = 77;
constexpr std::size_t kZerosAt = 78;
constexpr std::size_t kChecksummedFrom = 8;
static_assert(kZerosAt + 2 == kRecordHeadBytes);

std::size_t padded(std::size_t size) {
  return (size + kRecordAlignmentBytes - 1) / kRecordAlignmentBytes * kRecordAlignmentBytes;
}

// Cheap to compare at every multiple of 64 while looking behind damage, so that a batch full of
// plausible lengths cannot make recovery hash megabytes at each of them.
std::uint64_t mark_of(LogOffset offset, std::uint64_t seed) {
  std::array<std::uint8_t, 8> place{};
  put_number(place, 0, 8, offset.value);
  return checksum_of(place, seed) & std::numeric_limits<std::uint32_t>::max();
}

std::uint64_t record_checksum(BytesView record, LogOffset offset, std::uint64_t seed) {
  return checksum_of(record.subspan(kChecksummedFrom), seed ^ offset.value);
}

std::size_t exact_size(const Record& record) {
  return kRecordHeadBytes + record.refusals.size() * kRefusalBytes + record.bytes.size();
}

Result<std::vector<wire::Refusal>> refusals_in(BytesView bytes) {
  std::vector<wire::Refusal> refusals;
  refusals.reserve(bytes.size() / kRefusalBytes);
  for (std::size_t at = 0; at < bytes.size(); at += kRefusalBytes) {
    const auto code = error_code_numbered(number_at(bytes, at + 6, 2));
    if (!code) return fail(ErrorCode::corrupt, "a refusal has a code that does not exist");
    refusals.push_back({.leaf = static_cast<std::uint32_t>(number_at(bytes, at, 4)),
                        .place = static_cast<std::uint32_t>(number_at(bytes, at + 4, 2)),
                        .code = *code});
  }
  return refusals;
}

}  // namespace

std::uint64_t checksum_of(BytesView bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t number_at(BytesView bytes, std::size_t offset, std::size_t size) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes.subspan(offset, size)) number = number << 8 | byte;
  return number;
}

void put_number(std::span<std::uint8_t> bytes, std::size_t offset, std::size_t size,
                std::uint64_t number) {
  for (std::size_t i = size; i-- > 0; number >>= 8) {
    bytes[offset + i] = static_cast<std::uint8_t>(number & 0xff);
  }
}

std::size_t padded_size(const Record& record) { return padded(exact_size(record)); }

void append_encoded(Bytes& target, const Record& record, const RecordPlace& place,
                    LogOffset group_began) {
  const std::size_t length = exact_size(record);
  ensure(length <= std::numeric_limits<std::uint32_t>::max(), "a record's length fits its field");
  const std::size_t begin = target.size();
  const auto bytes = record.bytes.view();
  target.resize(begin + length - bytes.size());
  // One copy of the C library's; std::ranges::copy into a span goes byte by byte.
  target.insert(target.end(), bytes.begin(), bytes.end());
  target.resize(begin + padded(length));
  const std::span<std::uint8_t> out = std::span(target).subspan(begin);
  put_number(out, kLengthAt, 4, length);
  put_number(out, kMarkAt, 4, mark_of(place.offset, place.seed));
  put_number(out, kGroupBeganAt, 8, group_began.value);
  put_number(out, kIndexAt, 8, place.index.value);
  put_number(out, kAcceptedAt, 8, milliseconds_of(record.accepted_at));
  std::ranges::copy(record.hash.bytes, out.subspan(kHashAt).begin());
  put_number(out, kRefusalsAt, 4, record.refusals.size());
  put_number(out, kKindAt, 1, static_cast<std::uint8_t>(record.kind));
  put_number(out, kFormAt, 1, static_cast<std::uint8_t>(record.form));
  std::size_t at = kRecordHeadBytes;
  for (const wire::Refusal& refusal : record.refusals) {
    ensure(refusal.place <= std::numeric_limits<std::uint16_t>::max(),
           "a recipient's place fits its field");
    put_number(out, at, 4, refusal.leaf);
    put_number(out, at + 4, 2, refusal.place);
    put_number(out, at + 6, 2, static_cast<std::uint8_t>(refusal.code));
    at += kRefusalBytes;
  }
  put_number(out, kChecksumAt, 8, record_checksum(out, place.offset, place.seed));
}

std::optional<RecordHead> peek_head(BytesView bytes, std::size_t room, LogOffset offset,
                                    std::uint64_t seed) {
  if (bytes.size() < kRecordHeadBytes) return std::nullopt;
  const std::size_t length = number_at(bytes, kLengthAt, 4);
  if (length < kRecordHeadBytes || length > room || padded(length) > room) return std::nullopt;
  if (number_at(bytes, kMarkAt, 4) != mark_of(offset, seed)) return std::nullopt;
  const std::uint64_t kind = number_at(bytes, kKindAt, 1);
  if (kind < 1 || kind > static_cast<std::uint8_t>(certs::LogEntryKind::relayed_batch)) {
    return std::nullopt;
  }
  if (number_at(bytes, kFormAt, 1) > static_cast<std::uint8_t>(Record::Form::proof)) {
    return std::nullopt;
  }
  if (number_at(bytes, kZerosAt, 2) != 0) return std::nullopt;
  if (number_at(bytes, kRefusalsAt, 4) > (length - kRecordHeadBytes) / kRefusalBytes) {
    return std::nullopt;
  }
  return RecordHead{.padded_bytes = padded(length),
                    .index = {number_at(bytes, kIndexAt, 8)},
                    .group_began = {number_at(bytes, kGroupBeganAt, 8)},
                    .kind = static_cast<certs::LogEntryKind>(kind),
                    .accepted_at = wall_time_of(number_at(bytes, kAcceptedAt, 8)),
                    .hash = *Digest::from(bytes.subspan(kHashAt, Digest::kBytes))};
}

std::optional<RecordHead> verified_head(BytesView bytes, LogOffset offset, std::uint64_t seed) {
  const auto head = peek_head(bytes, bytes.size(), offset, seed);
  if (!head || number_at(bytes, kChecksumAt, 8) !=
                   record_checksum(bytes.first(head->padded_bytes), offset, seed)) {
    return std::nullopt;
  }
  return head;
}

Result<Record> decode_record(const SharedBytes& bytes, const RecordPlace& place) {
  const BytesView view = bytes.view();
  const auto head = verified_head(view, place.offset, place.seed);
  if (!head) return fail(ErrorCode::corrupt, "the record does not match its checksum");
  if (head->index != place.index) {
    return fail(ErrorCode::corrupt, "the record says it is entry " +
                                        std::to_string(head->index.value) + ", not " +
                                        std::to_string(place.index.value));
  }
  const std::size_t length = number_at(view, kLengthAt, 4);
  const std::size_t refusals_bytes = number_at(view, kRefusalsAt, 4) * kRefusalBytes;
  const std::size_t bytes_at = kRecordHeadBytes + refusals_bytes;
  Record record;
  record.kind = head->kind;
  record.accepted_at = head->accepted_at;
  record.hash = head->hash;
  record.form = static_cast<Record::Form>(number_at(view, kFormAt, 1));
  KERUEN_TRY(record.refusals, refusals_in(view.subspan(kRecordHeadBytes, refusals_bytes)));
  record.bytes = bytes.part(view.subspan(bytes_at, length - bytes_at));
  return record;
}

}  // namespace keruen::log
