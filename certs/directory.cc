#include "certs/directory.h"

#include <limits>

#include "certs/directory_state.h"
#include "certs/hash.h"

namespace keruen::certs {
namespace {

constexpr LogIndex kAfterEverything{std::numeric_limits<std::uint64_t>::max()};

}  // namespace

void Directory::State::resolve(std::size_t number) {
  missing.erase(number);
  missing_registries.erase(number);
  if (lines[number].type == wire::DirectoryType::delegation) {
    missing_delegations[lines[number].agency].erase(number);
  } else if (lines[number].type == wire::DirectoryType::revocation) {
    auto& missing_of_agency = missing_revocations[lines[number].agency];
    missing_of_agency.erase(number);
    if (missing_of_agency.empty()) missing_revocations.erase(lines[number].agency);
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

Result<void> Directory::would_append(std::span<const wire::DirectoryLine> lines) const {
  std::optional<LogIndex> last;
  if (!state_->lines.empty()) last = state_->lines.back().index;
  std::set<Digest> named;
  for (const wire::DirectoryLine& line : lines) {
    if (last && line.index <= *last) {
      return fail(ErrorCode::out_of_sequence,
                  described(line) + " does not stand behind the last one");
    }
    last = line.index;
    if ((line.type == wire::DirectoryType::registry) != line.agency.empty()) {
      return fail(ErrorCode::malformed,
                  described(line) + ": a registry has no agency, a key record has");
    }
    if (state_->line_of.contains(line.signed_hash) || !named.insert(line.signed_hash).second) {
      return fail(ErrorCode::duplicate, described(line) + " names what an earlier line names");
    }
  }
  return {};
}

Result<void> Directory::append(const wire::DirectoryLine& line) {
  KERUEN_CHECK(would_append({&line, 1}));
  State& state = *state_;
  const std::size_t number = state.lines.size();
  state.line_of.emplace(line.signed_hash, number);
  state.lines.push_back(line);
  state.heads.push_back(next_directory_head(state.heads.back(), line));
  state.missing.insert(number);
  if (line.type == wire::DirectoryType::registry) state.missing_registries.insert(number);
  if (line.type == wire::DirectoryType::delegation) {
    state.missing_delegations[line.agency].insert(number);
  } else if (line.type == wire::DirectoryType::revocation) {
    state.missing_revocations[line.agency].insert(number);
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

const wire::DirectoryLine* Directory::line_of(const Digest& signed_hash) const {
  const auto found = state_->line_of.find(signed_hash);
  return found == state_->line_of.end() ? nullptr : &state_->lines[found->second];
}

std::vector<SigningPublicKey> Directory::log_keys() const {
  std::vector<SigningPublicKey> keys;
  for (const auto& [at, registry] : state_->registries) {
    for (const SigningPublicKey& key : registry->broker().log_keys) {
      if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
    }
  }
  return keys;
}

std::vector<Digest> Directory::missing(std::size_t most, WallTime prekeys_since) const {
  std::vector<Digest> result;
  for (const std::size_t number : state_->missing) {
    if (result.size() == most) break;
    const wire::DirectoryLine& line = state_->lines[number];
    const bool useless =
        line.type == wire::DirectoryType::prekey && line.accepted_at < prekeys_since;
    if (!useless) result.push_back(line.signed_hash);
  }
  return result;
}

std::optional<LogIndex> Directory::first_missing_registry() const {
  const auto& missing = state_->missing_registries;
  if (missing.empty()) return std::nullopt;
  return state_->lines[*missing.begin()].index;
}

std::optional<LogIndex> Directory::first_missing_revocation(const AgencyId& agency) const {
  const auto found = state_->missing_revocations.find(agency);
  if (found == state_->missing_revocations.end()) return std::nullopt;
  return state_->lines[*found->second.begin()].index;
}

bool Directory::lacks_revocations() const { return !state_->missing_revocations.empty(); }

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
