// Signing the next registry. The state is saved before the snapshot leaves: a crash between the two
// skips a version, which everybody takes; the other way round it would sign two registries under
// one version, which everybody must refuse.
#include <algorithm>

#include "agents/authority/agency_files.h"
#include "agents/authority/authority.h"
#include "agents/authority/catch_up.h"
#include "agents/authority/invitation.h"
#include "agents/authority/state.h"
#include "certs/hash.h"

namespace keruen::authority {
namespace {

Result<std::vector<certs::SigningKeyPair>> load_signers(Desk& desk, const Publication& wanted,
                                                        const Origin& exchange,
                                                        const certs::Unlock& unlock) {
  std::vector<certs::SigningKeyPair> signers;
  KERUEN_TRY(auto own, load_authority_key(desk.disk, wanted.directory, exchange, unlock));
  signers.push_back(std::move(own));
  for (const FurtherSigner& further : wanted.further_signers) {
    KERUEN_TRY(auto key,
               load_authority_key(desk.disk, further.directory, exchange, further.unlock));
    if (std::ranges::any_of(signers, [&](const auto& other) { return other.id() == key.id(); })) {
      return fail(ErrorCode::duplicate,
                  "the authority in " + further.directory +
                      " signs already; name each further one once, and not this one itself");
    }
    signers.push_back(std::move(key));
  }
  return signers;
}

wire::RegistryHead next_head(const AuthorityState& state, WallTime now) {
  wire::RegistryHead head;
  head.origin = state.exchange;
  head.version = state.version.next();
  head.previous = state.head;
  head.issued_at = now;
  head.expires_at = now + kRegistryLife;
  return head;
}

Result<std::string> read_checkpoint(Desk& desk, const AuthorityState& state,
                                    const std::string& path) {
  if (path.empty()) return std::string();
  KERUEN_TRY(const Bytes bytes, host::read_file(desk.disk, path, kNoteBytesMax));
  std::string note(text_of(bytes));
  const auto verified = certs::verify_checkpoint(note, state.exchange, state.broker->log_keys);
  if (!verified) return fail(verified.error().code, path + ": " + verified.error().detail);
  return note;
}

Result<void> write_invitations(Desk& desk, const std::string& out, const AuthorityState& state,
                               const certs::Registry& registry, const std::string& note,
                               PublicationReport& report) {
  for (const auto& [id, agency] : registry.agencies()) {
    if (!registry.is_active(id)) continue;
    const Invitation invitation{.agency = id,
                                .origin = state.exchange,
                                .certificate = agency.certificate,
                                .authorities = state.authorities,
                                .broker_endpoint = registry.broker().endpoint,
                                .broker_key = registry.broker().transport_keys.front(),
                                .log_keys = registry.broker().log_keys,
                                .checkpoint_note = note};
    const std::string file = path_in(out, id.text() + std::string(kInvitationSuffix));
    KERUEN_CHECK(host::write_file_atomically(
        desk.disk, file, bytes_of(encode_invitation(invitation)), host::kSharedMode));
    report.invitation_files.push_back(file);
  }
  return {};
}

// The broker's folder may be on another machine, or another account's: then the file is carried
// there.
void hand_to_broker(Desk& desk, const AuthorityState& state, BytesView snapshot,
                    PublicationReport& report) {
  const auto hand = [&]() -> Result<void> {
    KERUEN_TRY(const bool there,
               host::exists(desk.disk, host::directory_of(state.broker_registry_file)));
    if (!there) return {};
    KERUEN_CHECK(host::write_file_atomically(desk.disk, state.broker_registry_file, snapshot,
                                             host::kSharedMode));
    report.broker_file = state.broker_registry_file;
    return {};
  };
  if (const auto handed = hand(); !handed) report.broker_fault = handed.error().detail;
}

}  // namespace

Result<PublicationReport> publish(Desk& desk, const Publication& wanted,
                                  const certs::Unlock& unlock) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, wanted.directory));
  AuthorityState& state = opened.state();
  if (!state.broker) {
    return fail(ErrorCode::not_found,
                "the exchange has no broker yet; make it with keruen authority broker");
  }
  KERUEN_CHECK(opened.begin_signing(desk.now.wall));
  KERUEN_CHECK(check_nothing_newer(desk, state, wanted.directory));
  KERUEN_TRY(const auto note, read_checkpoint(desk, state, wanted.checkpoint_file));
  KERUEN_TRY(const auto signers, load_signers(desk, wanted, state.exchange, unlock));
  std::vector<const certs::SigningKeyPair*> keys;
  for (const auto& signer : signers) keys.push_back(&signer);
  KERUEN_TRY(const auto snapshot,
             certs::sign_snapshot(next_head(state, desk.now.wall), state.entries(), keys));
  // As everybody else will read and check it: nothing leaves that they would refuse.
  const Bytes bytes = wire::encode_snapshot(snapshot);
  KERUEN_TRY(const auto read_back, wire::decode_snapshot(bytes));
  KERUEN_TRY(const auto registry,
             certs::verify_snapshot(read_back, state.exchange, state.authorities));

  state.note_published(*registry);
  KERUEN_CHECK(opened.save());

  PublicationReport report;
  report.version = state.version;
  report.expires_at = registry->head().expires_at;
  const std::string out = path_in(wanted.directory, kOutDirectory);
  report.registry_file = path_in(out, kRegistryFile);
  KERUEN_CHECK(desk.disk.make_directory(out));
  KERUEN_CHECK(
      host::write_file_atomically(desk.disk, report.registry_file, bytes, host::kSharedMode));
  KERUEN_CHECK(write_invitations(desk, out, state, *registry, note, report));
  // Last, and no failure of the publication: all of it is in out/ by now.
  hand_to_broker(desk, state, bytes, report);
  return report;
}

}  // namespace keruen::authority
