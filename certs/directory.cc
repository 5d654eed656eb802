// A record is judged by the directory as it stands before the record's own line: the same for the
// broker that logs it and for every agent that reads it later. Where the broker looks at its clock,
// an agent looks at the line's acceptedAt, with kClockAheadMax to spare on both sides, since the
// moment a record was judged and the moment it was logged may lie apart.
//
// What cannot become valid by anything supplied later is never asked for again; a bad signature
// can: the line names the signed bytes, not the signature, and the copy at hand may be the damaged
// one.
#include "certs/directory.h"

#include <algorithm>
#include <limits>
#include <set>
#include <unordered_map>

#include "certs/agency_keys.h"
#include "certs/hash.h"

namespace keruen::certs {
namespace {

constexpr LogIndex kAfterEverything{std::numeric_limits<std::uint64_t>::max()};

// The moment a record is judged at: its place in the log, and a clock with what it may be off by.
struct Moment {
  LogIndex at;
  WallTime clock;
  std::chrono::minutes slack{0};

  [[nodiscard]] bool lies_in(WallTime from, WallTime until) const {
    return clock + slack >= from && clock - slack < until;
  }
  [[nodiscard]] bool is_before(WallTime until) const { return clock - slack < until; }
};

std::string described(const wire::DirectoryLine& line) {
  return "directory line at log index " + std::to_string(line.index.value);
}

}  // namespace

struct Directory::State {
  Origin origin;
  Authorities trusted;

  std::vector<wire::DirectoryLine> lines;
  std::vector<Digest> heads{Digest()};  // heads[n]: after n lines
  std::unordered_map<Digest, std::size_t> line_of;

  // Line numbers whose record was neither supplied nor found unusable.
  std::set<std::size_t> missing;
  std::set<std::size_t> missing_registries;
  std::unordered_map<AgencyId, std::set<std::size_t>> missing_delegations;

  std::unordered_map<Digest, wire::SignedRecord> records;
  std::unordered_map<Digest, std::shared_ptr<const Registry>> snapshots;
  std::vector<std::pair<LogIndex, std::shared_ptr<const Registry>>> registries;  // ascending

  std::unordered_map<AgencyId, AgencyKeys> agencies;
  std::unordered_map<KeyId, AgencyId> transport_holders;

  [[nodiscard]] const AgencyKeys* keys_of(const AgencyId& id) const {
    const auto found = agencies.find(id);
    return found == agencies.end() ? nullptr : &found->second;
  }
  [[nodiscard]] std::shared_ptr<const Registry> registry_before(LogIndex at) const {
    const auto after = std::ranges::partition_point(
        registries, [&](const auto& entry) { return entry.first < at; });
    return after == registries.begin() ? nullptr : std::prev(after)->second;
  }

  [[nodiscard]] Result<wire::KeyRecord> judge(const wire::SignedRecord& record,
                                              const Moment& moment) const;
  [[nodiscard]] Result<void> judge_delegation(const wire::Delegation& delegation,
                                              const Agency& agency, const Moment& moment) const;
  [[nodiscard]] Result<void> judge_signer(const wire::SignedRecord& record, const AgencyId& agency,
                                          const KeyId& signed_by, const Moment& moment) const;
  [[nodiscard]] Result<void> judge_transport(const wire::TransportRecord& transport,
                                             const Moment& moment) const;
  [[nodiscard]] Result<void> judge_prekey(const wire::Prekey& prekey, const Moment& moment) const;
  [[nodiscard]] Result<void> judge_new(const wire::KeyRecord& record) const;
  [[nodiscard]] Result<std::shared_ptr<const Registry>> judge(
      const wire::UnverifiedSnapshot& snapshot, const Registry* before) const;

