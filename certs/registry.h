// A registry snapshot whose signatures and entries were checked: who exists, and who may send what
// to whom. Threads: const, shared by pointer.
//
// Deny by default. Nothing but verify_snapshot makes a Registry.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <unordered_map>

#include "certs/certificate.h"
#include "schemas/wire/registry.h"

namespace keruen::certs {

// The roots of trust: at least `threshold` of these must have signed a snapshot.
struct Authorities {
  std::vector<Certificate> roots;
  std::uint32_t threshold = 1;
  bool operator==(const Authorities&) const = default;
};

struct Agency {
  wire::AgencyEntry entry;
  Certificate certificate;
};

class Registry {
 public:
  [[nodiscard]] const wire::RegistryHead& head() const { return head_; }
  [[nodiscard]] const Digest& hash() const { return hash_; }  // SHA-256 of the head's bytes
  [[nodiscard]] const wire::UnverifiedSnapshot& snapshot() const { return snapshot_; }
  [[nodiscard]] const Authorities& authorities() const { return authorities_; }
  [[nodiscard]] const wire::BrokerEntry& broker() const { return broker_; }
  [[nodiscard]] const Agency* agency(const AgencyId& id) const;  // null: not listed
  [[nodiscard]] const std::map<AgencyId, Agency>& agencies() const { return agencies_; }
  [[nodiscard]] const wire::GroupEntry* group(const GroupId& id) const;
  [[nodiscard]] const std::map<GroupId, wire::GroupEntry>& groups() const { return groups_; }
  [[nodiscard]] const std::map<OperatorName, wire::OperatorEntry>& operators() const {
    return operators_;
  }
  // The operator whose transport key has this id; null: none.
  [[nodiscard]] const wire::OperatorEntry* operator_of(const KeyId& transport_key) const;
  // Both active and a rule names the pair (parts and receipts as the file's first comment in
  // registry.cc says).
  [[nodiscard]] bool allows(const AgencyId& from, const AgencyId& to, MessageKind kind) const;
  [[nodiscard]] bool is_active(const AgencyId& id) const;

 private:
  friend class SnapshotVerifier;
  // Which rules name an agency as sender and as recipient, groups expanded: one bit a rule. Asked
  // for each leaf and recipient, so the answer is an AND of a few words.
  struct Reach {
    bool active = false;
    std::vector<std::uint64_t> from;
    std::vector<std::uint64_t> to;
  };
  void expand_rules();

  wire::RegistryHead head_;
  Digest hash_;
  wire::UnverifiedSnapshot snapshot_;
  Authorities authorities_;
  wire::BrokerEntry broker_;
  std::map<AgencyId, Agency> agencies_;
  std::map<GroupId, wire::GroupEntry> groups_;
  std::vector<wire::RuleEntry> rules_;
  std::map<OperatorName, wire::OperatorEntry> operators_;
  std::unordered_map<KeyId, OperatorName> operator_keys_;
  std::unordered_map<AgencyId, Reach> reach_;
  std::array<std::vector<std::uint64_t>, kMessageKindMax + 1> rules_of_kind_;
};

// Checks head, entries' order and root, k signatures of `trusted`, every entry (certificates issued
// by a root, first records signed, groups' members and rules' parties listed, one broker and one
// authorities entry, no id both agency and group, no identity or transport key twice). Expiry is
// for the caller, who has a clock.
// malformed, too_large, bad_signature (too few), denied (another origin), unknown_agency (a group
// or rule names nobody listed), duplicate (an id or key twice).
[[nodiscard]] Result<std::shared_ptr<const Registry>> verify_snapshot(
    const wire::UnverifiedSnapshot& snapshot, const Origin& origin, const Authorities& trusted);
// Whether verify_snapshot would take these entries once they are signed; the broker may be missing
// yet. Errors: what it and sign_snapshot would say of them.
[[nodiscard]] Result<void> check_entries(const std::vector<wire::RegistryEntry>& entries,
                                         const Origin& origin);
// What may follow what. out_of_sequence: a lower version, or `previous` not its hash when versions
// are adjacent; chain_fork: the same version with another hash; duplicate: the same snapshot.
[[nodiscard]] Result<void> check_follows(const Registry& next, const Registry& current);

// Sorts and hashes the entries, signs the head. duplicate: the same entry twice; too_large.
[[nodiscard]] Result<wire::UnverifiedSnapshot> sign_snapshot(
    wire::RegistryHead head, const std::vector<wire::RegistryEntry>& entries,
    const std::vector<const SigningKeyPair*>& authorities);

}  // namespace keruen::certs
