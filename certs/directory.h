// The directory: every registry snapshot and key record in the order the log took them, and from
// that who may use which key at which log index. The broker's and every agent's are the same code.
// Shape: head_n = H(L(directory) ‖ head_(n-1) ‖ u64 log index ‖ u8 type ‖ ident(agency) ‖ H(signed
// bytes)). Threads: one thread writes; const use is safe between writes.
//
// A line is appended as soon as it is known; its record may be supplied later (an agent fetches
// only what it needs). `at` in every question is a log index: the answer is the directory as it
// stood before that entry. Keys never change once supplied; they are only revoked, from an index
// on.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "certs/key_record.h"
#include "certs/registry.h"
#include "schemas/wire/frame.h"

namespace keruen::certs {

// One key of an agency as the directory knows it.
template <class Public>
struct KnownKey {
  Public key;
  KeyId id;
  KeyId signed_by;  // zeros for a signing key
  LogIndex logged_at;
  std::optional<LogIndex> revoked_at;
  WallTime valid_from;
  WallTime valid_until;  // exclusive

  [[nodiscard]] bool in_force(LogIndex at) const {
    return logged_at < at && (!revoked_at || *revoked_at >= at);
  }
};

class Directory {
 public:
  Directory(Origin origin, Authorities trusted);
  ~Directory();
  Directory(Directory&&) noexcept;
  Directory& operator=(Directory&&) noexcept;

  [[nodiscard]] const Origin& origin() const;
  [[nodiscard]] wire::DirectoryPosition position() const;
  [[nodiscard]] const std::vector<wire::DirectoryLine>& lines() const;
  // The head after the first `count` lines; empty when there are not so many.
  [[nodiscard]] std::optional<Digest> head_at(DirectoryCount count) const;

  // What the next line for this record or snapshot would be refused for, before it is logged
  // (the broker's admission). unknown_agency, bad_signature, not_found (signer unknown), expired
  // (signer revoked or past its validity), denied (another agency's, another origin), duplicate,
  // malformed (window or span outside limits), out_of_sequence and chain_fork (snapshot versions).
  [[nodiscard]] Result<void> would_accept(const wire::SignedRecord& record, Now now) const;
  [[nodiscard]] Result<std::shared_ptr<const Registry>> would_accept(
      const wire::UnverifiedSnapshot& snapshot, Now now) const;
  // What the next lines would be refused for. out_of_sequence: a log index not above the one
  // before; duplicate: named by an earlier line; malformed: a registry of an agency.
  [[nodiscard]] Result<void> would_append(std::span<const wire::DirectoryLine> lines) const;
  [[nodiscard]] Result<void> append(const wire::DirectoryLine& line);
  // Supplies what a line names. not_found: no line names it, or its signer was not supplied yet;
  // bad_signature and the rest as above: the line stays, its record is never used.
  [[nodiscard]] Result<void> supply(const wire::SignedRecord& record);
  [[nodiscard]] Result<void> supply(const wire::UnverifiedSnapshot& snapshot);
  // Signed hashes of lines without their record, in line order, at most `most`; of prekeys only
  // those logged since then: older ones seal nothing any more.
  [[nodiscard]] std::vector<Digest> missing(std::size_t most, WallTime prekeys_since = {}) const;
  // The first line that names a registry which was not supplied; empty: all are here. Nothing
  // logged after it can be judged.
  [[nodiscard]] std::optional<LogIndex> first_missing_registry() const;
  // The same of this agency's revocations: which of its keys are in force after it nobody knows.
  [[nodiscard]] std::optional<LogIndex> first_missing_revocation(const AgencyId& agency) const;
  [[nodiscard]] bool lacks_revocations() const;  // of any agency
  // The line that names it; null: none does.
  [[nodiscard]] const wire::DirectoryLine* line_of(const Digest& signed_hash) const;
  // A stored record or snapshot for those who ask; empty: not here.
  [[nodiscard]] const wire::SignedRecord* record(const Digest& hash) const;
  [[nodiscard]] std::shared_ptr<const Registry> snapshot(const Digest& head_hash) const;

  // Of every registry ever in force: a note lives longer than the key that signed it.
  [[nodiscard]] std::vector<SigningPublicKey> log_keys() const;
  // The registry in force before entry `at`, or the newest; null before the first.
  [[nodiscard]] std::shared_ptr<const Registry> registry(LogIndex at) const;
  [[nodiscard]] std::shared_ptr<const Registry> newest_registry() const;

  // Ever logged for this agency, revoked or not; empty: never.
  [[nodiscard]] std::optional<KnownKey<SigningPublicKey>> signing_key(const AgencyId& agency,
                                                                      const KeyId& id) const;
  [[nodiscard]] std::optional<KnownKey<PrekeyPublicKey>> prekey(const AgencyId& agency,
                                                                const KeyId& id) const;
  [[nodiscard]] std::vector<KnownKey<SigningPublicKey>> signing_keys(const AgencyId& agency) const;
  [[nodiscard]] std::vector<KnownKey<TransportPublicKey>> transport_keys(
      const AgencyId& agency) const;
  [[nodiscard]] std::vector<KnownKey<PrekeyPublicKey>> prekeys(const AgencyId& agency) const;
  // The last logged, unrevoked prekey whose window holds `created_at`; empty: wait for one.
  [[nodiscard]] std::optional<KnownKey<PrekeyPublicKey>> prekey_to_use(const AgencyId& agency,
                                                                       WallTime created_at) const;

  // Whose transport key this is; the key may be expired (it still may fetch the directory) but not
  // revoked.
  struct TransportHolder {
    AgencyId agency;
    WallTime valid_until;
  };
  [[nodiscard]] std::optional<TransportHolder> transport_holder(const KeyId& transport_key) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The pure step of the head chain.
[[nodiscard]] Digest next_directory_head(const Digest& head, const wire::DirectoryLine& line);

}  // namespace keruen::certs