  [[nodiscard]] Result<void> check_can_be_judged(std::size_t number) const;
  void resolve(std::size_t number);
  void keep(const wire::KeyRecord& record, LogIndex at);
  void keep(const std::shared_ptr<const Registry>& registry, LogIndex at);
};

Result<wire::KeyRecord> Directory::State::judge(const wire::SignedRecord& record,
                                                const Moment& moment) const {
  KERUEN_TRY(auto decoded, wire::decode_key_record(record.body));
  const AgencyId& id = wire::agency_of(decoded);
  if (wire::origin_of(decoded) != origin) {
    return fail(ErrorCode::denied, "the key record of " + id.text() + " is for the exchange " +
                                       wire::origin_of(decoded).text() + ", not for " +
                                       origin.text());
  }
  const auto registry = registry_before(moment.at);
  const Agency* agency = registry ? registry->agency(id) : nullptr;
  if (agency == nullptr) {
    return fail(ErrorCode::unknown_agency,
                "the key record is of " + id.text() + ", which no registry in force lists");
  }
  if (!registry->is_active(id)) {
    return fail(ErrorCode::denied, id.text() + " is suspended; the authority must resume it first");
  }
  KERUEN_CHECK(check_key_life(decoded));
  if (const auto* delegation = std::get_if<wire::Delegation>(&decoded)) {
    KERUEN_CHECK(verify_key_record(record, agency->certificate.public_key));
    KERUEN_CHECK(judge_delegation(*delegation, *agency, moment));
  } else if (const auto* transport = std::get_if<wire::TransportRecord>(&decoded)) {
    KERUEN_CHECK(judge_signer(record, id, transport->signed_by, moment));
    KERUEN_CHECK(judge_transport(*transport, moment));
  } else if (const auto* prekey = std::get_if<wire::Prekey>(&decoded)) {
    KERUEN_CHECK(judge_signer(record, id, prekey->signed_by, moment));
    KERUEN_CHECK(judge_prekey(*prekey, moment));
  } else {
    KERUEN_CHECK(verify_key_record(record, agency->certificate.public_key));
  }
  return decoded;
}

Result<void> Directory::State::judge_delegation(const wire::Delegation& delegation,
                                                const Agency& agency, const Moment& moment) const {
  if (!moment.lies_in(agency.certificate.valid_from, agency.certificate.valid_until)) {
    return fail(ErrorCode::expired, "the certificate of " + delegation.agency.text() +
                                        " is not valid now; ask the authority for a new one");
  }
  if (!moment.is_before(delegation.valid_until)) {
    return fail(ErrorCode::expired, "the signing key of " + delegation.agency.text() +
                                        " is delegated until a time past");
  }
  return {};
}

Result<void> Directory::State::judge_signer(const wire::SignedRecord& record,
                                            const AgencyId& agency, const KeyId& signed_by,
                                            const Moment& moment) const {
  const AgencyKeys* keys = keys_of(agency);
  const auto signer = keys == nullptr ? std::nullopt : keys->signing_key(signed_by);
  if (!signer || signer->logged_at >= moment.at) {
    return fail(ErrorCode::not_found, "the signing key " + signed_by.hex() + " of " +
                                          agency.text() +
                                          " was never logged; log its delegation first");
  }
  KERUEN_CHECK(verify_key_record(record, signer->key));
  if (!signer->in_force(moment.at)) {
    return fail(ErrorCode::expired, "the signing key " + signed_by.hex() + " of " + agency.text() +
                                        " was revoked; sign with another one");
  }
  if (!moment.lies_in(signer->valid_from, signer->valid_until)) {
    return fail(ErrorCode::expired, "the signing key " + signed_by.hex() + " of " + agency.text() +
                                        " is not valid now; sign with the one that is");
  }
  return {};
}

Result<void> Directory::State::judge_transport(const wire::TransportRecord& transport,
                                               const Moment& moment) const {
  if (moment.is_before(transport.valid_until)) return {};
  return fail(ErrorCode::expired,
              "the transport key of " + transport.agency.text() + " is valid until a time past");
}

Result<void> Directory::State::judge_prekey(const wire::Prekey& prekey,
                                            const Moment& moment) const {
  if (!moment.is_before(prekey.window_until)) {
    return fail(ErrorCode::expired,
                "the window of the prekey of " + prekey.agency.text() + " is over");
  }
  // Bounds what a stolen signing key can place into the future.
  if (prekey.window_from > moment.clock + kPrekeysAhead + kPrekeyWindow) {
    return fail(ErrorCode::malformed, "the prekey of " + prekey.agency.text() +
                                          " begins too far ahead; publish it later");
  }
  return {};
}

// Keys never change and never come back: one id, one line.
Result<void> Directory::State::judge_new(const wire::KeyRecord& record) const {
  const AgencyId& agency = wire::agency_of(record);
  const AgencyKeys* keys = keys_of(agency);
  if (const auto* revocation = std::get_if<wire::Revocation>(&record)) {
    if (keys == nullptr || !keys->knows(revocation->revoked)) {
      return fail(ErrorCode::not_found, agency.text() + " has no key " + revocation->revoked.hex() +
                                            " in the directory; nothing is revoked");
    }
    if (!keys->revoked_at(revocation->revoked)) return {};
    return fail(ErrorCode::duplicate,
                "the key " + revocation->revoked.hex() + " is already revoked");
  }
  KeyId id;
  if (const auto* delegation = std::get_if<wire::Delegation>(&record)) {
    id = key_id_of(delegation->signing_key);
  } else if (const auto* transport = std::get_if<wire::TransportRecord>(&record)) {
    id = key_id_of(transport->transport_key);
    const auto holder = transport_holders.find(id);
    if (holder != transport_holders.end() && holder->second != agency) {
      return fail(ErrorCode::denied,
                  "the transport key " + id.hex() + " belongs to another agency");
    }
  } else {
    id = key_id_of(std::get<wire::Prekey>(record).prekey);
  }
  if (keys == nullptr || !keys->knows(id)) return {};
  return fail(ErrorCode::duplicate,
              "the key " + id.hex() + " of " + agency.text() + " is already in the directory");
}

Result<std::shared_ptr<const Registry>> Directory::State::judge(
    const wire::UnverifiedSnapshot& snapshot, const Registry* before) const {
  // Who must sign the next registry is what the one in force says; the first one is signed by
  // those handed in.
  KERUEN_TRY(auto registry, verify_snapshot(snapshot, origin,
                                            before != nullptr ? before->authorities() : trusted));
  if (before != nullptr) KERUEN_CHECK(check_follows(*registry, *before));
  return registry;
}

// Registries before a line decide who may have written it; delegations before it, who signed it.
Result<void> Directory::State::check_can_be_judged(std::size_t number) const {
  if (!missing_registries.empty() && *missing_registries.begin() < number) {
    return fail(ErrorCode::not_found,
                described(lines[number]) + ": the registry at log index " +
                    std::to_string(lines[*missing_registries.begin()].index.value) +
                    " must be supplied first");
  }
  const auto type = lines[number].type;
  if (type != wire::DirectoryType::transport && type != wire::DirectoryType::prekey) return {};
  const auto found = missing_delegations.find(lines[number].agency);
  if (found != missing_delegations.end() && !found->second.empty() &&
      *found->second.begin() < number) {
    return fail(ErrorCode::not_found,
                described(lines[number]) + ": the delegation at log index " +
                    std::to_string(lines[*found->second.begin()].index.value) +
                    " must be supplied first");
  }
  return {};
}

void Directory::State::resolve(std::size_t number) {
  missing.erase(number);
  missing_registries.erase(number);
  if (lines[number].type == wire::DirectoryType::delegation) {
    missing_delegations[lines[number].agency].erase(number);
  }
}

void Directory::State::keep(const wire::KeyRecord& record, LogIndex at) {
  AgencyKeys& keys = agencies[wire::agency_of(record)];
  if (const auto* delegation = std::get_if<wire::Delegation>(&record)) {
    keys.add(*delegation, at);
  } else if (const auto* transport = std::get_if<wire::TransportRecord>(&record)) {
    if (keys.add(*transport, at)) {
      transport_holders.emplace(key_id_of(transport->transport_key), transport->agency);
    }
  } else if (const auto* prekey = std::get_if<wire::Prekey>(&record)) {
    keys.add(*prekey, at);
  } else {
    keys.revoke(std::get<wire::Revocation>(record).revoked, at);
  }
}

void Directory::State::keep(const std::shared_ptr<const Registry>& registry, LogIndex at) {
  registries.emplace_back(at, registry);
  snapshots.emplace(registry->hash(), registry);
  for (const auto& [id, agency] : registry->agencies()) {
    agencies[id].set_identity(at, agency.certificate.public_key);
    // Logged with the registry that first lists them; verify_snapshot decoded and verified them.
    keep(*wire::decode_key_record(agency.entry.first_delegation.body), at);
    keep(*wire::decode_key_record(agency.entry.first_transport_key.body), at);
  }
}

Directory::Directory(Origin origin, Authorities trusted) : state_(std::make_unique<State>()) {
  state_->origin = std::move(origin);
  state_->trusted = std::move(trusted);
}
Directory::~Directory() = default;
Directory::Directory(Directory&&) noexcept = default;
Directory& Directory::operator=(Directory&&) noexcept = default;

const Origin& Directory::origin() const { return state_->origin; }
const std::vector<wire::DirectoryLine>& Directory::lines() const { return state_->lines; }

wire::DirectoryPosition Directory::position() const {
  return {DirectoryCount{state_->lines.size()}, state_->heads.back()};
}

std::optional<Digest> Directory::head_at(DirectoryCount count) const {
  if (count.value >= state_->heads.size()) return std::nullopt;
  return state_->heads[count.value];
}

Result<void> Directory::would_accept(const wire::SignedRecord& record, Now now) const {
  if (state_->line_of.contains(signed_hash(record))) {
    return fail(ErrorCode::duplicate, "this key record is already in the directory");
  }
  KERUEN_TRY(const auto decoded, state_->judge(record, {kAfterEverything, now.wall}));
  return state_->judge_new(decoded);
}

Result<std::shared_ptr<const Registry>> Directory::would_accept(
    const wire::UnverifiedSnapshot& snapshot, Now now) const {
  KERUEN_TRY(auto registry, state_->judge(snapshot, newest_registry().get()));
  if (registry->head().expires_at <= now.wall) {
    return fail(ErrorCode::expired, "registry version " +
                                        std::to_string(registry->head().version.value) +
                                        " has expired; publish a new one");
  }
  if (registry->head().issued_at > now.wall + kClockAheadMax) {
    return fail(ErrorCode::expired,
                "registry version " + std::to_string(registry->head().version.value) +
                    " is issued in the future; compare the clocks of authority and broker");
  }
  return registry;
}

Result<void> Directory::append(const wire::DirectoryLine& line) {
  State& state = *state_;
  if (!state.lines.empty() && line.index <= state.lines.back().index) {
    return fail(ErrorCode::out_of_sequence,
                described(line) + " does not stand behind the last one");
  }
  if ((line.type == wire::DirectoryType::registry) != line.agency.empty()) {
    return fail(ErrorCode::malformed,
                described(line) + ": a registry has no agency, a key record has");
  }
  const std::size_t number = state.lines.size();
  if (!state.line_of.emplace(line.signed_hash, number).second) {
    return fail(ErrorCode::duplicate, described(line) + " names what an earlier line names");
  }
  state.lines.push_back(line);
  state.heads.push_back(next_directory_head(state.heads.back(), line));
  state.missing.insert(number);
  if (line.type == wire::DirectoryType::registry) state.missing_registries.insert(number);
  if (line.type == wire::DirectoryType::delegation) {
    state.missing_delegations[line.agency].insert(number);
  }
  return {};
}

Result<void> Directory::supply(const wire::SignedRecord& record) {
  State& state = *state_;
  const Digest hash = signed_hash(record);
  const auto found = state.line_of.find(hash);
  if (found == state.line_of.end()) {
    return fail(ErrorCode::not_found, "no directory line names this key record");
  }
  if (state.records.contains(hash)) return {};
  const std::size_t number = found->second;
  const wire::DirectoryLine& line = state.lines[number];
  KERUEN_CHECK(state.check_can_be_judged(number));
  auto judged = state.judge(record, {line.index, line.accepted_at, kClockAheadMax});
  if (judged && (wire::type_of(*judged) != line.type || wire::agency_of(*judged) != line.agency)) {
    judged = fail(ErrorCode::malformed,
                  described(line) + " names another type or agency than its record");
  }
  if (!judged) {
    if (judged.error().code != ErrorCode::bad_signature) state.resolve(number);
    return fail(std::move(judged).error());
  }
  state.keep(*judged, line.index);
  state.records.emplace(hash, record);
  state.resolve(number);
  return {};
}

Result<void> Directory::supply(const wire::UnverifiedSnapshot& snapshot) {
  State& state = *state_;
  const Digest hash = sha256(snapshot.head);
  const auto found = state.line_of.find(hash);
  if (found == state.line_of.end() ||
      state.lines[found->second].type != wire::DirectoryType::registry) {
    return fail(ErrorCode::not_found, "no directory line names this registry");
  }
  if (state.snapshots.contains(hash)) return {};
  const std::size_t number = found->second;
  KERUEN_CHECK(state.check_can_be_judged(number));
  auto judged = state.judge(snapshot, newest_registry().get());
  if (!judged) {
    if (judged.error().code != ErrorCode::bad_signature) state.resolve(number);
    return fail(std::move(judged).error());
  }
  state.keep(*judged, state.lines[number].index);
  state.resolve(number);
  return {};
}

std::vector<Digest> Directory::missing(std::size_t most) const {
  std::vector<Digest> result;
  for (const std::size_t number : state_->missing) {
    if (result.size() == most) break;
    result.push_back(state_->lines[number].signed_hash);
  }
  return result;
}

const wire::SignedRecord* Directory::record(const Digest& hash) const {
  const auto found = state_->records.find(hash);
  return found == state_->records.end() ? nullptr : &found->second;
}

std::shared_ptr<const Registry> Directory::snapshot(const Digest& head_hash) const {
  const auto found = state_->snapshots.find(head_hash);
  return found == state_->snapshots.end() ? nullptr : found->second;
}

std::shared_ptr<const Registry> Directory::registry(LogIndex at) const {
  return state_->registry_before(at);
}

std::shared_ptr<const Registry> Directory::newest_registry() const {
  return state_->registries.empty() ? nullptr : state_->registries.back().second;
}

std::optional<KnownKey<SigningPublicKey>> Directory::signing_key(const AgencyId& agency,
                                                                 const KeyId& id) const {
  const AgencyKeys* keys = state_->keys_of(agency);
  return keys == nullptr ? std::nullopt : keys->signing_key(id);
}

std::optional<KnownKey<PrekeyPublicKey>> Directory::prekey(const AgencyId& agency,
                                                           const KeyId& id) const {
  const AgencyKeys* keys = state_->keys_of(agency);
  return keys == nullptr ? std::nullopt : keys->prekey(id);
}

std::vector<KnownKey<SigningPublicKey>> Directory::signing_keys(const AgencyId& agency) const {
  const AgencyKeys* keys = state_->keys_of(agency);
  return keys == nullptr ? std::vector<KnownKey<SigningPublicKey>>() : keys->signing_keys();
}

std::vector<KnownKey<TransportPublicKey>> Directory::transport_keys(const AgencyId& agency) const {
  const AgencyKeys* keys = state_->keys_of(agency);
  return keys == nullptr ? std::vector<KnownKey<TransportPublicKey>>() : keys->transport_keys();
}

std::vector<KnownKey<PrekeyPublicKey>> Directory::prekeys(const AgencyId& agency) const {
  const AgencyKeys* keys = state_->keys_of(agency);
  return keys == nullptr ? std::vector<KnownKey<PrekeyPublicKey>>() : keys->prekeys();
}

std::optional<KnownKey<PrekeyPublicKey>> Directory::prekey_to_use(const AgencyId& agency,
                                                                  WallTime created_at) const {
  const AgencyKeys* keys = state_->keys_of(agency);
  return keys == nullptr ? std::nullopt : keys->prekey_to_use(created_at);
}

std::optional<Directory::TransportHolder> Directory::transport_holder(
    const KeyId& transport_key) const {
  const auto found = state_->transport_holders.find(transport_key);
  if (found == state_->transport_holders.end()) return std::nullopt;
  const auto key = state_->agencies.at(found->second).transport_key(transport_key);
  if (!key || key->revoked_at) return std::nullopt;
  return TransportHolder{found->second, key->valid_until};
}

Digest next_directory_head(const Digest& head, const wire::DirectoryLine& line) {
  return Sha256()
      .add_label("directory")
      .add(head.view())
      .add_u64(line.index.value)
      .add_u8(static_cast<std::uint8_t>(line.type))
      .add_ident(line.agency.text())
      .add(line.signed_hash.view())
      .finish();
}

}  // namespace keruen::certs
