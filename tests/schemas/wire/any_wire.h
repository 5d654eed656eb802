// Any valid value of the wire, from a seed.
// Threads: one.
#pragma once

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/schemas/wire/examples.h"

namespace keruen::wire {

class AnyWire {
 public:
  explicit AnyWire(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] std::uint64_t number() { return random_(); }
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  [[nodiscard]] LogIndex log_index() { return {below(kLogEntriesMax)}; }
  [[nodiscard]] bool flag() { return below(2) == 0; }
  [[nodiscard]] std::uint32_t leaf() { return static_cast<std::uint32_t>(below(1024)); }

  template <class Fixed>
  [[nodiscard]] Fixed fixed() {
    Fixed result;
    for (auto& byte : result.bytes) byte = static_cast<std::uint8_t>(random_());
    return result;
  }
  [[nodiscard]] Bytes bytes(std::size_t least, std::size_t most) {
    Bytes result(least + below(most - least + 1));
    for (auto& byte : result) byte = static_cast<std::uint8_t>(random_());
    return result;
  }
  template <class Make>
  [[nodiscard]] auto some(std::size_t least, std::size_t most, Make make) {
    std::vector<decltype(make())> result(least + below(most - least + 1));
    for (auto& one : result) one = make();
    return result;
  }

  [[nodiscard]] std::string dotted() {
    static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::string text;
    for (std::uint64_t labels = 2 + below(3); labels > 0; --labels) {
      if (!text.empty()) text += '.';
      for (std::uint64_t letters = 1 + below(12); letters > 0; --letters) {
        text += kLetters[below(kLetters.size())];
      }
    }
    return text;
  }
  [[nodiscard]] AgencyId agency_id() { return agency(dotted()); }
  [[nodiscard]] Origin origin() { return *Origin::parse(dotted()); }
  [[nodiscard]] WallTime time() { return at(below(kWallMillisecondsMax - 40 * kDay)); }
  [[nodiscard]] MessageKind kind() { return static_cast<MessageKind>(1 + below(kMessageKindMax)); }
  [[nodiscard]] Lane lane() { return static_cast<Lane>(below(kLaneCount)); }
  [[nodiscard]] ErrorCode code() { return static_cast<ErrorCode>(1 + below(kErrorCodeMax)); }
  [[nodiscard]] std::optional<ErrorCode> optional_code() {
    return flag() ? std::optional(code()) : std::nullopt;
  }
  [[nodiscard]] std::vector<Digest> digests(std::size_t most) {
    return some(0, most, [&] { return fixed<Digest>(); });
  }

  [[nodiscard]] Header header() {
    Header header;
    header.kind = kind();
    header.message = fixed<MessageId>();
    header.sender = agency_id();
    header.signing_key = fixed<KeyId>();
    header.created_at = time();
    header.expires_at = at(milliseconds_of(header.created_at) + 1 + below(30 * kDay));
    std::set<AgencyId> distinct;
    for (std::uint64_t i = 1 + below(kRecipientsMax); i > 0; --i) distinct.insert(agency_id());
    distinct.erase(header.sender);
    header.recipients.assign(distinct.begin(), distinct.end());
    if (header.recipients.empty()) header.recipients.push_back(agency("a.another"));
    std::ranges::shuffle(header.recipients, random_);
    header.commitment = fixed<Digest>();
    header.padded_bytes = static_cast<std::uint32_t>(256 + below(65536 - 256 + 1));
    return header;
  }

  [[nodiscard]] PairPosition position() {
    PairPosition position{{1 + below(4)}, fixed<Digest>()};
    if (position.sequence.value == 1) position.previous_leaf = {};
    return position;
  }
  [[nodiscard]] DirectoryPosition directory() {
    DirectoryPosition position{{below(3)}, fixed<Digest>()};
    if (position.count.value == 0) position.head = {};
    return position;
  }

  [[nodiscard]] Statement statement() {
    Statement statement = example_statement();
    statement.origin = origin();
    statement.sender = agency_id();
    statement.signing_key = fixed<KeyId>();
    statement.stream = {number()};
    statement.lane = lane();
    statement.sequence = {1 + below(3)};
    statement.previous_batch = statement.sequence.value == 1 ? Digest() : fixed<Digest>();
    statement.leaf_count = 1 + leaf();
    statement.root = fixed<Digest>();
    statement.created_at = time();
    statement.checkpoint_seen = {};
    if (flag()) {
      statement.checkpoint_seen = {
          {1 + below(99)}, fixed<Digest>(), fixed<KeyId>(), fixed<Signature>()};
    }
    statement.directory = directory();
    statement.salt = fixed<Salt>();
    return statement;
  }

  [[nodiscard]] Receipt receipt() {
    Receipt receipt{agency_id(), position(), fixed<Digest>(), {}, {}, time()};
    constexpr std::array kCauses{ErrorCode::malformed, ErrorCode::too_large, ErrorCode::unsupported,
                                 ErrorCode::bad_signature, ErrorCode::not_found};
    if (flag()) receipt.undeliverable = kCauses[below(kCauses.size())];
    std::uint32_t next = static_cast<std::uint32_t>(below(10));
    do {
      const auto last = next + static_cast<std::uint32_t>(below(3));
      receipt.leaves.push_back({next, last});
      next = last + 1 + static_cast<std::uint32_t>(below(5));
    } while (next < 1000 && below(60) != 0);
    return receipt;
  }

