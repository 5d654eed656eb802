#include "agents/authority/agency_files.h"

namespace keruen::authority {

std::string identity_purpose(const AgencyId& agency) { return "identity key of " + agency.text(); }
std::string signing_purpose(const AgencyId& agency) { return "signing key of " + agency.text(); }
std::string transport_purpose(const AgencyId& agency) {
  return "transport key of " + agency.text();
}
std::string store_purpose(const AgencyId& agency) { return "store key of " + agency.text(); }
std::string operator_purpose(const OperatorName& name) {
  return "transport key of the operator " + name.text();
}

std::string path_in(const std::string& directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  return directory.back() == '/' ? directory + std::string(name)
                                 : directory + "/" + std::string(name);
}

Result<AgencyKeys> load_agency_keys(host::Disk& disk, const std::string& keys_directory,
                                    const AgencyId& agency, const certs::Unlock& unlock) {
  const auto load = [&](std::string_view file, const std::string& purpose) {
    return certs::load_key(disk, path_in(keys_directory, file), purpose, unlock);
  };
  KERUEN_TRY(const auto signing_secret, load(kSigningKeyFile, signing_purpose(agency)));
  KERUEN_TRY(auto signing, certs::SigningKeyPair::from_seed(signing_secret.view()));
  KERUEN_TRY(const auto transport_secret, load(kTransportKeyFile, transport_purpose(agency)));
  KERUEN_TRY(auto transport, certs::TransportKeyPair::from_secret(transport_secret.view()));
  KERUEN_TRY(auto store_key, load(kStoreKeyFile, store_purpose(agency)));
  AgencyKeys keys{std::nullopt, std::move(signing), std::move(transport), std::move(store_key)};

  auto identity_secret = load(kIdentityKeyFile, identity_purpose(agency));
  if (!identity_secret) {
    const ErrorCode code = identity_secret.error().code;
    if (code == ErrorCode::not_found || code == ErrorCode::denied) return keys;
    return fail(std::move(identity_secret).error());
  }
  KERUEN_TRY(auto identity, certs::SigningKeyPair::from_seed(identity_secret->view()));
  keys.identity.emplace(std::move(identity));
  return keys;
}

}  // namespace keruen::authority
