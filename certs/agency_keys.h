// INTERNAL to directory.cc: what the directory knows of one agency's keys.
// Shape: keys in log order, each found by its id; revocations and changes of identity by log index.
// Threads: one thread writes; const use is safe between writes.
//
// Records may come in any order, so nothing is worked out when a record is added: until when a key
// holds is computed when it is asked for, from everything known by then.
#pragma once

#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "certs/directory.h"

namespace keruen::certs {

template <class Public>
class KeysInLogOrder {
 public:
  [[nodiscard]] bool add(const KnownKey<Public>& key) {
    if (!logged_at_.emplace(key.id, key.logged_at).second) return false;
    keys_.emplace(std::pair(key.logged_at, key.id), key);
    return true;
  }
  [[nodiscard]] const KnownKey<Public>* find(const KeyId& id) const {
    const auto found = logged_at_.find(id);
    return found == logged_at_.end() ? nullptr : &keys_.at(std::pair(found->second, id));
  }
  [[nodiscard]] const std::map<std::pair<LogIndex, KeyId>, KnownKey<Public>>& all() const {
    return keys_;
  }

 private:
  std::map<std::pair<LogIndex, KeyId>, KnownKey<Public>> keys_;
  std::unordered_map<KeyId, LogIndex> logged_at_;
};

class AgencyKeys {
 public:
  // A registry logged at `at` lists this identity key. Another than before voids, from there, what
  // the old one delegated: whoever held the old identity must not speak on under the new one.
  void set_identity(LogIndex at, const SigningPublicKey& identity) {
    if (identities_.empty() || identities_.back().second != identity) {
      identities_.emplace_back(at, identity);
    }
  }
  // False: this key is known already; nothing changed.
  bool add(const wire::Delegation& record, LogIndex at);
  bool add(const wire::TransportRecord& record, LogIndex at);
  bool add(const wire::Prekey& record, LogIndex at);
  void revoke(const KeyId& key, LogIndex at);

  [[nodiscard]] bool knows(const KeyId& key) const;
  [[nodiscard]] std::optional<LogIndex> revoked_at(const KeyId& key) const;
  [[nodiscard]] std::optional<KnownKey<SigningPublicKey>> signing_key(const KeyId& id) const;
  [[nodiscard]] std::optional<KnownKey<TransportPublicKey>> transport_key(const KeyId& id) const;
  [[nodiscard]] std::optional<KnownKey<PrekeyPublicKey>> prekey(const KeyId& id) const;
  [[nodiscard]] std::vector<KnownKey<SigningPublicKey>> signing_keys() const;
  [[nodiscard]] std::vector<KnownKey<TransportPublicKey>> transport_keys() const;
  [[nodiscard]] std::vector<KnownKey<PrekeyPublicKey>> prekeys() const;
  [[nodiscard]] std::optional<KnownKey<PrekeyPublicKey>> prekey_to_use(WallTime created_at) const;

 private:
  [[nodiscard]] std::optional<LogIndex> void_from(const KnownKey<SigningPublicKey>& key) const;
  template <class Public>
  [[nodiscard]] std::optional<LogIndex> void_from(const KnownKey<Public>& key) const;
  template <class Public>
  [[nodiscard]] KnownKey<Public> as_of_now(KnownKey<Public> key) const;
  template <class Public>
  [[nodiscard]] std::optional<KnownKey<Public>> found(const KnownKey<Public>* key) const;
  template <class Public>
  [[nodiscard]] std::vector<KnownKey<Public>> listed(const KeysInLogOrder<Public>& keys) const;

  std::vector<std::pair<LogIndex, SigningPublicKey>> identities_;  // ascending, each a change
  std::unordered_map<KeyId, LogIndex> revocations_;                // the first of each key
  KeysInLogOrder<SigningPublicKey> signing_;
  KeysInLogOrder<TransportPublicKey> transport_;
  KeysInLogOrder<PrekeyPublicKey> prekeys_;
};

}  // namespace keruen::certs
