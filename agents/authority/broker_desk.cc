// The machines and people that connect besides agencies: the broker, and operators.
#include <filesystem>

#include "agents/authority/agency_files.h"
#include "agents/authority/authority.h"
#include "agents/authority/state.h"
#include "agents/authority/text_document.h"
#include "certs/keys.h"
#include "schemas/host/broker_config.h"
#include "schemas/host/operator_config.h"

namespace keruen::authority {
namespace {

constexpr std::string_view kBrokerConfigFile = "broker.toml";
constexpr std::string_view kCredentialFile = "credential";
constexpr std::string_view kAuthoritiesFile = "authorities.entry";
constexpr std::string_view kConfigEnding = ".toml";

Result<certs::Unlock> make_credential(Desk& desk, const std::string& path) {
  KERUEN_CHECK(certs::make_credential_file(desk.disk, path, desk.randomness));
  return certs::Unlock::with_credential_file(desk.disk, path);
}

std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

constexpr std::string_view kScheme = "tcp://";

struct Address {
  std::string host;
  std::string port;
};

Address address_of(const std::string& endpoint) {
  const auto colon = endpoint.rfind(':');
  return {endpoint.substr(kScheme.size(), colon - kScheme.size()), endpoint.substr(colon + 1)};
}

// A broker may listen at every address and at any free port; nobody can connect there.
Result<void> check_can_be_reached(const std::string& endpoint) {
  if (auto fault = fault_of_endpoint(endpoint)) return fail(ErrorCode::malformed, *fault);
  const auto [host, port] = address_of(endpoint);
  const bool is_any_host = host == "*" || host == "0.0.0.0" || host == "[::]";
  const bool is_any_port = port == "*" || port.find_first_not_of('0') == std::string::npos;
  if (!is_any_host && !is_any_port) return {};
  return fail(ErrorCode::malformed,
              endpoint +
                  " is no place to connect to: agents need the broker's host and port, like "
                  "tcp://broker.example:7400; the broker itself listens at every address");
}

// Where agents connect to may be a name, or an address of the router before the machine: neither
// can be bound. A loopback address can, and nobody else shall get in there.
std::string bindable(const std::string& endpoint) {
  const auto [host, port] = address_of(endpoint);
  if (host.starts_with("127.") || host == "[::1]") return endpoint;
  if (host == "localhost") return std::string(kScheme) + "127.0.0.1:" + port;
  return std::string(kScheme) + "*:" + port;
}

host::BrokerConfig config_of(const Origin& exchange, const std::string& endpoint) {
  host::BrokerConfig config;
  config.origin = exchange;
  config.endpoint = endpoint;
  config.transport_key_file = "keys/transport.key";
  config.log_key_file = "keys/log.key";
  config.credential_file = std::string(kCredentialFile);
  config.log_directory = "log";
  config.guard_file = "guard/checkpoint";
  config.index_file = "index/index.sqlite";
  config.registry_file = std::string(kRegistryFile);
  config.authorities_file = std::string(kAuthoritiesFile);
  return config;
}

// The exchange has no broker yet, so what lies there is another's, or was left half-made.
Result<void> check_holds_no_broker(Desk& desk, const std::string& folder,
                                   const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    KERUEN_TRY(const bool there, host::exists(desk.disk, file));
    if (!there) continue;
    return fail(ErrorCode::duplicate,
                file + " exists: " + folder +
                    " holds a broker, or what a keruen authority broker that was cut short left. "
                    "Where it was cut short, delete the folder and give the command again; else "
                    "name another --out");
  }
  return {};
}

// What is typed and kept in a file of lines must be a line.
Result<void> check_path(const std::string& path) {
  const auto fault = fault_of_value(path);
  if (!fault) return {};
  return fail(ErrorCode::malformed, "--out: " + *fault + "; name another file or folder");
}

}  // namespace

