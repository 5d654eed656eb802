// The entries of registries for tests of certs: authorities, a broker, agencies with their keys,
// and the registries that list them. Everything follows from one seed. Shape: entries are built
// from plain members a test may change before it signs. Threads: one.   Never for real keys.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "certs/hash.h"
#include "certs/key_record.h"
#include "certs/registry.h"
#include "schemas/wire/frame.h"
#include "tests/support/seeded_randomness.h"

namespace keruen {

inline constexpr WallTime kSampleStart = wall_time_of(1'790'000'000'000);

struct SampleAgency {
  AgencyId id;
  certs::SigningKeyPair identity;
  certs::SigningKeyPair signing;
  certs::TransportKeyPair transport;
  certs::Certificate certificate;
  wire::AgencyStatus status = wire::AgencyStatus::active;
  wire::SignedRecord first_delegation;
  wire::SignedRecord first_transport_key;
};

class SampleExchange {
 public:
  // `threshold` of `authority_count` must sign; signs with the first `threshold`.
  explicit SampleExchange(std::uint64_t seed = 1, std::uint32_t authority_count = 1,
                          std::uint32_t threshold = 1)
      : randomness(seed),
        broker_transport(certs::TransportKeyPair::generate(randomness)),
        log_key(certs::SigningKeyPair::generate(randomness)),
        threshold_(threshold) {
    for (std::uint32_t number = 1; number <= authority_count; ++number) {
      authority_keys.push_back(certs::SigningKeyPair::generate(randomness));
      auto root = certs::make_authority_certificate("authority " + std::to_string(number),
                                                    authority_keys.back(), validity(), randomness);
      ensure(root.has_value(), "a root can be made");
      authorities.roots.push_back(std::move(*root));
    }
    authorities.threshold = threshold;
    broker = {.endpoint = "tcp://127.0.0.1:7400",
              .transport_keys = {broker_transport.public_key()},
              .log_keys = {log_key.public_key()}};
  }

  SampleAgency& add_agency(const std::string& name) {
    auto made = make_agency(name);
    return *agencies.insert_or_assign(name, std::move(made)).first->second;
  }

  // An agency admitted by the first authority, not in any registry yet.
  [[nodiscard]] std::unique_ptr<SampleAgency> make_agency(const std::string& name) {
    const AgencyId id = *AgencyId::parse(name);
    auto identity = certs::SigningKeyPair::generate(randomness);
    auto signing = certs::SigningKeyPair::generate(randomness);
    auto transport = certs::TransportKeyPair::generate(randomness);
    auto certificate =
        certs::issue_agency_certificate({id, identity.public_key()}, authorities.roots.front(),
                                        authority_keys.front(), validity(), randomness);
    ensure(certificate.has_value(), "a certificate can be issued");
    auto delegation = sign_delegation(id, identity, signing.public_key());
    auto transport_record = sign_transport(id, signing, transport.public_key());
    return std::make_unique<SampleAgency>(SampleAgency{
        id, std::move(identity), std::move(signing), std::move(transport), std::move(*certificate),
        wire::AgencyStatus::active, std::move(delegation), std::move(transport_record)});
  }

  [[nodiscard]] certs::Validity validity() const {
    return {kSampleStart - std::chrono::hours(24), kSampleStart + std::chrono::hours(24 * 365 * 2)};
  }
  [[nodiscard]] wire::SignedRecord sign_delegation(const AgencyId& agency,
                                                   const certs::SigningKeyPair& identity,
                                                   const SigningPublicKey& key,
                                                   WallTime from = kSampleStart) const {
    return certs::sign_key_record(
        wire::Delegation{origin, agency, key, from, from + kSigningKeyLife}, identity);
  }
  [[nodiscard]] wire::SignedRecord sign_transport(const AgencyId& agency,
                                                  const certs::SigningKeyPair& signer,
                                                  const TransportPublicKey& key,
                                                  WallTime from = kSampleStart) const {
    return certs::sign_key_record(
        wire::TransportRecord{origin, agency, signer.id(), key, from, from + kTransportKeyLife},
        signer);
  }
  [[nodiscard]] wire::SignedRecord sign_prekey(const AgencyId& agency,
                                               const certs::SigningKeyPair& signer,
                                               const PrekeyPublicKey& key,
                                               WallTime from = kSampleStart) const {
    return certs::sign_key_record(
        wire::Prekey{origin, agency, signer.id(), key, from, from + kPrekeyWindow}, signer);
  }
  [[nodiscard]] wire::SignedRecord sign_revocation(const AgencyId& agency,
                                                   const certs::SigningKeyPair& identity,
                                                   const KeyId& key,
                                                   WallTime at = kSampleStart) const {
    return certs::sign_key_record(wire::Revocation{origin, agency, key, at}, identity);
  }

