// INTERNAL to the .cc files of this directory: single fields of wire messages, read strictly.
// Shape: every *_of takes what stands on the wire and the field's name, and answers the value or
// malformed (too_large for a size above its limit) naming the field.
// Threads: pure functions.   Lifetime: answers own their data; Parts borrows the message it opened.
#pragma once

#include <capnp/message.h>
#include <kj/array.h>

#include <string_view>
#include <vector>

#include "schemas/names.h"
#include "schemas/now.h"
#include "schemas/shared_bytes.h"
#include "schemas/strict_message.h"
#include "schemas/wire/header.h"
#include "schemas/wire/wire.capnp.h"
#include "schemas/wire/wrap.h"

namespace keruen::wire {

[[nodiscard]] inline BytesView view_of(capnp::Data::Reader data) {
  return {data.begin(), data.size()};
}
[[nodiscard]] inline std::string_view view_of(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}
[[nodiscard]] inline capnp::Data::Reader data_of(BytesView bytes) {
  return {bytes.data(), bytes.size()};
}
template <class Tag, std::size_t Size>
[[nodiscard]] capnp::Data::Reader data_of(const FixedBytes<Tag, Size>& value) {
  return data_of(value.view());
}
[[nodiscard]] inline capnp::Text::Reader text_for(const std::string& text) {
  return {text.c_str(), text.size()};
}

[[nodiscard]] tl::unexpected<Error> malformed(std::string_view field, std::string_view what);

template <class Fixed>
[[nodiscard]] Result<Fixed> fixed_of(capnp::Data::Reader data, std::string_view field) {
  if (auto value = Fixed::from(view_of(data))) return *value;
  return malformed(field,
                   std::to_string(data.size()) + " bytes, not " + std::to_string(Fixed::kBytes));
}

template <class Name>
[[nodiscard]] Result<Name> id_of(capnp::Text::Reader text, std::string_view field) {
  auto name = Name::parse(view_of(text));
  if (!name) return malformed(field, name.error().detail);
  return name;
}

// 1..bytes_max bytes.
[[nodiscard]] Result<void> check_size(capnp::Data::Reader data, std::size_t bytes_max,
                                      std::string_view field);
[[nodiscard]] Result<Bytes> blob_of(capnp::Data::Reader data, std::size_t bytes_max,
                                    std::string_view field);
// UTF-8 of at most bytes_max bytes; may be empty.
[[nodiscard]] Result<std::string> text_of(capnp::Text::Reader text, std::size_t bytes_max,
                                          std::string_view field);
// `count` is within [least, most]: malformed below, too_large above.
[[nodiscard]] Result<void> check_count(std::size_t count, std::size_t least, std::size_t most,
                                       std::string_view field);
[[nodiscard]] Result<WallTime> time_of(std::uint64_t milliseconds, std::string_view field);
[[nodiscard]] Result<MessageKind> kind_of(std::uint64_t number, std::string_view field);
[[nodiscard]] Result<Lane> lane_of(std::uint64_t number, std::string_view field);
[[nodiscard]] Result<ErrorCode> code_of(std::uint64_t number, std::string_view field);
// 0 is none.
[[nodiscard]] Result<std::optional<ErrorCode>> optional_code_of(std::uint64_t number,
                                                                std::string_view field);
[[nodiscard]] inline std::uint8_t number_of(const std::optional<ErrorCode>& code) {
  return code ? static_cast<std::uint8_t>(*code) : std::uint8_t{0};
}
// unsupported: another suite.
[[nodiscard]] Result<Suite> suite_of(std::uint16_t number);
// Sequence from 1; the first has no leaf before it.
[[nodiscard]] Result<PairPosition> position_of(std::uint64_t sequence,
                                               capnp::Data::Reader previous_leaf);

// n × 32 bytes as n hashes, and back.
[[nodiscard]] Result<std::vector<Digest>> digests_of(capnp::Data::Reader data, std::size_t most,
                                                     std::string_view field);
void write_digests(capnp::Data::Builder target, const std::vector<Digest>& digests);

// Cuts parts of a shared buffer out of the message that was opened over it, or over its copy.
class Parts {
 public:
  Parts(const SharedBytes& whole, capnp::MessageReader& message)
      : whole_(whole), segment_(message.getSegment(0).asBytes()) {}
  [[nodiscard]] SharedBytes of(capnp::Data::Reader data) const;

 private:
  const SharedBytes& whole_;
  kj::ArrayPtr<const kj::byte> segment_;
};

// Builds a message straight into the bytes that are returned, framing included, so that a batch is
// written once. Beyond the words announced it goes on in other segments and is copied at the end.
class FlatWriter final : public capnp::MessageBuilder {
 public:
  explicit FlatWriter(std::size_t words_expected);
  kj::ArrayPtr<capnp::word> allocateSegment(kj::uint minimum_words) override;
  // The writer is spent afterwards.
  [[nodiscard]] Bytes finish();

 private:
  Bytes bytes_;
  bool first_given_ = false;
  std::vector<kj::Array<capnp::word>> further_;
};

// Words for a text or data of so many bytes, its pointer included, rounded up.
[[nodiscard]] constexpr std::size_t words_for(std::size_t bytes) { return bytes / 8 + 3; }

}  // namespace keruen::wire