Result<BrokerMakeReport> make_broker(Desk& desk, const BrokerMake& wanted) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, wanted.directory));
  AuthorityState& state = opened.state();
  if (state.broker) {
    return fail(ErrorCode::duplicate,
                "the exchange has a broker at " + state.broker->endpoint + " already; it is kept");
  }
  BrokerMakeReport report;
  report.config_file = path_in(wanted.out, kBrokerConfigFile);
  report.credential_file = path_in(wanted.out, kCredentialFile);
  KERUEN_CHECK(check_can_be_reached(wanted.endpoint));
  const std::string text =
      host::encode_broker_config(config_of(state.exchange, bindable(wanted.endpoint)));
  // What the broker would refuse to read is refused before anything is made.
  KERUEN_TRY(const auto config, host::decode_broker_config(text, report.config_file));
  const std::string registry_file = absolute(config.registry_file);
  KERUEN_CHECK(check_path(registry_file));
  KERUEN_CHECK(check_holds_no_broker(desk, wanted.out,
                                     {report.config_file, report.credential_file,
                                      config.transport_key_file, config.log_key_file}));

  for (const auto& file : {config.transport_key_file, config.guard_file, config.index_file}) {
    KERUEN_CHECK(desk.disk.make_directory(host::directory_of(file)));
  }
  KERUEN_CHECK(desk.disk.make_directory(config.log_directory));
  KERUEN_TRY(const auto unlock, make_credential(desk, report.credential_file));
  const auto transport = certs::TransportKeyPair::generate(desk.randomness);
  const auto log_key = certs::SigningKeyPair::generate(desk.randomness);
  KERUEN_CHECK(certs::save_key(desk.disk, config.transport_key_file, kBrokerTransportPurpose,
                               transport.secret(), unlock, desk.randomness));
  KERUEN_CHECK(certs::save_key(desk.disk, config.log_key_file, kBrokerLogPurpose, log_key.seed(),
                               unlock, desk.randomness));
  KERUEN_CHECK(host::write_file_atomically(desk.disk, config.authorities_file,
                                           wire::encode_registry_entry(state.authorities_entry()),
                                           host::kSharedMode));
  KERUEN_CHECK(host::write_file_atomically(desk.disk, report.config_file, bytes_of(text),
                                           host::kPrivateMode));
  report.transport_key = transport.public_key();
  report.log_key = log_key.public_key();
  state.broker =
      wire::BrokerEntry{wanted.endpoint, {transport.public_key()}, {log_key.public_key()}};
  state.broker_registry_file = registry_file;
  KERUEN_CHECK(opened.save());
  return report;
}

Result<OperatorMakeReport> make_operator(Desk& desk, const OperatorMake& wanted) {
  const std::filesystem::path out(wanted.out);
  const std::string stem = out.stem().string();
  // Key and credential get names of their own beside it; the configuration must not be one of them.
  if (out.extension() != kConfigEnding) {
    return fail(ErrorCode::malformed,
                "--out " + wanted.out + " names the operator's configuration, which must end in " +
                    std::string(kConfigEnding) + ", like --out " + wanted.name.text() +
                    std::string(kConfigEnding) + "; its key and credential are put beside it");
  }
  KERUEN_CHECK(check_path(stem));
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, wanted.directory));
  AuthorityState& state = opened.state();
  if (!state.broker) {
    return fail(ErrorCode::not_found,
                "the exchange has no broker yet; make it with keruen authority broker");
  }
  if (state.operators.contains(wanted.name)) {
    return fail(ErrorCode::duplicate, "there is an operator " + wanted.name.text() + " already");
  }
  const std::string folder = host::directory_of(wanted.out);
  OperatorMakeReport report{wanted.out, path_in(folder, stem + ".key"),
                            path_in(folder, stem + ".credential")};
  for (const auto& file : {report.config_file, report.key_file, report.credential_file}) {
    KERUEN_TRY(const bool there, host::exists(desk.disk, file));
    if (there) return fail(ErrorCode::duplicate, file + " exists; name another --out");
  }
  host::OperatorConfig config;
  config.name = wanted.name;
  config.origin = state.exchange;
  config.broker_endpoint = state.broker->endpoint;
  config.broker_key = state.broker->transport_keys.front();
  config.key_file = stem + ".key";
  config.credential_file = stem + ".credential";

  KERUEN_CHECK(desk.disk.make_directory(folder));
  KERUEN_TRY(const auto unlock, make_credential(desk, report.credential_file));
  const auto key = certs::TransportKeyPair::generate(desk.randomness);
  KERUEN_CHECK(certs::save_key(desk.disk, report.key_file, operator_purpose(wanted.name),
                               key.secret(), unlock, desk.randomness));
  KERUEN_CHECK(host::write_file_atomically(desk.disk, report.config_file,
                                           bytes_of(host::encode_operator_config(config)),
                                           host::kPrivateMode));
  state.operators.emplace(wanted.name,
                          wire::OperatorEntry{wanted.name, key.public_key(), wanted.role});
  KERUEN_CHECK(opened.save());
  return report;
}

}  // namespace keruen::authority
