// The agent's own keys: which is in use, which are made ahead, which are destroyed.
// Shape: signing and transport keys live 90 days and are used 45; prekeys have windows of a week,
// published five weeks ahead.
// Threads: the engine thread.   Lifetime: borrows the Desk.
//
// A key is stored before its record leaves, and used only after its line came back from the log. A
// prekey's private half is destroyed kPrekeyKept after its window, and only while connected and
// caught up: mail sealed to it may still wait at the broker.
#pragma once

#include <map>

#include "agents/engine/desk.h"
#include "certs/seal.h"

namespace keruen::engine {

class Keyring {
 public:
  explicit Keyring(Desk& desk) : desk_(desk), opener_(desk.self()) {}
  // not_found: no signing or no transport key.
  [[nodiscard]] Result<void> open(InitialKeys keys, Now now);
  // The one key the store does not hold; this keyring is of no more use.
  [[nodiscard]] std::optional<certs::SigningKeyPair> release_identity() {
    return std::move(identity_);
  }

  // The one to sign with now; null: none is logged and valid.
  [[nodiscard]] const certs::SigningKeyPair* signing(Now now) const;
  [[nodiscard]] const certs::TransportKeyPair& transport() const { return *transport_in_use_; }
  [[nodiscard]] certs::Opener& opener() { return opener_; }

  // After each change of the directory and now and then: makes what is due, hands in what is not
  // logged, takes a new transport key into use.
  void upkeep(Turn& turn);
  // On a new connection records are handed in again.
  void forget_handed_in() { handed_in_.clear(); }
  void answered(const wire::RecordAnswer& answer, Turn& turn);
  void destroy_old(bool is_caught_up, Turn& turn);
  [[nodiscard]] std::vector<KeyLife> lives(Now now) const;
  void warn_of_ends(Turn& turn);

 private:
  struct Made {  // a record of ours that must reach the log
    wire::SignedRecord record;
    store::OwnKeyKind kind = store::OwnKeyKind::prekey;
    WallTime valid_from;
    WallTime valid_until;
  };
  [[nodiscard]] Result<void> take(InitialKeys keys, Now now);
  [[nodiscard]] Result<void> load();
  void remember(const store::OwnKey& key);
  [[nodiscard]] bool is_logged(const Digest& hash) const;
  [[nodiscard]] bool make_delegations(Turn& turn);
  [[nodiscard]] bool make_transport(const certs::SigningKeyPair& signer, Turn& turn);
  [[nodiscard]] bool make_prekeys(const certs::SigningKeyPair& signer, Turn& turn);
  // A prekey of ours whose window begins then, where another copy of this store logged a newer one.
  [[nodiscard]] bool may_replace(WallTime window, Now now);
  [[nodiscard]] bool keep(store::OwnKey key, const wire::SignedRecord& record, Turn& turn);
  void hand_in(Turn& turn);
  void choose_transport(Turn& turn);

  Desk& desk_;
  certs::Opener opener_;
  std::optional<certs::SigningKeyPair> identity_;
  std::map<KeyId, certs::SigningKeyPair> signing_;
  std::map<KeyId, certs::TransportKeyPair> transport_;
  const certs::TransportKeyPair* transport_in_use_ = nullptr;
  std::map<KeyId, WallTime> prekey_ends_;
  std::map<WallTime, MonotonicTime> replaced_at_;  // by the window's beginning
  std::map<Digest, Made> made_;
  std::map<Digest, MonotonicTime> handed_in_;  // when to hand in again
  WallTime warned_of_ends_;
};

}  // namespace keruen::engine
