#include "broker/log/segment.h"

#include <algorithm>

namespace keruen::log {
namespace {

constexpr std::string_view kMagic = "KERUENLG";
constexpr std::string_view kProofsMagic = "KERUENPF";
static_assert(kMagic.size() == kProofsMagic.size());
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kIndexDigits = 20;

constexpr std::size_t kMagicAt = 8;
constexpr std::size_t kVersionAt = 16;
constexpr std::size_t kPeakCountAt = 20;
constexpr std::size_t kFirstIndexAt = 24;
constexpr std::size_t kBeganAt = 32;
constexpr std::size_t kFileBytesAt = 40;
constexpr std::size_t kSeedAt = 48;
constexpr std::size_t kAcceptedBeforeAt = 56;
constexpr std::size_t kPeaksAt = 64;
constexpr std::size_t kPeaksMax = 64;
static_assert(kPeaksAt + kPeaksMax * Digest::kBytes <= kSegmentHeadBytes);

std::string_view magic_of(SegmentForm form) {
  return form == SegmentForm::batches ? kMagic : kProofsMagic;
}
std::string_view suffix_of(SegmentForm form) {
  return form == SegmentForm::batches ? ".batches" : ".proofs";
}

}  // namespace

Bytes encode_segment_head(const SegmentHead& head) {
  Bytes bytes(kSegmentHeadBytes);
  std::ranges::copy(bytes_of(magic_of(head.form)), bytes.begin() + kMagicAt);
  const auto& peaks = head.frontier.peaks();
  put_number(bytes, kVersionAt, 4, kVersion);
  put_number(bytes, kPeakCountAt, 4, peaks.size());
  put_number(bytes, kFirstIndexAt, 8, head.first_index.value);
  put_number(bytes, kBeganAt, 8, head.began.value);
  put_number(bytes, kFileBytesAt, 8, head.file_bytes);
  put_number(bytes, kSeedAt, 8, head.seed);
  put_number(bytes, kAcceptedBeforeAt, 8, milliseconds_of(head.accepted_before));
  auto out = bytes.begin() + kPeaksAt;
  for (const Digest& peak : peaks) out = std::ranges::copy(peak.bytes, out).out;
  put_number(bytes, 0, 8, checksum_of(BytesView(bytes).subspan(8), 0));
  return bytes;
}

Result<SegmentHead> decode_segment_head(BytesView bytes) {
  if (bytes.size() < kSegmentHeadBytes) {
    return fail(ErrorCode::corrupt, "the file is too short for a segment's head");
  }
  bytes = bytes.first(kSegmentHeadBytes);
  const std::string_view magic = text_of(bytes.subspan(kMagicAt, kMagic.size()));
  if ((magic != kMagic && magic != kProofsMagic) ||
      number_at(bytes, 0, 8) != checksum_of(bytes.subspan(8), 0)) {
    return fail(ErrorCode::corrupt, "the segment's head does not match its checksum");
  }
  if (const auto version = number_at(bytes, kVersionAt, 4); version != kVersion) {
    return fail(ErrorCode::unsupported, "the segment has version " + std::to_string(version) +
                                            ", this program knows " + std::to_string(kVersion));
  }
  SegmentHead head;
  head.form = magic == kMagic ? SegmentForm::batches : SegmentForm::proofs;
  head.first_index = {number_at(bytes, kFirstIndexAt, 8)};
  head.began = {number_at(bytes, kBeganAt, 8)};
  head.file_bytes = number_at(bytes, kFileBytesAt, 8);
  head.seed = number_at(bytes, kSeedAt, 8);
  head.accepted_before = wall_time_of(number_at(bytes, kAcceptedBeforeAt, 8));
  const std::size_t peak_count = number_at(bytes, kPeakCountAt, 4);
  if (peak_count > kPeaksMax) return fail(ErrorCode::corrupt, "the head has too many peaks");
  std::vector<Digest> peaks;
  for (std::size_t i = 0; i < peak_count; ++i) {
    peaks.push_back(*Digest::from(bytes.subspan(kPeaksAt + i * Digest::kBytes, Digest::kBytes)));
  }
  auto frontier = certs::MerkleFrontier::restore({head.first_index.value}, std::move(peaks));
  if (!frontier) return fail(ErrorCode::corrupt, "the head's peaks do not fit its first index");
  head.frontier = std::move(*frontier);
  return head;
}

std::string segment_name(LogIndex first_index, SegmentForm form) {
  const std::string digits = std::to_string(first_index.value);
  return std::string(kIndexDigits - digits.size(), '0') + digits + std::string(suffix_of(form));
}

std::optional<SegmentName> parse_segment_name(std::string_view name) {
  if (name.size() <= kIndexDigits) return std::nullopt;
  std::uint64_t index = 0;
  for (const char digit : name.substr(0, kIndexDigits)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    index = index * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  for (const SegmentForm form : {SegmentForm::batches, SegmentForm::proofs}) {
    // Twenty digits hold more than 64 bits: what wrapped around is not a name of ours.
    if (segment_name({index}, form) == name) return SegmentName{LogIndex{index}, form};
  }
  return std::nullopt;
}

std::string place_text(std::string_view path, const SegmentHead& head, std::size_t byte) {
  const std::string place = std::string(path) + " at byte " + std::to_string(byte);
  if (head.form == SegmentForm::proofs) return place;
  return place + " (log offset " + std::to_string(head.began.value + byte) + ")";
}

}  // namespace keruen::log