  void add_group(const std::string& name, std::vector<std::string> members) {
    wire::GroupEntry group{*GroupId::parse(name), {}};
    std::ranges::sort(members);
    for (const auto& member : members) group.members.push_back(*AgencyId::parse(member));
    other_entries.push_back(std::move(group));
  }
  void add_rule(const std::string& from, const std::string& to, std::vector<MessageKind> kinds) {
    std::ranges::sort(kinds);
    other_entries.push_back(
        wire::RuleEntry{*PartyId::parse(from), *PartyId::parse(to), std::move(kinds)});
  }

  [[nodiscard]] std::vector<wire::RegistryEntry> entries() const {
    std::vector<wire::RegistryEntry> result = other_entries;
    for (const auto& [name, agency] : agencies) {
      result.push_back(wire::AgencyEntry{.id = agency->id,
                                         .names = {{"en", name}},
                                         .certificate = agency->certificate.der,
                                         .first_delegation = agency->first_delegation,
                                         .first_transport_key = agency->first_transport_key,
                                         .parent = std::nullopt,
                                         .status = agency->status});
    }
    result.push_back(broker);
    wire::AuthoritiesEntry roots{{}, threshold_};
    for (const auto& root : authorities.roots) roots.roots.push_back(root.der);
    result.push_back(std::move(roots));
    return result;
  }
  [[nodiscard]] wire::RegistryHead head(std::uint64_t version, const Digest& previous) const {
    return {.origin = origin,
            .version = RegistryVersion{version},
            .previous = previous,
            .issued_at = issued_at,
            .expires_at = issued_at + kRegistryLife,
            .entry_count = 0,
            .entries_root = {}};
  }
  [[nodiscard]] std::vector<const certs::SigningKeyPair*> signers() const {
    std::vector<const certs::SigningKeyPair*> result;
    for (std::uint32_t place = 0; place < threshold_; ++place) {
      result.push_back(&authority_keys[place]);
    }
    return result;
  }
  [[nodiscard]] wire::UnverifiedSnapshot sign(std::uint64_t version, const Digest& previous) const {
    auto snapshot = certs::sign_snapshot(head(version, previous), entries(), signers());
    ensure(snapshot.has_value(), "a registry of this exchange can be signed");
    return std::move(*snapshot);
  }
  // Version 1, or the next after the last one signed this way.
  [[nodiscard]] wire::UnverifiedSnapshot publish() {
    auto snapshot = sign(++version_, previous_);
    previous_ = certs::sha256(snapshot.head);
    return snapshot;
  }
  [[nodiscard]] std::shared_ptr<const certs::Registry> registry() {
    auto verified = certs::verify_snapshot(publish(), origin, authorities);
    ensure(verified.has_value(), "a registry of this exchange verifies");
    return *verified;
  }

  Origin origin = *Origin::parse("kz.exchange");
  WallTime issued_at = kSampleStart;
  SeededRandomness randomness;
  std::vector<certs::SigningKeyPair> authority_keys;
  certs::Authorities authorities;
  certs::TransportKeyPair broker_transport;
  certs::SigningKeyPair log_key;
  wire::BrokerEntry broker;
  std::map<std::string, std::unique_ptr<SampleAgency>> agencies;
  std::vector<wire::RegistryEntry> other_entries;  // groups, rules, operators

 private:
  std::uint32_t threshold_;
  std::uint64_t version_ = 0;
  Digest previous_;
};

}  // namespace keruen
