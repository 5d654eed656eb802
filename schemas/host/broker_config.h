// broker.toml: what a broker runs with.
// Shape: TOML; every relative path starts at the file's folder.   Units: bytes in the names.
// Threads: values.
//
// Strict: an unknown key, a wrong type, a value out of range is malformed, with file, line and what
// was probably meant: `broker.toml:7: unknown key "log.diretory": did you mean "directory"?`
// decode(encode(x)) == x for a path without a folder.
#pragma once

#include <string>
#include <string_view>

#include "schemas/host/journal_config.h"
#include "schemas/limits.h"
#include "schemas/names.h"

namespace keruen::host {

class Disk;

inline constexpr std::uint64_t kSegmentBytesMin = 4 * 1024 * 1024;
inline constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{1} << 30;

struct BrokerConfig {
  Origin origin;         // the exchange's name, in everything signed
  std::string endpoint;  // where it binds: tcp://host:port

  // [keys]
  std::string transport_key_file;
  std::string log_key_file;
  std::string credential_file;  // opens both at an unattended start; empty: a person is asked

  // [log]
  std::string log_directory;
  std::uint64_t segment_bytes = kSegmentBytes;
  // [guard]: what the checkpoint signer last promised. Apart from the log and its backups: a log
  // restored together with its guard could sign a second history.
  std::string guard_file;
  // [index]: derived from the log; deleted, it is made again.
  std::string index_file;

  // [registry]: the newest snapshot, read at the start and when it changes; and the authorities
  // that must have signed the first one (an encoded AuthoritiesEntry).
  std::string registry_file;
  std::string authorities_file;

  // [limits]
  std::uint64_t agents_max = kRegistryAgenciesMax;  // connected at the same time

  JournalConfig journal;

  bool operator==(const BrokerConfig&) const = default;
};

// `path` is what faults are named by and relative paths start at; nothing is read from the disk.
[[nodiscard]] Result<BrokerConfig> decode_broker_config(std::string_view text,
                                                        const std::string& path);
// not_found, denied, io_failed besides.
[[nodiscard]] Result<BrokerConfig> load_broker_config(Disk& disk, const std::string& path);
// The file as `keruen authority broker` writes it, with what each key means.
[[nodiscard]] std::string encode_broker_config(const BrokerConfig& config);

}  // namespace keruen::host
