// What a rule allows beyond its kinds: a part may go wherever any message may (it belongs to one),
// and a receipt may go back wherever a message may come (whoever is written to may answer that she
// read it). Both follow from the rules alone, so that nobody has to write them down and forget one.
#include "certs/registry.h"

#include <algorithm>

#include "certs/hash.h"
#include "certs/merkle.h"

namespace keruen::certs {
namespace {

constexpr std::size_t kWordBits = 64;

void set_bit(std::vector<std::uint64_t>& bits, std::size_t place) {
  bits[place / kWordBits] |= std::uint64_t{1} << (place % kWordBits);
}

bool share_a_bit(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b,
                 const std::vector<std::uint64_t>& c) {
  for (std::size_t word = 0; word < a.size(); ++word) {
    if ((a[word] & b[word] & c[word]) != 0) return true;
  }
  return false;
}

}  // namespace

const Agency* Registry::agency(const AgencyId& id) const {
  const auto found = agencies_.find(id);
  return found == agencies_.end() ? nullptr : &found->second;
}

const wire::GroupEntry* Registry::group(const GroupId& id) const {
  const auto found = groups_.find(id);
  return found == groups_.end() ? nullptr : &found->second;
}

const wire::OperatorEntry* Registry::operator_of(const KeyId& transport_key) const {
  const auto found = operator_keys_.find(transport_key);
  return found == operator_keys_.end() ? nullptr : &operators_.at(found->second);
}

bool Registry::is_active(const AgencyId& id) const {
  const auto found = reach_.find(id);
  return found != reach_.end() && found->second.active;
}

bool Registry::allows(const AgencyId& from, const AgencyId& to, MessageKind kind) const {
  const auto sender = reach_.find(from);
  const auto recipient = reach_.find(to);
  if (sender == reach_.end() || recipient == reach_.end()) return false;
  if (!sender->second.active || !recipient->second.active) return false;
  const auto& rules = rules_of_kind_[static_cast<std::size_t>(kind)];
  if (kind == MessageKind::receipt) {
    return share_a_bit(recipient->second.from, sender->second.to, rules);
  }
  return share_a_bit(sender->second.from, recipient->second.to, rules);
}

void Registry::expand_rules() {
  const std::size_t words = (rules_.size() + kWordBits - 1) / kWordBits;
  const std::vector<std::uint64_t> none(words, 0);
  for (const auto& [id, listed] : agencies_) {
    reach_[id] = {listed.entry.status == wire::AgencyStatus::active, none, none};
  }
  for (auto& bits : rules_of_kind_) bits = none;

  const auto mark = [this](const PartyId& party, std::size_t rule,
                           std::vector<std::uint64_t> Reach::*side) {
    // A party is an id of either kind; verification made sure that it is exactly one of them.
    const auto members = groups_.find(*GroupId::parse(party.text()));
    if (members == groups_.end()) {
      set_bit(reach_[*AgencyId::parse(party.text())].*side, rule);
      return;
    }
    for (const AgencyId& member : members->second.members) set_bit(reach_[member].*side, rule);
  };
  for (std::size_t rule = 0; rule < rules_.size(); ++rule) {
    mark(rules_[rule].from, rule, &Reach::from);
    mark(rules_[rule].to, rule, &Reach::to);
    for (const MessageKind kind : rules_[rule].kinds) {
      set_bit(rules_of_kind_[static_cast<std::size_t>(kind)], rule);
    }
    set_bit(rules_of_kind_[static_cast<std::size_t>(MessageKind::part)], rule);
    set_bit(rules_of_kind_[static_cast<std::size_t>(MessageKind::receipt)], rule);
  }
}

Result<void> check_follows(const Registry& next, const Registry& current) {
  const auto& later = next.head();
  const auto& earlier = current.head();
  const std::string version = std::to_string(later.version.value);
  const std::string have = std::to_string(earlier.version.value);
  if (later.version == earlier.version) {
    if (next.hash() == current.hash()) {
      return fail(ErrorCode::duplicate, "registry version " + version + " is already in force");
    }
    return fail(ErrorCode::chain_fork, "two registries are signed as version " + version +
                                           ", with hashes " + current.hash().hex() + " and " +
                                           next.hash().hex() +
                                           "; keep both and call the exchange authority");
  }
  if (later.version < earlier.version) {
    return fail(ErrorCode::out_of_sequence, "registry version " + version +
                                                " is older than version " + have +
                                                " in force; use the newest one published");
  }
  if (later.version == earlier.version.next() && later.previous != current.hash()) {
    return fail(ErrorCode::out_of_sequence, "registry version " + version +
                                                " does not continue version " + have +
                                                " in force: it names another one as previous");
  }
  return {};
}

Result<wire::UnverifiedSnapshot> sign_snapshot(
    wire::RegistryHead head, const std::vector<wire::RegistryEntry>& entries,
    const std::vector<const SigningKeyPair*>& authorities) {
  if (entries.size() > kRegistryEntriesMax || authorities.size() > kAuthoritiesMax) {
    return fail(ErrorCode::too_large, "a registry has at most " +
                                          std::to_string(kRegistryEntriesMax) + " entries and " +
                                          std::to_string(kAuthoritiesMax) + " signatures");
  }
  wire::UnverifiedSnapshot snapshot;
  for (const auto& entry : entries) snapshot.entries.push_back(wire::encode_registry_entry(entry));
  std::ranges::sort(snapshot.entries);
  if (std::ranges::adjacent_find(snapshot.entries) != snapshot.entries.end()) {
    return fail(ErrorCode::duplicate, "the registry holds the same entry twice");
  }
  std::vector<Digest> leaves;
  for (const Bytes& entry : snapshot.entries) leaves.push_back(merkle_leaf_hash(entry));
  head.entry_count = static_cast<std::uint32_t>(snapshot.entries.size());
  head.entries_root = merkle_root(leaves);
  snapshot.head = wire::encode_registry_head(head);
  for (const SigningKeyPair* authority : authorities) {
    snapshot.signatures.push_back(
        {authority->id(), authority->sign(SignatureUse::registry, snapshot.head)});
  }
  return snapshot;
}

}  // namespace keruen::certs
