#include "agents/authority/enrolment.h"

#include "agents/authority/agency_files.h"
#include "agents/authority/request.h"
#include "certs/hash.h"
#include "certs/key_record.h"

namespace keruen::authority {
namespace {

constexpr std::string_view kConfigFile = "agent.toml";
constexpr std::string_view kCredentialFile = "credential";
constexpr std::string_view kIdentityCertificateFile = "identity.pem";

std::string request_name(const AgencyId& agency) { return agency.text() + ".request"; }

host::AgentConfig config_of(const AgencyInit& wanted) {
  host::AgentConfig config;
  config.agency = wanted.agency;
  config.keys_directory = "keys";
  if (!wanted.passphrase) config.credential_file = std::string(kCredentialFile);
  config.store_directory = "store";
  config.invitation_file = wanted.agency.text() + ".invitation";
  config.socket_file = "agent.socket";
  config.officers = wanted.officers;
  config.forwarder = host::ForwarderConfig{"outgoing", "incoming"};
  return config;
}

// The keys that are made at the desk; everything later is made by the agent.
struct NewKeys {
  certs::SigningKeyPair identity;
  certs::SigningKeyPair signing;
  certs::TransportKeyPair transport;
  certs::SecretBytes store_key;
};

NewKeys make_keys(certs::Randomness& randomness) {
  NewKeys keys{certs::SigningKeyPair::generate(randomness),
               certs::SigningKeyPair::generate(randomness),
               certs::TransportKeyPair::generate(randomness), certs::SecretBytes(32)};
  randomness.fill(keys.store_key.writable());
  return keys;
}

Result<EnrolmentRequest> make_request(const AgencyInit& wanted, const Origin& exchange,
                                      const NewKeys& keys, WallTime now) {
  EnrolmentRequest request;
  request.agency = wanted.agency;
  request.origin = exchange;
  request.names = wanted.names;
  KERUEN_TRY(request.certificate_request,
             certs::make_certificate_request(wanted.agency, keys.identity));
  const WallTime from = now - kValidBefore;
  request.first_delegation =
      certs::sign_key_record(wire::Delegation{exchange, wanted.agency, keys.signing.public_key(),
                                              from, from + kSigningKeyLife},
                             keys.identity);
  request.first_transport_key = certs::sign_key_record(
      wire::TransportRecord{exchange, wanted.agency, keys.signing.id(), keys.transport.public_key(),
                            from, from + kTransportKeyLife},
      keys.signing);
  return request;
}

Result<void> save_keys(Desk& desk, const AgencyInit& wanted, const NewKeys& keys,
                       const std::string& directory, const certs::Unlock& unlock) {
  const auto save = [&](std::string_view file, const std::string& purpose, BytesView secret,
                        const certs::Unlock& with) {
    return certs::save_key(desk.disk, path_in(directory, file), purpose, secret, with,
                           desk.randomness, desk.passphrase_cost);
  };
  const auto& agency = wanted.agency;
  KERUEN_CHECK(save(kIdentityKeyFile, identity_purpose(agency), keys.identity.seed(),
                    wanted.identity_passphrase ? *wanted.identity_passphrase : unlock));
  KERUEN_CHECK(save(kSigningKeyFile, signing_purpose(agency), keys.signing.seed(), unlock));
  KERUEN_CHECK(save(kTransportKeyFile, transport_purpose(agency), keys.transport.secret(), unlock));
  return save(kStoreKeyFile, store_purpose(agency), keys.store_key.view(), unlock);
}

Result<certs::Unlock> unlock_of(Desk& desk, const AgencyInit& wanted,
                                const std::string& credential_file) {
  if (wanted.passphrase) return wanted.passphrase->duplicate();
  KERUEN_CHECK(certs::make_credential_file(desk.disk, credential_file, desk.randomness));
  return certs::Unlock::with_credential_file(desk.disk, credential_file);
}

Result<void> check_is_empty(Desk& desk, const std::string& directory, const AgencyId& agency) {
  for (const std::string& name : {std::string(kConfigFile), std::string(kCredentialFile),
                                  std::string("keys"), request_name(agency)}) {
    KERUEN_TRY(const bool there, host::exists(desk.disk, path_in(directory, name)));
    if (!there) continue;
    return fail(ErrorCode::duplicate, path_in(directory, name) +
                                          " exists: the folder holds an agency already; it is "
                                          "kept, name another --dir");
  }
  return {};
}

// The agency's own request: which identity key the invitation must be for.
Result<CheckedRequest> read_own_request(Desk& desk, const host::AgentConfig& config,
                                        const std::string& directory) {
  const std::string path = path_in(directory, request_name(config.agency));
  const auto text = host::read_file(desk.disk, path, kRequestBytesMax);
  if (!text && text.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::not_found,
                path +
                    " is not there, and it says which key the invitation must be for; copy it back "
                    "from where it was carried to, the exchange authority has it");
  }
  if (!text) return fail(text.error());
  return decode_request(text_of(*text), path);
}

Result<void> check_is_for_us(const Invitation& invitation, const CheckedRequest& ours,
                             const std::string& path, WallTime now) {
  const std::string& agency = ours.request.agency.text();
  if (invitation.agency != ours.request.agency) {
    return fail(ErrorCode::denied,
                path + " is for " + invitation.agency.text() + ", and this folder is of " + agency);
  }
  if (invitation.origin != ours.request.origin) {
    return fail(ErrorCode::denied, path + " is for the exchange " + invitation.origin.text() +
                                       ", and the request was made for " +
                                       ours.request.origin.text() +
                                       "; run keruen agency init with --exchange " +
                                       invitation.origin.text() + " in another folder");
  }
  if (invitation.certificate.public_key != ours.certificate_request.public_key) {
    return fail(ErrorCode::denied, path + " holds a certificate for another key than that of " +
                                       agency +
                                       " in this folder; ask the exchange authority whose request "
                                       "it admitted");
  }
  const auto& certificate = invitation.certificate;
  if (now + kClockAheadMax < certificate.valid_from || now >= certificate.valid_until) {
    return fail(ErrorCode::expired, path + ": the certificate of " + agency +
                                        " is not valid now; check this machine's clock, or ask "
                                        "the exchange authority to admit the agency again");
  }
  return {};
}

// Whoever could swap the roots could be the exchange from then on.
Result<void> check_roots(Desk& desk, const Invitation& invitation, const std::string& joined_file,
                         RootChange other_roots) {
  KERUEN_TRY(const bool joined, host::exists(desk.disk, joined_file));
  if (!joined || other_roots == RootChange::accept) return {};
  KERUEN_TRY(const auto before, load_invitation(desk.disk, joined_file));
  if (before.authorities == invitation.authorities) return {};
  return fail(ErrorCode::denied,
              "the invitation names other roots than the one joined before; compare their "
              "fingerprints with the exchange authority by telephone, then join again with "
              "--accept-other-roots");
}

}  // namespace

