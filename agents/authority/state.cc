#include "agents/authority/state.h"

#include <algorithm>
#include <array>

#include "agents/authority/agency_files.h"
#include "schemas/content/instant.h"

namespace keruen::authority {
namespace {

constexpr std::array<std::string_view, 3> kRoleNames = {"monitor", "administrator", "courier"};

}  // namespace

std::string_view name_of(wire::OperatorRole role) {
  return kRoleNames[static_cast<std::size_t>(role) - 1];
}

std::optional<wire::OperatorRole> operator_role_named(std::string_view name) {
  for (std::size_t place = 0; place < kRoleNames.size(); ++place) {
    if (kRoleNames[place] == name) return static_cast<wire::OperatorRole>(place + 1);
  }
  return std::nullopt;
}

bool AuthorityState::names(const PartyId& party) const {
  return agencies.contains(*AgencyId::parse(party.text())) ||
         groups.contains(*GroupId::parse(party.text()));
}

void AuthorityState::note_published(const certs::Registry& registry) {
  version = registry.head().version;
  head = registry.hash();
  for (const auto& [id, agency] : registry.agencies()) {
    note_identity(id, agency.certificate.public_key);
  }
}

void AuthorityState::note_identity(const AgencyId& agency, const SigningPublicKey& identity) {
  // The one published last stands last, also where a registry that nobody took named another.
  auto& identities = published_identities[agency];
  std::erase(identities, identity);
  identities.push_back(identity);
}

wire::AuthoritiesEntry AuthorityState::authorities_entry() const {
  wire::AuthoritiesEntry entry;
  for (const auto& root : authorities.roots) entry.roots.push_back(root.der);
  entry.threshold = authorities.threshold;
  return entry;
}

std::vector<wire::RegistryEntry> AuthorityState::entries() const {
  std::vector<wire::RegistryEntry> result;
  for (const auto& [id, agency] : agencies) result.emplace_back(agency);
  for (const auto& [id, members] : groups) {
    result.emplace_back(wire::GroupEntry{id, {members.begin(), members.end()}});
  }
  for (const auto& [parties, kinds] : rules) {
    result.emplace_back(
        wire::RuleEntry{parties.first, parties.second, {kinds.begin(), kinds.end()}});
  }
  for (const auto& [name, entry] : operators) result.emplace_back(entry);
  if (broker) result.emplace_back(*broker);
  result.emplace_back(authorities_entry());
  return result;
}

Error not_admitted(const AgencyId& agency) {
  return {ErrorCode::unknown_agency, agency.text() + " is not admitted here"};
}

OpenedState::OpenedState(host::Disk& disk, std::string directory,
                         std::unique_ptr<host::DirectoryLock> lock, AuthorityState state)
    : disk_(&disk),
      directory_(std::move(directory)),
      lock_(std::move(lock)),
      state_(std::move(state)) {}

Result<OpenedState> OpenedState::open(host::Disk& disk, const std::string& directory) {
  const std::string path = path_in(directory, kStateFile);
  KERUEN_TRY(const bool there, host::exists(disk, path));
  if (!there) {
    return fail(ErrorCode::not_found,
                "there is no exchange authority in " + directory +
                    "; make one: keruen authority init --exchange kz.exchange --dir " + directory);
  }
  KERUEN_TRY(auto lock, disk.lock_directory(directory));
  KERUEN_TRY(const Bytes text, host::read_file(disk, path, kStateBytesMax));
  KERUEN_TRY(auto state, decode_state(text_of(text), path));
  return OpenedState(disk, directory, std::move(lock), std::move(state));
}

Result<void> OpenedState::begin_signing(WallTime now) {
  // Nobody notices minutes, and a clock that is set right may lose some.
  if (now + kClockAheadMax < state_.last_signed_at) {
    return fail(ErrorCode::expired,
                "this machine's clock is behind: it says " + content::instant_text(now) +
                    ", and the last act in " + directory_ + " was at " +
                    content::instant_text(state_.last_signed_at) +
                    "; set it right. If it was ahead at that act, put back the backup of " +
                    directory_ + " from before it");
  }
  state_.last_signed_at = std::max(state_.last_signed_at, now);
  return {};
}

Result<void> OpenedState::save() {
  const std::string text = encode_state(state_);
  return host::write_file_atomically(*disk_, path_in(directory_, kStateFile), bytes_of(text),
                                     host::kPrivateMode);
}

std::string authority_purpose(const Origin& exchange) {
  return "authority key of " + exchange.text();
}

Result<certs::SigningKeyPair> load_authority_key(host::Disk& disk, const std::string& directory,
                                                 const Origin& exchange,
                                                 const certs::Unlock& unlock) {
  KERUEN_TRY(const auto secret, certs::load_key(disk, path_in(directory, kAuthorityKeyFile),
                                                authority_purpose(exchange), unlock));
  return certs::SigningKeyPair::from_seed(secret.view());
}

}  // namespace keruen::authority
