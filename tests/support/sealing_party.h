// An agency with its keys, and a message of one to others: what tests of sealing and batches share.
// Threads: values.
#pragma once

#include <string_view>

#include "certs/batch.h"
#include "certs/seal.h"
#include "tests/support/seeded_randomness.h"

namespace keruen {

struct SealingParty {
  AgencyId id;
  certs::SigningKeyPair signing;
  certs::PrekeyPair prekey;

  SealingParty(std::string_view name, certs::Randomness& randomness)
      : id(*AgencyId::parse(name)),
        signing(certs::SigningKeyPair::generate(randomness)),
        prekey(certs::PrekeyPair::generate(randomness)) {}

  [[nodiscard]] certs::PrekeyPair copy_of_prekey() const {
    return *certs::PrekeyPair::from_secret(prekey.secret());
  }
};

// The party's opener with its prekey.
class PartyOpener : public certs::Opener {
 public:
  explicit PartyOpener(const SealingParty& party) : Opener(party.id) {
    hold(party.copy_of_prekey());
  }
};

inline constexpr WallTime kSealedAt = WallTime{std::chrono::milliseconds{1'700'000'000'000}};
inline constexpr Now kSealingNow{MonotonicTime{std::chrono::hours{5}}, kSealedAt};

// A notice of `from` to each of `to`, first in every pair.
[[nodiscard]] inline certs::SealInput seal_input(const SealingParty& from,
                                                 const std::vector<const SealingParty*>& to,
                                                 certs::Randomness& randomness) {
  certs::SealInput input;
  input.message = certs::draw_message_id(randomness, kSealedAt);
  input.signing_key = from.signing.id();
  input.created_at = kSealedAt;
  input.expires_at = kSealedAt + kExpiryDefault;
  for (const SealingParty* recipient : to) {
    input.recipients.push_back(
        {recipient->id, recipient->prekey.public_key(), {PairSequence{1}, Digest()}});
  }
  return input;
}

// A batch of the leaves in their order, first in its stream.
[[nodiscard]] inline certs::SignedBatch sign_leaves(const SealingParty& from, const Origin& origin,
                                                    std::vector<wire::Leaf> leaves,
                                                    const std::vector<Digest>& leaf_hashes) {
  wire::Statement statement;
  statement.origin = origin;
  statement.sender = from.id;
  statement.signing_key = from.signing.id();
  statement.stream = StreamId{7};
  statement.sequence = BatchSequence{1};
  statement.created_at = kSealedAt;
  return certs::sign_batch(std::move(statement), std::move(leaves), leaf_hashes, from.signing);
}

// What a directory answers that knows this one sender.
[[nodiscard]] inline certs::SigningKeyLookup knows(const SealingParty& sender) {
  return [id = sender.id, key = sender.signing.public_key(), key_id = sender.signing.id()](
             const AgencyId& agency, const KeyId& asked) -> std::optional<SigningPublicKey> {
    if (agency != id || asked != key_id) return std::nullopt;
    return key;
  };
}

}  // namespace keruen