  [[nodiscard]] WrapSlot wrap() {
    if (flag()) return fixed<Digest>();
    return Wrap{fixed<ChannelId>(), fixed<KeyId>(), fixed<EncapsulatedKey>(), position(),
                fixed<SealedKey>()};
  }

  [[nodiscard]] UnverifiedBatch batch() {
    UnverifiedBatch batch;
    batch.statement = SharedBytes(bytes(1, 600));
    batch.signature = fixed<Signature>();
    const bool receipts = flag();
    std::uint32_t next = static_cast<std::uint32_t>(below(4));
    for (std::uint64_t left = 1 + below(20); left > 0; --left) {
      Leaf leaf{next, {}};
      next += 1 + static_cast<std::uint32_t>(below(3));
      if (receipts) {
        leaf.content = ReceiptLeaf{SharedBytes(bytes(1, 300))};
      } else {
        MessageLeaf message{SharedBytes(bytes(1, 700)), some(1, 5, [&] { return wrap(); }), {}};
        if (flag()) {
          message.body = SharedBytes(bytes(1, 2000));
        } else {
          message.body = fixed<Digest>();
        }
        leaf.content = std::move(message);
      }
      batch.leaves.push_back(std::move(leaf));
    }
    batch.pruned = digests(30);
    return batch;
  }

  [[nodiscard]] KeyRecord key_record() {
    const WallTime from = time();
    const WallTime until = at(milliseconds_of(from) + 1 + below(kDay));
    switch (below(4)) {
      case 0:
        return Delegation{origin(), agency_id(), fixed<SigningPublicKey>(), from, until};
      case 1:
        return TransportRecord{origin(), agency_id(), fixed<KeyId>(), fixed<TransportPublicKey>(),
                               from,     until};
      case 2:
        return Prekey{origin(), agency_id(), fixed<KeyId>(), fixed<PrekeyPublicKey>(), from, until};
      default:
        return Revocation{origin(), agency_id(), fixed<KeyId>(), from};
    }
  }
  [[nodiscard]] SignedRecord signed_record() { return {bytes(1, 1024), fixed<Signature>()}; }

  [[nodiscard]] RegistryEntry registry_entry() {
    switch (below(6)) {
      case 0: {
        AgencyEntry entry{agency_id(),
                          {},
                          bytes(1, 4096),
                          signed_record(),
                          signed_record(),
                          {},
                          flag() ? AgencyStatus::active : AgencyStatus::suspended};
        for (const char* tag : {"en", "kk", "ru-RU"}) {
          if (flag()) entry.names[tag] = dotted() + " Қ";
        }
        if (flag()) entry.parent = agency("a.parent");
        return entry;
      }
      case 1: {
        std::set<AgencyId> members;
        for (std::uint64_t i = below(100); i > 0; --i) members.insert(agency_id());
        return GroupEntry{*GroupId::parse(dotted()), {members.begin(), members.end()}};
      }
      case 2: {
        RuleEntry entry{*PartyId::parse(dotted()), *PartyId::parse(dotted()), {}};
        for (const auto kind : {MessageKind::notice, MessageKind::schedule}) {
          if (flag()) entry.kinds.push_back(kind);
        }
        entry.kinds.push_back(MessageKind::evidence);
        return entry;
      }
      case 3:
        return OperatorEntry{*OperatorName::parse("duty-7"), fixed<TransportPublicKey>(),
                             static_cast<OperatorRole>(1 + below(3))};
      case 4:
        return BrokerEntry{"tcp://" + dotted() + ":7400",
                           some(1, kBrokerKeysMax, [&] { return fixed<TransportPublicKey>(); }),
                           some(1, kBrokerKeysMax, [&] { return fixed<SigningPublicKey>(); })};
      default: {
        AuthoritiesEntry entry{some(1, kAuthoritiesMax, [&] { return bytes(1, 900); }), 1};
        entry.threshold = static_cast<std::uint32_t>(1 + below(entry.roots.size()));
        return entry;
      }
    }
  }

  [[nodiscard]] RegistryHead registry_head() {
    RegistryHead head{origin(),
                      {1 + below(3)},
                      fixed<Digest>(),
                      time(),
                      {},
                      static_cast<std::uint32_t>(below(kRegistryEntriesMax + 1)),
                      fixed<Digest>()};
    if (head.version.value == 1) head.previous = {};
    head.expires_at = at(milliseconds_of(head.issued_at) + 1 + below(30 * kDay));
    return head;
  }
  [[nodiscard]] std::vector<AuthoritySignature> signatures() {
    return some(0, kAuthoritiesMax, [&] {
      return AuthoritySignature{fixed<KeyId>(), fixed<Signature>()};
    });
  }
  [[nodiscard]] UnverifiedSnapshot snapshot() {
    UnverifiedSnapshot snapshot{bytes(1, 1024), signatures(), {}};
    std::set<Bytes> entries;
    for (std::uint64_t i = below(40); i > 0; --i) entries.insert(bytes(1, 500));
    snapshot.entries.assign(entries.begin(), entries.end());
    return snapshot;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace keruen::wire
