// The names things have: agencies, messages, keys, streams, positions. Each its own type.
// Shape: text ids are checked once, by parse(); numbers are StrongNumber; hashes and keys
// FixedBytes. Threads: values.
//
// Source of the id grammar: two or more labels [a-z0-9]([a-z0-9-]*[a-z0-9])? joined by dots, at
// most kAgencyIdBytesMax bytes: "kz.customs". An id is also a file name, so nothing else may pass.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/bytes.h"
#include "schemas/error.h"
#include "schemas/limits.h"

namespace keruen {

// Empty, or what is wrong with `text` as a dotted id.
[[nodiscard]] std::optional<std::string> fault_of_dotted_id(std::string_view text);
// Empty, or what is wrong with `text` as a log origin (C2SP signed-note: no space, no plus).
[[nodiscard]] std::optional<std::string> fault_of_origin(std::string_view text);
// Empty, or what is wrong with `text` as an operator's name: one label of the id grammar.
[[nodiscard]] std::optional<std::string> fault_of_label(std::string_view text);

// Empty, or what is wrong with `text` as a place to bind or connect to: "tcp://host:port", the host
// a name, an IPv4 address, [an IPv6 address] or * (all), the port a number or * (any free one).
[[nodiscard]] std::optional<std::string> fault_of_endpoint(std::string_view text);

// A checked text with a meaning. Default-constructed it is empty and names nothing.
template <class Tag>
class NameOf {
 public:
  NameOf() = default;
  // malformed: says which character or length is wrong.
  [[nodiscard]] static Result<NameOf> parse(std::string_view text) {
    if (auto fault = Tag::fault_of(text)) return fail(ErrorCode::malformed, std::move(*fault));
    NameOf name;
    name.text_ = std::string(text);
    return name;
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  auto operator<=>(const NameOf&) const = default;

 private:
  std::string text_;
};

struct AgencyIdTag {
  static auto fault_of(std::string_view text) { return fault_of_dotted_id(text); }
};
struct GroupIdTag {
  static auto fault_of(std::string_view text) { return fault_of_dotted_id(text); }
};
struct PartyIdTag {
  static auto fault_of(std::string_view text) { return fault_of_dotted_id(text); }
};
struct OriginTag {
  static auto fault_of(std::string_view text) { return fault_of_origin(text); }
};
struct OperatorNameTag {
  static auto fault_of(std::string_view text) { return fault_of_label(text); }
};

using AgencyId = NameOf<AgencyIdTag>;          // kz.customs
using GroupId = NameOf<GroupIdTag>;            // kz.all
using PartyId = NameOf<PartyIdTag>;            // an agency or a group; the registry says which
using Origin = NameOf<OriginTag>;              // kz.exchange: the log's name, in everything signed
using OperatorName = NameOf<OperatorNameTag>;  // duty

using MessageId = FixedBytes<struct MessageIdTag, 16>;  // UUIDv7, RFC 9562
using KeyId = FixedBytes<struct KeyIdTag, 16>;  // SHA-256("keruen/1 key\0" ‖ public)[0:16]
using ChannelId = FixedBytes<struct ChannelIdTag, 16>;
using Salt = FixedBytes<struct SaltTag, 16>;
using Signature = FixedBytes<struct SignatureTag, 64>;  // Ed25519
using SigningPublicKey =
    FixedBytes<struct SigningPublicTag, 32>;  // Ed25519: identity, signing, log, authority
using PrekeyPublicKey = FixedBytes<struct PrekeyPublicTag, 32>;        // X25519
using TransportPublicKey = FixedBytes<struct TransportPublicTag, 32>;  // Curve25519, CURVE only
using EncapsulatedKey = FixedBytes<struct EncapsulatedKeyTag, 32>;     // HPKE enc
using SealedKey = FixedBytes<struct SealedKeyTag, 48>;  // a content key under a wrap key

template <class Tag>
struct StrongNumber {
  std::uint64_t value = 0;
  auto operator<=>(const StrongNumber&) const = default;
  [[nodiscard]] constexpr StrongNumber next() const { return {value + 1}; }
};

using StreamId = StrongNumber<struct StreamIdTag>;              // random
using BatchSequence = StrongNumber<struct BatchSequenceTag>;    // in a stream, from 1
using PairSequence = StrongNumber<struct PairSequenceTag>;      // in a (stream, recipient), from 1
using LogIndex = StrongNumber<struct LogIndexTag>;              // from 0
using TreeSize = StrongNumber<struct TreeSizeTag>;              // entries a tree covers
using DirectoryCount = StrongNumber<struct DirectoryCountTag>;  // lines
using RegistryVersion = StrongNumber<struct RegistryVersionTag>;  // from 1

// What the broker may know of a message's content.
enum class MessageKind : std::uint8_t {
  notice = 1,
  schedule = 2,
  evidence = 3,
  part = 4,
  receipt = 5
};
inline constexpr std::uint8_t kMessageKindMax = 5;
// Most urgent first; the number is the order of service.
enum class Lane : std::uint8_t { flash = 0, urgent = 1, routine = 2, bulk = 3 };
inline constexpr std::size_t kLaneCount = 4;

[[nodiscard]] std::string_view name_of(MessageKind kind);
[[nodiscard]] std::optional<MessageKind> message_kind_named(std::string_view name);
[[nodiscard]] std::optional<MessageKind> message_kind_numbered(std::uint64_t number);
[[nodiscard]] std::string_view name_of(Lane lane);
[[nodiscard]] std::optional<Lane> lane_named(std::string_view name);
[[nodiscard]] std::optional<Lane> lane_numbered(std::uint64_t number);

// "0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a": the form people and JSON see.
[[nodiscard]] std::string to_text(const MessageId& id);
[[nodiscard]] std::optional<MessageId> message_id_from_text(std::string_view text);

}  // namespace keruen

template <class Tag>
struct std::hash<keruen::NameOf<Tag>> {
  std::size_t operator()(const keruen::NameOf<Tag>& name) const noexcept {
    return std::hash<std::string>{}(name.text());
  }
};
template <class Tag>
struct std::hash<keruen::StrongNumber<Tag>> {
  std::size_t operator()(const keruen::StrongNumber<Tag>& number) const noexcept {
    return std::hash<std::uint64_t>{}(number.value);
  }
};
