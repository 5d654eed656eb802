// The only way from a snapshot's bytes to a Registry. Signatures are checked before a single entry
// is decoded, so that nobody but k authorities can make anyone work through 16 384 entries.
#include <algorithm>
#include <functional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "certs/hash.h"
#include "certs/key_record.h"
#include "certs/merkle.h"
#include "certs/registry.h"

namespace keruen::certs {

class SnapshotVerifier {
 public:
  SnapshotVerifier(const wire::UnverifiedSnapshot& snapshot, const Origin& origin,
                   const Authorities& trusted)
      : snapshot_(snapshot), origin_(origin), trusted_(trusted) {}

  [[nodiscard]] Result<std::shared_ptr<const Registry>> verify();
  // What the entries say, whoever signed them; a broker need not be among them.
  [[nodiscard]] Result<void> check_entries();

 private:
  [[nodiscard]] Result<void> check_head();
  [[nodiscard]] Result<void> check_signatures() const;
  [[nodiscard]] Result<void> check_entries_root() const;
  [[nodiscard]] Result<void> take(wire::AgencyEntry entry);
  [[nodiscard]] Result<void> take(wire::GroupEntry entry);
  [[nodiscard]] Result<void> take(wire::RuleEntry entry);
  [[nodiscard]] Result<void> take(wire::OperatorEntry entry);
  [[nodiscard]] Result<void> take(wire::BrokerEntry entry);
  [[nodiscard]] Result<void> take(wire::AuthoritiesEntry entry);
  [[nodiscard]] Result<void> take_transport_key(const TransportPublicKey& key,
                                                const std::string& owner);
  [[nodiscard]] Result<void> check_agency(Agency& agency);
  [[nodiscard]] Result<void> check_names() const;
  [[nodiscard]] Result<void> check_party(const PartyId& party) const;

