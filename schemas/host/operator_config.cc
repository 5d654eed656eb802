#include "schemas/host/operator_config.h"

#include "schemas/host/config_pieces.h"

namespace keruen::host {

Result<OperatorConfig> decode_operator_config(std::string_view text, const std::string& path) {
  KERUEN_TRY(const ConfigFile file, parse_config(text, path));
  ConfigSection top = ConfigSection::top(file);
  OperatorConfig config;
  KERUEN_TRY(config.name, top.id<OperatorName>("name"));
  KERUEN_TRY(config.origin, top.id<Origin>("origin"));
  KERUEN_TRY(config.key_file, top.path("key"));
  KERUEN_TRY(config.credential_file, top.optional_path("credential"));
  KERUEN_TRY(auto broker, top.section("broker"));
  KERUEN_TRY(config.broker_endpoint, endpoint_of(broker, "endpoint"));
  KERUEN_TRY(const std::string key, broker.text("key", kPathBytesMax));
  const auto broker_key = TransportPublicKey::from_hex(key);
  if (!broker_key) return broker.fault_at("key", "must be 64 hexadecimal digits");
  config.broker_key = *broker_key;
  KERUEN_CHECK(broker.finish());
  KERUEN_CHECK(top.finish());
  return config;
}

Result<OperatorConfig> load_operator_config(Disk& disk, const std::string& path) {
  KERUEN_TRY(const std::string text, read_config(disk, path));
  return decode_operator_config(text, path);
}

std::string encode_operator_config(const OperatorConfig& config) {
  return "# An operator of the exchange, as the registry lists her.\n"
         "# Relative paths start at this file's folder.\n\n" +
         text_line("name", config.name.text()) + text_line("origin", config.origin.text()) +
         "# The operator's own key, encrypted; the credential file opens it without a "
         "passphrase.\n" +
         text_line("key", config.key_file) +
         optional_text_line("credential", config.credential_file, "credential") +
         "\n[broker]\n"
         "# Whom she talks to: no other key is believed.\n" +
         text_line("endpoint", config.broker_endpoint) + text_line("key", config.broker_key.hex());
}

}  // namespace keruen::host
