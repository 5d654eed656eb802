// A whole exchange on paper: authorities, agencies with every key, registries, and signed batches
// between them; what a test of the broker or of an agent stands on.
// Units: everything is made at clock().   Threads: one.   Lifetime: owns all keys.
//
// Everything made here is valid unless the test changes it: a statement through `Change`, a stream
// by copying it (a copied stream is a fork), a registry through registry_draft().
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "certs/batch.h"
#include "certs/directory.h"
#include "certs/seal.h"
#include "tests/support/seeded_randomness.h"
#include "tests/support/virtual_clock.h"

namespace keruen {

[[nodiscard]] AgencyId agency_named(std::string_view id);
[[nodiscard]] PartyId party_named(std::string_view id);

struct TestAgency {
  AgencyId id;
  certs::SigningKeyPair identity;
  certs::Certificate certificate;
  certs::SigningKeyPair signing;
  certs::TransportKeyPair transport;
  certs::PrekeyPair prekey;
  wire::SignedRecord first_delegation;
  wire::SignedRecord first_transport_key;
  wire::SignedRecord prekey_record;  // of `prekey`: its window holds the start of the clock
  wire::AgencyStatus status = wire::AgencyStatus::active;
  std::unique_ptr<certs::Sealer> sealer;
};

// One chain of one sender. A copy is a fork.
struct TestStream {
  AgencyId sender;
  StreamId stream;
  Lane lane = Lane::routine;
  BatchSequence next{1};
  Digest previous;
  std::map<AgencyId, wire::PairPosition> pairs;  // where the next leaf to this agency stands
};

struct TestMessage {
  std::vector<std::string> to;
  std::string content = "a sealed word";
  MessageKind kind = MessageKind::notice;
  std::optional<MessageId> message = {};    // empty: drawn
  std::optional<WallTime> created_at = {};  // empty: now
  std::optional<WallTime> expires_at = {};  // empty: created_at + kExpiryDefault
};
struct TestReceipt {
  std::string to;
  Digest batch = {};
  std::vector<wire::LeafRange> leaves = {{0, 0}};
  std::optional<ErrorCode> undeliverable = {};
};

// A batch as it travels, and as verified under its sender's key; null when a Change broke it.
struct TestBatch {
  certs::SignedBatch signed_batch;
  SharedBytes bytes;
  std::shared_ptr<const certs::VerifiedBatch> verified;
};

// What the next registry will say; fill in, then TestExchange::sign_registry.
struct RegistryDraft {
  wire::RegistryHead head;
  std::vector<wire::GroupEntry> groups;
  std::vector<wire::RuleEntry> rules;
  std::vector<wire::OperatorEntry> operators;
  std::size_t signatures = 0;  // by the first so many authorities
};

using TestRecord = std::variant<wire::SignedRecord, wire::UnverifiedSnapshot>;
using Change = std::function<void(wire::Statement&)>;

class TestExchange {
 public:
  struct Options {
    std::string origin = "kz.exchange";
    std::size_t authorities = 1;
    std::uint32_t threshold = 1;
    std::uint64_t seed = 1;
  };
  // Agencies are members of the group kz.all, whose members may send each other every kind.
  explicit TestExchange(const std::vector<std::string>& agencies);
  TestExchange(const std::vector<std::string>& agencies, Options options);
  ~TestExchange();
  TestExchange(const TestExchange&) = delete;
  TestExchange& operator=(const TestExchange&) = delete;

  [[nodiscard]] VirtualClock& clock() { return clock_; }
  [[nodiscard]] certs::Randomness& randomness() { return randomness_; }
  // Another run with the same keys and registry: everything drawn from now on follows the seed.
  void begin_again(std::uint64_t seed, const VirtualClock& clock) {
    randomness_.begin_again(seed);
    clock_ = clock;
  }
  [[nodiscard]] const Origin& origin() const { return origin_; }
  [[nodiscard]] const certs::Authorities& authorities() const { return authorities_; }
  [[nodiscard]] const certs::SigningKeyPair& authority_key(std::size_t number) const;
  [[nodiscard]] const certs::Certificate& authority(std::size_t number) const;
  [[nodiscard]] const certs::SigningKeyPair& log_key() const { return log_key_; }
  [[nodiscard]] const certs::TransportKeyPair& broker_transport() const { return broker_; }
  [[nodiscard]] TestAgency& agency(std::string_view id);
  [[nodiscard]] std::deque<TestAgency>& agencies() { return agencies_; }
  // Made with its keys; listed from the next registry on.
  TestAgency& admit(std::string_view id);

  // Registries: version, previous and dates follow the last one signed here.
  [[nodiscard]] RegistryDraft registry_draft() const;
  [[nodiscard]] wire::UnverifiedSnapshot sign_registry(const RegistryDraft& draft);
  // The next one, of the agencies as they are now.
  [[nodiscard]] wire::UnverifiedSnapshot next_registry() { return sign_registry(registry_draft()); }
  // The first registry, then each agency's prekey: what a new log begins with.
  [[nodiscard]] std::vector<TestRecord> founding();

  // Key records. The first three replace the agency's own pair.
  [[nodiscard]] wire::SignedRecord delegate_new_signing_key(TestAgency& agency);
  [[nodiscard]] wire::SignedRecord state_new_transport_key(TestAgency& agency);
  [[nodiscard]] wire::SignedRecord state_new_prekey(TestAgency& agency, WallTime window_from);
  [[nodiscard]] wire::SignedRecord revoke(const TestAgency& agency, const KeyId& key);

  // The directory as agents here have learnt it: statements name its position.
  [[nodiscard]] const certs::Directory& directory() const { return directory_; }
  [[nodiscard]] wire::DirectoryLine line_of(const TestRecord& record, LogIndex index) const;
  void learn(const wire::DirectoryLine& line, const TestRecord& record);
  // Learns founding() at log indexes from 0, as if a broker had logged it.
  void learn_founding();

  [[nodiscard]] TestStream open_stream(std::string_view sender, Lane lane = Lane::routine);
  // The next batch of the stream; `change` edits the statement before it is signed.
  [[nodiscard]] TestBatch messages(TestStream& stream, const std::vector<TestMessage>& messages,
                                   const Change& change = {});
  [[nodiscard]] TestBatch receipts(TestStream& stream, const std::vector<TestReceipt>& receipts,
                                   const Change& change = {});

 private:
  struct Authority {
    certs::SigningKeyPair key;
    certs::Certificate certificate;
  };
  [[nodiscard]] wire::PairPosition place_in_pair(const TestStream& stream,
                                                 const AgencyId& to) const;
  [[nodiscard]] TestBatch close(TestStream& stream, std::vector<wire::Leaf> leaves,
                                const std::vector<Digest>& hashes, const Change& change);

  VirtualClock clock_;
  SeededRandomness randomness_;
  Origin origin_;
  std::vector<Authority> authority_keys_;
  certs::Authorities authorities_;
  certs::SigningKeyPair log_key_;
  certs::TransportKeyPair broker_;
  std::deque<TestAgency> agencies_;  // references stay good
  RegistryVersion version_;          // of the last registry signed
  Digest registry_hash_;
  certs::Directory directory_;
};

}  // namespace keruen