  const wire::UnverifiedSnapshot& snapshot_;
  const Origin& origin_;
  const Authorities& trusted_;
  std::shared_ptr<Registry> registry_ = std::make_shared<Registry>();
  bool has_broker_ = false;
  bool has_authorities_ = false;
  std::unordered_set<SigningPublicKey> identities_;
  std::unordered_map<TransportPublicKey, std::string> transport_keys_;  // → whose
};

Result<std::shared_ptr<const Registry>> SnapshotVerifier::verify() {
  KERUEN_CHECK(check_head());
  KERUEN_CHECK(check_signatures());
  KERUEN_CHECK(check_entries_root());
  KERUEN_CHECK(check_entries());
  if (!has_broker_) return fail(ErrorCode::malformed, "the registry has no broker entry");
  registry_->snapshot_ = snapshot_;
  registry_->expand_rules();
  return std::shared_ptr<const Registry>(std::move(registry_));
}

Result<void> SnapshotVerifier::check_entries() {
  for (const Bytes& bytes : snapshot_.entries) {
    KERUEN_TRY(auto entry, wire::decode_registry_entry(bytes));
    KERUEN_CHECK(
        std::visit([this](auto&& value) { return take(std::move(value)); }, std::move(entry)));
  }
  if (!has_authorities_) {
    return fail(ErrorCode::malformed, "the registry has no authorities entry");
  }
  // Certificates are checked when the roots are known: entries stand in the order of their bytes.
  for (auto& [id, agency] : registry_->agencies_) KERUEN_CHECK(check_agency(agency));
  return check_names();
}

Result<void> SnapshotVerifier::check_head() {
  KERUEN_TRY(registry_->head_, wire::decode_registry_head(snapshot_.head));
  const auto& head = registry_->head_;
  if (head.origin != origin_) {
    return fail(ErrorCode::denied, "the registry is of the exchange " + head.origin.text() +
                                       ", not of " + origin_.text());
  }
  if (head.version.value == 0 || (head.version.value == 1) != head.previous.is_zero()) {
    return fail(ErrorCode::malformed,
                "registry versions count from 1, and every one but the first names the one before");
  }
  if (head.issued_at >= head.expires_at) {
    return fail(ErrorCode::malformed, "the registry expires before it is issued");
  }
  registry_->hash_ = sha256(snapshot_.head);
  return {};
}

Result<void> SnapshotVerifier::check_signatures() const {
  if (snapshot_.signatures.size() > 2 * kAuthoritiesMax) {
    return fail(ErrorCode::too_large, "the registry carries too many signatures");
  }
  // A signature of an authority not trusted here is no fault: while authorities change, a registry
  // carries those of both. A wrong one of a trusted authority is.
  std::set<KeyId> signed_by;
  for (const auto& [authority, signature] : snapshot_.signatures) {
    for (const Certificate& root : trusted_.roots) {
      if (key_id_of(root.public_key) != authority) continue;
      if (!verifies(root.public_key, SignatureUse::registry, snapshot_.head, signature)) {
        return fail(ErrorCode::bad_signature,
                    "the registry's signature of " + root.common_name + " does not verify");
      }
      signed_by.insert(authority);
    }
  }
  if (trusted_.threshold == 0 || signed_by.size() < trusted_.threshold) {
    return fail(ErrorCode::bad_signature, "the registry is signed by " +
                                              std::to_string(signed_by.size()) +
                                              " of the authorities trusted here, and " +
                                              std::to_string(trusted_.threshold) + " must sign");
  }
  return {};
}

Result<void> SnapshotVerifier::check_entries_root() const {
  const auto& entries = snapshot_.entries;
  // First whether these are what was signed: of a bad copy nothing is to be learnt of the registry.
  const auto others = [] {
    return fail(ErrorCode::bad_signature,
                "the registry's entries are not those its head was signed for");
  };
  if (entries.size() != registry_->head_.entry_count) return others();
  if (entries.size() > kRegistryEntriesMax) {
    return fail(ErrorCode::too_large,
                "the registry has more than " + std::to_string(kRegistryEntriesMax) + " entries");
  }
  std::vector<Digest> leaves;
  leaves.reserve(entries.size());
  for (const Bytes& entry : entries) leaves.push_back(merkle_leaf_hash(entry));
  if (merkle_root(leaves) != registry_->head_.entries_root) return others();
  if (std::ranges::adjacent_find(entries, std::greater_equal<>()) != entries.end()) {
    return fail(ErrorCode::malformed, "the registry's entries do not stand in ascending order");
  }
  return {};
}

Result<void> SnapshotVerifier::take(wire::AgencyEntry entry) {
  if (registry_->agencies_.size() == kRegistryAgenciesMax) {
    return fail(ErrorCode::too_large,
                "the registry has more than " + std::to_string(kRegistryAgenciesMax) + " agencies");
  }
  const AgencyId id = entry.id;
  if (entry.parent == id) {
    return fail(ErrorCode::malformed, "the agency " + id.text() + " is named as its own parent");
  }
  if (!registry_->agencies_.emplace(id, Agency{std::move(entry), {}}).second) {
    return fail(ErrorCode::duplicate, "the agency " + id.text() + " stands in the registry twice");
  }
  return {};
}

Result<void> SnapshotVerifier::take(wire::GroupEntry entry) {
  const GroupId id = entry.id;
  if (!registry_->groups_.emplace(id, std::move(entry)).second) {
    return fail(ErrorCode::duplicate, "the group " + id.text() + " stands in the registry twice");
  }
  return {};
}

Result<void> SnapshotVerifier::take(wire::RuleEntry entry) {
  registry_->rules_.push_back(std::move(entry));
  return {};
}

Result<void> SnapshotVerifier::take(wire::OperatorEntry entry) {
  KERUEN_CHECK(take_transport_key(entry.transport_key, "the operator " + entry.name.text()));
  const OperatorName name = entry.name;
  registry_->operator_keys_.emplace(key_id_of(entry.transport_key), name);
  if (!registry_->operators_.emplace(name, std::move(entry)).second) {
    return fail(ErrorCode::duplicate,
                "the operator " + name.text() + " stands in the registry twice");
  }
  return {};
}

Result<void> SnapshotVerifier::take(wire::BrokerEntry entry) {
  if (has_broker_) return fail(ErrorCode::duplicate, "the registry has two broker entries");
  if (entry.transport_keys.empty() || entry.log_keys.empty()) {
    return fail(ErrorCode::malformed, "the registry's broker entry lacks a transport or a log key");
  }
  for (const auto& key : entry.transport_keys) KERUEN_CHECK(take_transport_key(key, "the broker"));
  has_broker_ = true;
  registry_->broker_ = std::move(entry);
  return {};
}

Result<void> SnapshotVerifier::take(wire::AuthoritiesEntry entry) {
  if (has_authorities_)
    return fail(ErrorCode::duplicate, "the registry has two authorities entries");
  has_authorities_ = true;
  Authorities authorities;
  authorities.threshold = entry.threshold;
  for (const Bytes& der : entry.roots) {
    KERUEN_TRY(auto root, parse_certificate(der));
    KERUEN_CHECK(check_issued_by(root, {root}));
    if (!identities_.insert(root.public_key).second) {
      return fail(ErrorCode::duplicate, "two roots of the registry have one key");
    }
    authorities.roots.push_back(std::move(root));
  }
  if (authorities.threshold == 0 || authorities.threshold > authorities.roots.size() ||
      authorities.roots.size() > kAuthoritiesMax) {
    return fail(ErrorCode::malformed, "the registry asks for " + std::to_string(entry.threshold) +
                                          " signatures of " + std::to_string(entry.roots.size()) +
                                          " authorities");
  }
  registry_->authorities_ = std::move(authorities);
  return {};
}

// One key, one holder: a connection's key must say who is at its other end.
// Both are named: either may be the one that took the other's.
Result<void> SnapshotVerifier::take_transport_key(const TransportPublicKey& key,
                                                  const std::string& owner) {
  const auto [place, added] = transport_keys_.emplace(key, owner);
  if (added) return {};
  return fail(ErrorCode::duplicate, place->second + " and " + owner +
                                        " have one transport key in the registry; each needs one "
                                        "of its own");
}

Result<void> SnapshotVerifier::check_agency(Agency& agency) {
  const wire::AgencyEntry& entry = agency.entry;
  const std::string id = entry.id.text();
  KERUEN_TRY(agency.certificate, parse_certificate(entry.certificate));
  if (agency.certificate.common_name != id) {
    return fail(ErrorCode::malformed,
                "the certificate listed for " + id + " names " + agency.certificate.common_name);
  }
  KERUEN_CHECK(check_issued_by(agency.certificate, registry_->authorities_.roots));
  if (!identities_.insert(agency.certificate.public_key).second) {
    return fail(ErrorCode::duplicate,
                "the identity key of " + id + " stands in the registry twice");
  }
  KERUEN_TRY(const auto first,
             verify_key_record(entry.first_delegation, agency.certificate.public_key));
  const auto* delegation = std::get_if<wire::Delegation>(&first);
  if (delegation == nullptr || delegation->agency != entry.id || delegation->origin != origin_) {
    return fail(ErrorCode::malformed, "the first delegation listed for " + id +
                                          " is not one of it for " + origin_.text());
  }
  KERUEN_TRY(const auto second,
             verify_key_record(entry.first_transport_key, delegation->signing_key));
  const auto* transport = std::get_if<wire::TransportRecord>(&second);
  if (transport == nullptr || transport->agency != entry.id || transport->origin != origin_ ||
      transport->signed_by != key_id_of(delegation->signing_key)) {
    return fail(ErrorCode::malformed, "the first transport key listed for " + id +
                                          " is not one of it for " + origin_.text());
  }
  KERUEN_CHECK(check_key_life(first));
  KERUEN_CHECK(check_key_life(second));
  return take_transport_key(transport->transport_key, id);
}

Result<void> SnapshotVerifier::check_names() const {
  for (const auto& [id, group] : registry_->groups_) {
    if (registry_->agencies_.contains(*AgencyId::parse(id.text()))) {
      return fail(ErrorCode::duplicate, id.text() + " is both an agency and a group");
    }
    for (const AgencyId& member : group.members) {
      if (registry_->agencies_.contains(member)) continue;
      return fail(ErrorCode::unknown_agency, "the group " + id.text() + " has the member " +
                                                 member.text() +
                                                 ", which the registry does not list");
    }
  }
  for (const wire::RuleEntry& rule : registry_->rules_) {
    KERUEN_CHECK(check_party(rule.from));
    KERUEN_CHECK(check_party(rule.to));
  }
  return {};
}

Result<void> SnapshotVerifier::check_party(const PartyId& party) const {
  if (registry_->agencies_.contains(*AgencyId::parse(party.text())) ||
      registry_->groups_.contains(*GroupId::parse(party.text()))) {
    return {};
  }
  return fail(ErrorCode::unknown_agency,
              "a rule names " + party.text() + ", which is neither an agency nor a group here");
}

Result<std::shared_ptr<const Registry>> verify_snapshot(const wire::UnverifiedSnapshot& snapshot,
                                                        const Origin& origin,
                                                        const Authorities& trusted) {
  return SnapshotVerifier(snapshot, origin, trusted).verify();
}

Result<void> check_entries(const std::vector<wire::RegistryEntry>& entries, const Origin& origin) {
  wire::RegistryHead head;
  head.origin = origin;
  KERUEN_TRY(const auto unsigned_snapshot, sign_snapshot(head, entries, {}));
  const Authorities nobody;
  return SnapshotVerifier(unsigned_snapshot, origin, nobody).check_entries();
}

}  // namespace keruen::certs
