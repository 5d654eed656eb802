#include "certs/agency_keys.h"

#include <algorithm>

#include "certs/hash.h"

namespace keruen::certs {
namespace {

std::optional<LogIndex> earlier(std::optional<LogIndex> a, std::optional<LogIndex> b) {
  if (!a) return b;
  if (!b) return a;
  return std::min(*a, *b);
}

}  // namespace

bool AgencyKeys::add(const wire::Delegation& record, LogIndex at) {
  return signing_.add({.key = record.signing_key,
                       .id = key_id_of(record.signing_key),
                       .signed_by = {},
                       .logged_at = at,
                       .revoked_at = {},
                       .valid_from = record.valid_from,
                       .valid_until = record.valid_until});
}

bool AgencyKeys::add(const wire::TransportRecord& record, LogIndex at) {
  return transport_.add({.key = record.transport_key,
                         .id = key_id_of(record.transport_key),
                         .signed_by = record.signed_by,
                         .logged_at = at,
                         .revoked_at = {},
                         .valid_from = record.valid_from,
                         .valid_until = record.valid_until});
}

bool AgencyKeys::add(const wire::Prekey& record, LogIndex at) {
  return prekeys_.add({.key = record.prekey,
                       .id = key_id_of(record.prekey),
                       .signed_by = record.signed_by,
                       .logged_at = at,
                       .revoked_at = {},
                       .valid_from = record.window_from,
                       .valid_until = record.window_until});
}

void AgencyKeys::revoke(const KeyId& key, LogIndex at) {
  const auto [place, added] = revocations_.emplace(key, at);
  if (!added) place->second = std::min(place->second, at);
}

bool AgencyKeys::knows(const KeyId& key) const {
  return signing_.find(key) != nullptr || transport_.find(key) != nullptr ||
         prekeys_.find(key) != nullptr;
}

std::optional<LogIndex> AgencyKeys::revoked_at(const KeyId& key) const {
  const auto found = revocations_.find(key);
  if (found == revocations_.end()) return std::nullopt;
  return found->second;
}

std::optional<LogIndex> AgencyKeys::void_from(const KnownKey<SigningPublicKey>& key) const {
  const auto change = std::ranges::find_if(
      identities_, [&](const auto& identity) { return identity.first > key.logged_at; });
  return earlier(revoked_at(key.id), change == identities_.end() ? std::optional<LogIndex>()
                                                                 : std::optional(change->first));
}

// A key falls with the signing key that vouched for it: whoever stole that one may have made it.
template <class Public>
std::optional<LogIndex> AgencyKeys::void_from(const KnownKey<Public>& key) const {
  const auto* signer = signing_.find(key.signed_by);
  return earlier(revoked_at(key.id), signer == nullptr ? std::nullopt : void_from(*signer));
}

template <class Public>
KnownKey<Public> AgencyKeys::as_of_now(KnownKey<Public> key) const {
  key.revoked_at = void_from(key);
  return key;
}

template <class Public>
std::optional<KnownKey<Public>> AgencyKeys::found(const KnownKey<Public>* key) const {
  if (key == nullptr) return std::nullopt;
  return as_of_now(*key);
}

template <class Public>
std::vector<KnownKey<Public>> AgencyKeys::listed(const KeysInLogOrder<Public>& keys) const {
  std::vector<KnownKey<Public>> result;
  result.reserve(keys.all().size());
  for (const auto& [place, key] : keys.all()) result.push_back(as_of_now(key));
  return result;
}

std::optional<KnownKey<SigningPublicKey>> AgencyKeys::signing_key(const KeyId& id) const {
  return found(signing_.find(id));
}
std::optional<KnownKey<TransportPublicKey>> AgencyKeys::transport_key(const KeyId& id) const {
  return found(transport_.find(id));
}
std::optional<KnownKey<PrekeyPublicKey>> AgencyKeys::prekey(const KeyId& id) const {
  return found(prekeys_.find(id));
}
std::vector<KnownKey<SigningPublicKey>> AgencyKeys::signing_keys() const {
  return listed(signing_);
}
std::vector<KnownKey<TransportPublicKey>> AgencyKeys::transport_keys() const {
  return listed(transport_);
}
std::vector<KnownKey<PrekeyPublicKey>> AgencyKeys::prekeys() const { return listed(prekeys_); }

std::optional<KnownKey<PrekeyPublicKey>> AgencyKeys::prekey_to_use(WallTime created_at) const {
  // From the newest on: the windows in use stand at the end.
  for (auto place = prekeys_.all().rbegin(); place != prekeys_.all().rend(); ++place) {
    const auto& key = place->second;
    if (created_at < key.valid_from || created_at >= key.valid_until) continue;
    auto candidate = as_of_now(key);
    if (!candidate.revoked_at) return candidate;
  }
  return std::nullopt;
}

}  // namespace keruen::certs
