// admin.toml: how an administrator's program reaches a broker, and as whom.
// Shape: TOML; every relative path starts at the file's folder.   Threads: values.
// Strict, as broker_config.h.
#pragma once

#include <string>
#include <string_view>

#include "schemas/names.h"

namespace keruen::host {

class Disk;

struct OperatorConfig {
  OperatorName name;
  Origin origin;
  std::string broker_endpoint;
  TransportPublicKey broker_key;  // in hexadecimal
  std::string key_file;           // the operator's own transport key
  std::string credential_file;    // opens it unattended; empty: the passphrase is asked
  bool operator==(const OperatorConfig&) const = default;
};

[[nodiscard]] Result<OperatorConfig> decode_operator_config(std::string_view text,
                                                            const std::string& path);
// not_found, denied, io_failed besides.
[[nodiscard]] Result<OperatorConfig> load_operator_config(Disk& disk, const std::string& path);
// The file as `keruen authority operator --out admin.toml` writes it.
[[nodiscard]] std::string encode_operator_config(const OperatorConfig& config);

}  // namespace keruen::host
