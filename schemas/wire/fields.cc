#include "schemas/wire/fields.h"

#include <cstring>

#include "schemas/utf8.h"

namespace keruen::wire {
namespace {

constexpr std::size_t kWordBytes = sizeof(capnp::word);
constexpr std::size_t kFramingBytes = 8;

}  // namespace

tl::unexpected<Error> malformed(std::string_view field, std::string_view what) {
  return fail(ErrorCode::malformed, std::string(field) + ": " + std::string(what));
}

Result<void> check_size(capnp::Data::Reader data, std::size_t bytes_max, std::string_view field) {
  if (data.size() == 0) return malformed(field, "empty");
  if (data.size() > bytes_max) {
    return fail(ErrorCode::too_large, std::string(field) + ": " + std::to_string(data.size()) +
                                          " bytes where at most " + std::to_string(bytes_max) +
                                          " are allowed");
  }
  return {};
}

Result<Bytes> blob_of(capnp::Data::Reader data, std::size_t bytes_max, std::string_view field) {
  KERUEN_CHECK(check_size(data, bytes_max, field));
  return copy_of(view_of(data));
}

Result<std::string> text_of(capnp::Text::Reader text, std::size_t bytes_max,
                            std::string_view field) {
  if (text.size() > bytes_max) {
    return fail(ErrorCode::too_large,
                std::string(field) + ": longer than " + std::to_string(bytes_max) + " bytes");
  }
  if (!is_utf8(view_of(text))) return malformed(field, "not UTF-8");
  return std::string(view_of(text));
}

Result<void> check_count(std::size_t count, std::size_t least, std::size_t most,
                         std::string_view field) {
  if (count < least) {
    return malformed(field,
                     std::to_string(count) + " where at least " + std::to_string(least) + " stand");
  }
  if (count > most) {
    return fail(ErrorCode::too_large, std::string(field) + ": " + std::to_string(count) +
                                          " where at most " + std::to_string(most) +
                                          " are allowed");
  }
  return {};
}

Result<WallTime> time_of(std::uint64_t milliseconds, std::string_view field) {
  if (milliseconds > kWallMillisecondsMax) return malformed(field, "a time after the year 9999");
  return wall_time_of(milliseconds);
}

Result<MessageKind> kind_of(std::uint64_t number, std::string_view field) {
  if (const auto kind = message_kind_numbered(number)) return *kind;
  return malformed(field, "no kind of message has the number " + std::to_string(number));
}

Result<Lane> lane_of(std::uint64_t number, std::string_view field) {
  if (const auto lane = lane_numbered(number)) return *lane;
  return malformed(field, "no lane has the number " + std::to_string(number));
}

Result<ErrorCode> code_of(std::uint64_t number, std::string_view field) {
  if (const auto code = error_code_numbered(number)) return *code;
  return malformed(field, "no error code has the number " + std::to_string(number));
}

Result<std::optional<ErrorCode>> optional_code_of(std::uint64_t number, std::string_view field) {
  if (number == 0) return std::optional<ErrorCode>();
  KERUEN_TRY(const ErrorCode code, code_of(number, field));
  return std::optional<ErrorCode>(code);
}

Result<Suite> suite_of(std::uint16_t number) {
  if (number == static_cast<std::uint16_t>(Suite::x25519_chacha20poly1305_ed25519)) {
    return Suite::x25519_chacha20poly1305_ed25519;
  }
  return fail(ErrorCode::unsupported, "suite " + std::to_string(number) + " is not known here");
}

Result<PairPosition> position_of(std::uint64_t sequence, capnp::Data::Reader previous_leaf) {
  if (sequence == 0) return malformed("pair sequence", "counts from 1");
  KERUEN_TRY(const Digest previous, fixed_of<Digest>(previous_leaf, "previous leaf"));
  if (sequence == 1 && !previous.is_zero()) {
    return malformed("previous leaf", "not zeros although the pair begins here");
  }
  return PairPosition{{sequence}, previous};
}

Result<std::vector<Digest>> digests_of(capnp::Data::Reader data, std::size_t most,
                                       std::string_view field) {
  if (data.size() % Digest::kBytes != 0) return malformed(field, "not a whole number of hashes");
  const std::size_t count = data.size() / Digest::kBytes;
  KERUEN_CHECK(check_count(count, 0, most, field));
  std::vector<Digest> digests(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(digests[i].bytes.data(), data.begin() + i * Digest::kBytes, Digest::kBytes);
  }
  return digests;
}

void write_digests(capnp::Data::Builder target, const std::vector<Digest>& digests) {
  ensure(target.size() == digests.size() * Digest::kBytes, "room for exactly these hashes");
  for (std::size_t i = 0; i < digests.size(); ++i) {
    std::memcpy(target.begin() + i * Digest::kBytes, digests[i].bytes.data(), Digest::kBytes);
  }
}

SharedBytes Parts::of(capnp::Data::Reader data) const {
  if (data.size() == 0) return SharedBytes();
  const auto offset = static_cast<std::size_t>(data.begin() - segment_.begin()) + kFramingBytes;
  return whole_.part(whole_.view().subspan(offset, data.size()));
}

FlatWriter::FlatWriter(std::size_t words_expected)
    : bytes_(kFramingBytes + words_expected * kWordBytes) {}

kj::ArrayPtr<capnp::word> FlatWriter::allocateSegment(kj::uint minimum_words) {
  const std::size_t words = (bytes_.size() - kFramingBytes) / kWordBytes;
  if (!first_given_ && minimum_words <= words) {
    first_given_ = true;
    return {reinterpret_cast<capnp::word*>(bytes_.data() + kFramingBytes), words};
  }
  first_given_ = true;
  auto segment = kj::heapArray<capnp::word>(minimum_words);
  std::memset(segment.begin(), 0, segment.asBytes().size());
  further_.push_back(kj::mv(segment));
  return further_.back();
}

Bytes FlatWriter::finish() {
  const auto segments = getSegmentsForOutput();
  if (segments.size() != 1 || !further_.empty()) return write_flat(*this);
  const std::size_t words = segments[0].size();
  for (std::size_t i = 0; i < 4; ++i) {
    bytes_[4 + i] = static_cast<std::uint8_t>(words >> (8 * i));
  }
  bytes_.resize(kFramingBytes + words * kWordBytes);
  return std::move(bytes_);
}

}  // namespace keruen::wire