Origin usual_exchange_of(const AgencyId& agency) {
  const auto& text = agency.text();
  return *Origin::parse(text.substr(0, text.find('.')) + ".exchange");
}

Result<AgencyInitReport> init_agency(Desk& desk, const AgencyInit& wanted) {
  KERUEN_CHECK(check_names(wanted.names));
  KERUEN_CHECK(check_is_empty(desk, wanted.directory, wanted.agency));
  AgencyInitReport report;
  report.config_file = path_in(wanted.directory, kConfigFile);
  report.request_file = path_in(wanted.directory, request_name(wanted.agency));
  report.exchange = wanted.exchange.value_or(usual_exchange_of(wanted.agency));
  const std::string text = host::encode_agent_config(config_of(wanted));
  // What the agent would refuse to read is refused before anything is made.
  KERUEN_TRY(const auto config, host::decode_agent_config(text, report.config_file));

  const auto keys = make_keys(desk.randomness);
  KERUEN_TRY(const auto request, make_request(wanted, report.exchange, keys, desk.now.wall));
  report.fingerprint = certs::fingerprint_of(keys.identity.public_key());
  for (const auto& folder : {config.keys_directory, config.store_directory}) {
    KERUEN_CHECK(desk.disk.make_directory(folder));
  }
  KERUEN_TRY(const auto unlock, unlock_of(desk, wanted, config.credential_file));
  report.credential_file = config.credential_file;
  KERUEN_CHECK(save_keys(desk, wanted, keys, config.keys_directory, unlock));
  KERUEN_CHECK(host::write_file_atomically(desk.disk, report.config_file, bytes_of(text),
                                           host::kPrivateMode));
  // Last: only a request whose keys are safe may be admitted.
  KERUEN_CHECK(host::write_file_atomically(desk.disk, report.request_file,
                                           bytes_of(encode_request(request)), host::kSharedMode));
  return report;
}

Result<AgencyJoinReport> join_agency(Desk& desk, const AgencyJoin& wanted) {
  const std::string config_file = path_in(wanted.directory, kConfigFile);
  KERUEN_TRY(const bool there, host::exists(desk.disk, config_file));
  if (!there) {
    return fail(ErrorCode::not_found,
                "there is no agency in " + wanted.directory +
                    "; make it with keruen agency init --id kz.customs --dir " + wanted.directory);
  }
  KERUEN_TRY(const auto config, host::load_agent_config(desk.disk, config_file));
  KERUEN_TRY(const auto ours, read_own_request(desk, config, wanted.directory));
  KERUEN_TRY(const auto invitation, load_invitation(desk.disk, wanted.invitation_file));
  KERUEN_CHECK(check_is_for_us(invitation, ours, wanted.invitation_file, desk.now.wall));
  KERUEN_CHECK(check_roots(desk, invitation, config.invitation_file, wanted.other_roots));

  AgencyJoinReport report;
  report.agency = invitation.agency;
  report.exchange = invitation.origin;
  report.broker_endpoint = invitation.broker_endpoint;
  report.invitation_file = config.invitation_file;
  for (const auto& root : invitation.authorities.roots) {
    report.roots.push_back({root.common_name, certs::fingerprint_of(root.public_key)});
  }
  report.threshold = invitation.authorities.threshold;
  report.certificate_valid_until = invitation.certificate.valid_until;
  KERUEN_CHECK(host::write_file_atomically(
      desk.disk, path_in(config.keys_directory, kIdentityCertificateFile),
      bytes_of(certs::to_pem(invitation.certificate)), host::kSharedMode));
  // Last: the agent starts with the invitation that is there.
  KERUEN_CHECK(host::write_file_atomically(desk.disk, config.invitation_file,
                                           bytes_of(encode_invitation(invitation)),
                                           host::kSharedMode));
  return report;
}

}  // namespace keruen::authority
