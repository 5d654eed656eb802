#include "agents/engine/keyring.h"

#include <algorithm>
#include <set>

#include "certs/hash.h"
#include "certs/key_record.h"

namespace keruen::engine {
namespace {

constexpr std::chrono::seconds kHandInAgain{60};
constexpr std::chrono::hours kHandInRefusedAgain{6};
constexpr std::chrono::hours kDelegationsAhead{90 * 24};
constexpr std::chrono::hours kWarnOfEndsEvery{24};
constexpr std::chrono::hours kReplaceEvery{24};
constexpr std::chrono::hours kWarnBeforeEnd{21 * 24};
// All that was sealed to a prekey has expired by then, and comes as a stub.
constexpr std::chrono::hours kNotCaughtUpMax{7 * 24};
// A record starts a little before it is made: other clocks differ.
constexpr std::chrono::minutes kEarly{5};

}  // namespace

Result<void> Keyring::open(InitialKeys keys, Now now) {
  KERUEN_CHECK(take(std::move(keys), now));
  KERUEN_CHECK(load());
  if (signing_.empty()) {
    return fail(ErrorCode::not_found,
                "this agent has no signing key; keruen agency init makes one");
  }
  if (transport_.empty()) {
    return fail(ErrorCode::not_found,
                "this agent has no transport key; keruen agency init makes one");
  }
  transport_in_use_ = &transport_.begin()->second;
  Turn quiet(desk_, now);
  choose_transport(quiet);
  return {};
}

Result<void> Keyring::take(InitialKeys keys, Now now) {
  identity_ = std::move(keys.identity);
  KERUEN_TRY(const auto stored, desk_.store.own_keys());
  const auto is_new = [&](store::OwnKeyKind kind, const KeyId& id) {
    return std::ranges::none_of(
        stored, [&](const store::OwnKey& key) { return key.kind == kind && key.id == id; });
  };
  std::vector<store::OwnKey> added;
  if (keys.signing && is_new(store::OwnKeyKind::signing, keys.signing->id())) {
    added.push_back({store::OwnKeyKind::signing,
                     keys.signing->id(),
                     certs::SecretBytes(keys.signing->seed()),
                     {},
                     now.wall,
                     now.wall + kSigningKeyLife});
  }
  if (keys.transport && is_new(store::OwnKeyKind::transport, keys.transport->id())) {
    added.push_back({store::OwnKeyKind::transport,
                     keys.transport->id(),
                     certs::SecretBytes(keys.transport->secret()),
                     {},
                     now.wall,
                     now.wall + kTransportKeyLife});
  }
  if (added.empty()) return {};
  return desk_.store.save_keys(added);
}

Result<void> Keyring::load() {
  KERUEN_TRY(const auto stored, desk_.store.own_keys());
  for (const auto& key : stored) {
    switch (key.kind) {
      case store::OwnKeyKind::signing: {
        KERUEN_TRY(auto pair, certs::SigningKeyPair::from_seed(key.secret.view()));
        signing_.emplace(key.id, std::move(pair));
        break;
      }
      case store::OwnKeyKind::transport: {
        KERUEN_TRY(auto pair, certs::TransportKeyPair::from_secret(key.secret.view()));
        transport_.emplace(key.id, std::move(pair));
        break;
      }
      case store::OwnKeyKind::prekey: {
        KERUEN_TRY(auto pair, certs::PrekeyPair::from_secret(key.secret.view()));
        opener_.hold(std::move(pair));
        break;
      }
    }
    remember(key);
  }
  return {};
}

void Keyring::remember(const store::OwnKey& key) {
  if (key.kind == store::OwnKeyKind::prekey) prekey_ends_[key.id] = key.valid_until;
  if (key.record.empty()) return;
  if (auto record = wire::decode_signed_record(key.record)) {
    const Digest hash = certs::signed_hash(*record);
    made_[hash] = {std::move(*record), key.kind, key.valid_from, key.valid_until};
  }
}

const certs::SigningKeyPair* Keyring::signing(Now now) const {
  const certs::SigningKeyPair* best = nullptr;
  WallTime best_from;
  for (const auto& key : desk_.directory.signing_keys(desk_.self())) {
    const auto own = signing_.find(key.id);
    if (own == signing_.end() || key.revoked_at) continue;
    if (now.wall < key.valid_from || now.wall >= key.valid_until) continue;
    if (best == nullptr || key.valid_from > best_from) {
      best = &own->second;
      best_from = key.valid_from;
    }
  }
  return best;
}

// Only what the directory holds whole: a line whose record is not here yet tells nothing about the
// key, which would be made a second time.
bool Keyring::is_logged(const Digest& hash) const {
  return desk_.directory.record(hash) != nullptr;
}

bool Keyring::keep(store::OwnKey key, const wire::SignedRecord& record, Turn& turn) {
  key.record = wire::encode_signed_record(record);
  std::vector<store::OwnKey> keys;
  keys.push_back(std::move(key));
  if (!turn.checked(desk_.store.save_keys(keys))) return false;
  remember(keys.front());
  return true;
}

bool Keyring::make_delegations(Turn& turn) {
  if (!identity_) return true;
  const auto registry = desk_.directory.newest_registry();
  const auto* agency = registry ? registry->agency(desk_.self()) : nullptr;
  if (agency == nullptr || agency->certificate.public_key != identity_->public_key()) return true;
  // Where the last one made or logged begins.
  std::optional<WallTime> last;
  for (const auto& key : desk_.directory.signing_keys(desk_.self())) {
    if (!key.revoked_at && signing_.contains(key.id)) {
      last = std::max(last.value_or(key.valid_from), key.valid_from);
    }
  }
  for (const auto& [hash, made] : made_) {
    if (made.kind == store::OwnKeyKind::signing) {
      last = std::max(last.value_or(made.valid_from), made.valid_from);
    }
  }
  const WallTime now = turn.now().wall;
  while (!last || *last < now + kDelegationsAhead - kSigningKeyUse) {
    wire::Delegation delegation;
    delegation.origin = desk_.options.origin;
    delegation.agency = desk_.self();
    delegation.valid_from = last ? std::max(*last + kSigningKeyUse, now - kEarly) : now - kEarly;
    delegation.valid_until = delegation.valid_from + kSigningKeyLife;
    auto pair = certs::SigningKeyPair::generate(desk_.randomness);
    delegation.signing_key = pair.public_key();
    const auto record = certs::sign_key_record(delegation, *identity_);
    if (!keep({store::OwnKeyKind::signing,
               pair.id(),
               certs::SecretBytes(pair.seed()),
               {},
               delegation.valid_from,
               delegation.valid_until},
              record, turn)) {
      return false;
    }
    last = delegation.valid_from;
    signing_.emplace(pair.id(), std::move(pair));
  }
  return true;
}

bool Keyring::make_transport(const certs::SigningKeyPair& signer, Turn& turn) {
  const WallTime now = turn.now().wall;
  for (const auto& [hash, made] : made_) {
    if (made.kind == store::OwnKeyKind::transport && now < made.valid_from + kTransportKeyUse) {
      return true;
    }
  }
  for (const auto& key : desk_.directory.transport_keys(desk_.self())) {
    if (!key.revoked_at && transport_.contains(key.id) && now < key.valid_from + kTransportKeyUse) {
      return true;
    }
  }
  wire::TransportRecord record;
  record.origin = desk_.options.origin;
  record.agency = desk_.self();
  record.signed_by = signer.id();
  record.valid_from = now - kEarly;
  record.valid_until = record.valid_from + kTransportKeyLife;
  auto pair = certs::TransportKeyPair::generate(desk_.randomness);
  record.transport_key = pair.public_key();
  if (!keep({store::OwnKeyKind::transport,
             pair.id(),
             certs::SecretBytes(pair.secret()),
             {},
             record.valid_from,
             record.valid_until},
            certs::sign_key_record(record, signer), turn)) {
    return false;
  }
  transport_.emplace(pair.id(), std::move(pair));
  return true;
}

// Once a day: two copies that both run would replace each other's for ever.
bool Keyring::may_replace(WallTime window, Now now) {
  const auto [replaced, is_new] = replaced_at_.try_emplace(window, now.monotonic);
  if (!is_new && now.monotonic - replaced->second < kReplaceEvery) return false;
  replaced->second = now.monotonic;
  return true;
}

bool Keyring::make_prekeys(const certs::SigningKeyPair& signer, Turn& turn) {
  const WallTime now = turn.now().wall;
  // The end of the last window already there, of those that can still be used.
  WallTime covered = now - kPrekeyEarly;
  std::vector<std::pair<WallTime, WallTime>> windows;
  std::set<WallTime> replaced_now;
  for (const auto& key : desk_.directory.prekeys(desk_.self())) {
    if (key.revoked_at || !opener_.holds(key.id)) continue;
    // Senders take the newest of a window: one that an older copy of this store made is not here.
    const auto taken = desk_.directory.prekey_to_use(desk_.self(), std::max(key.valid_from, now));
    const bool is_superseded = !taken || !opener_.holds(taken->id);
    if (is_superseded && may_replace(key.valid_from, turn.now())) {
      replaced_now.insert(key.valid_from);
    }
    if (!replaced_now.contains(key.valid_from)) {
      windows.emplace_back(key.valid_from, key.valid_until);
    }
  }
  for (const auto& [hash, made] : made_) {
    if (made.kind == store::OwnKeyKind::prekey && !is_logged(hash)) {
      windows.emplace_back(made.valid_from, made.valid_until);
    }
  }
  std::ranges::sort(windows);
  const auto cover = [&] {
    for (const auto& [from, until] : windows) {
      if (from <= std::max(covered, now)) covered = std::max(covered, until);
    }
  };
  for (cover(); covered < now + kPrekeysAhead; cover()) {
    wire::Prekey prekey;
    prekey.origin = desk_.options.origin;
    prekey.agency = desk_.self();
    prekey.signed_by = signer.id();
    prekey.window_from = covered;
    prekey.window_until = covered + kPrekeyWindow;
    auto pair = certs::PrekeyPair::generate(desk_.randomness);
    prekey.prekey = pair.public_key();
    if (!keep({store::OwnKeyKind::prekey,
               pair.id(),
               certs::SecretBytes(pair.secret()),
               {},
               prekey.window_from,
               prekey.window_until},
              certs::sign_key_record(prekey, signer), turn)) {
      return false;
    }
    opener_.hold(std::move(pair));
    covered = prekey.window_until;
  }
  return true;
}

void Keyring::upkeep(Turn& turn) {
  if (!desk_.link.welcomed || desk_.halted || desk_.is_clock_far_off(turn.now())) return;
  const auto registry = desk_.directory.newest_registry();
  if (!registry || !registry->is_active(desk_.self())) return;
  if (!make_delegations(turn)) return;
  if (const auto* signer = signing(turn.now())) {
    if (!make_transport(*signer, turn) || !make_prekeys(*signer, turn)) return;
  }
  hand_in(turn);
  choose_transport(turn);
}

void Keyring::hand_in(Turn& turn) {
  for (auto made = made_.begin(); made != made_.end();) {
    const auto& [hash, key] = *made;
    if (is_logged(hash) || key.valid_until <= turn.now().wall) {
      handed_in_.erase(hash);
      made = made_.erase(made);
      continue;
    }
    auto& again = handed_in_[hash];
    if (again <= turn.now().monotonic) {
      again = turn.now().monotonic + kHandInAgain;
      turn.send(wire::SubmitRecord{key.record});
    }
    ++made;
  }
}

void Keyring::answered(const wire::RecordAnswer& answer, Turn& turn) {
  if (!answer.refused || !made_.contains(answer.signed_hash)) return;
  if (*answer.refused == ErrorCode::overloaded || *answer.refused == ErrorCode::no_space) return;
  handed_in_[answer.signed_hash] = turn.now().monotonic + kHandInRefusedAgain;
  turn.alert("The broker does not take a key record of ours (" +
             std::string(name_of(*answer.refused)) +
             "): " + std::string(remedy_of(*answer.refused)));
}

void Keyring::choose_transport(Turn& turn) {
  const certs::TransportKeyPair* best = nullptr;
  LogIndex best_logged_at;
  const WallTime now = turn.now().wall;
  // Until the broker was heard this machine's clock may tell any year. Under a key that has ended
  // it would serve us no mail, and by such a clock none is made: the newest has ended last.
  const bool knows_time = desk_.knows_time(turn.now());
  for (const auto& key : desk_.directory.transport_keys(desk_.self())) {
    const auto own = transport_.find(key.id);
    if (own == transport_.end() || key.revoked_at) continue;
    if (knows_time && (now < key.valid_from || now >= key.valid_until)) continue;
    if (best == nullptr || key.logged_at > best_logged_at) {
      best = &own->second;
      best_logged_at = key.logged_at;
    }
  }
  if (best == nullptr || best == transport_in_use_) return;
  transport_in_use_ = best;
  turn.reconnect();
}

void Keyring::destroy_old(bool is_caught_up, Turn& turn) {
  if (desk_.is_clock_far_off(turn.now())) return;
  // Whoever writes every few seconds would keep them for ever, and what was sealed to them
  // readable.
  const auto kept = is_caught_up ? kPrekeyKept : kPrekeyKept + kNotCaughtUpMax;
  for (auto prekey = prekey_ends_.begin(); prekey != prekey_ends_.end();) {
    if (turn.now().wall < prekey->second + kept) {
      ++prekey;
      continue;
    }
    if (!turn.checked(desk_.store.destroy_key(store::OwnKeyKind::prekey, prekey->first))) return;
    opener_.destroy(prekey->first);
    prekey = prekey_ends_.erase(prekey);
  }
}

std::vector<KeyLife> Keyring::lives(Now now) const {
  std::vector<KeyLife> lives;
  const auto registry = desk_.directory.newest_registry();
  if (registry) {
    lives.push_back({KeyLife::Kind::registry, {}, registry->head().expires_at});
    if (const auto* agency = registry->agency(desk_.self())) {
      lives.push_back({KeyLife::Kind::certificate, certs::key_id_of(agency->certificate.public_key),
                       agency->certificate.valid_until});
    }
  }
  // Those in force; where none is, the last that was, so that people see it.
  const auto add = [&](KeyLife::Kind kind, const auto& keys, const auto& is_held) {
    std::optional<KeyLife> ended;
    const std::size_t before = lives.size();
    for (const auto& key : keys) {
      if (!is_held(key.id)) continue;
      const KeyLife life{kind, key.id,
                         key.revoked_at ? std::min(key.valid_until, now.wall) : key.valid_until};
      if (life.valid_until > now.wall) {
        lives.push_back(life);
      } else if (!ended || ended->valid_until < life.valid_until) {
        ended = life;
      }
    }
    if (lives.size() == before && ended) lives.push_back(*ended);
  };
  add(KeyLife::Kind::signing, desk_.directory.signing_keys(desk_.self()),
      [&](const KeyId& id) { return signing_.contains(id); });
  add(KeyLife::Kind::transport, desk_.directory.transport_keys(desk_.self()),
      [&](const KeyId& id) { return transport_.contains(id); });
  add(KeyLife::Kind::prekey, desk_.directory.prekeys(desk_.self()),
      [&](const KeyId& id) { return opener_.holds(id); });
  return lives;
}

void Keyring::warn_of_ends(Turn& turn) {
  const WallTime now = turn.now().wall;
  if (now < warned_of_ends_ + kWarnOfEndsEvery) return;
  warned_of_ends_ = now;
  const auto days_left = [&](WallTime end) {
    return std::to_string(std::chrono::duration_cast<std::chrono::hours>(end - now).count() / 24);
  };
  std::optional<WallTime> signing_end;
  for (const auto& life : lives(turn.now())) {
    if (life.kind == KeyLife::Kind::signing) {
      signing_end = std::max(signing_end.value_or(life.valid_until), life.valid_until);
    }
    if (life.kind == KeyLife::Kind::certificate && life.valid_until < now + kWarnBeforeEnd) {
      turn.inform("The agency's certificate ends in " + days_left(life.valid_until) +
                  " days; the exchange authority renews it (keruen authority renew " +
                  desk_.self().text() + "), and this agency has nothing else to do");
    }
  }
  if (!signing_end || *signing_end >= now + kWarnBeforeEnd || identity_) return;
  turn.inform((*signing_end > now
                   ? "The last signing key ends in " + days_left(*signing_end) + " days"
                   : "The last signing key has ended and nothing can be sent") +
              "; start the agent once with the identity key to delegate the next ones");
}

}  // namespace keruen::engine
