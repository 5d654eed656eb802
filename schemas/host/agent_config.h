// agent.toml: what an agency's agent runs with.
// Shape: TOML; every relative path starts at the file's folder.   Threads: values.
//
// Strict, as broker_config.h. A socket path longer than the system takes (kSocketPathBytesMax,
// after the folder is put before it) is refused here, in words, and not by a failing bind.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/host/journal_config.h"
#include "schemas/names.h"

namespace keruen::host {

class Disk;

inline constexpr std::size_t kSocketPathBytesMax = 107;
// What is forgotten must not be able to come again: a message expires 30 days after it was made,
// and whatever repeats it does so within 31 days more.
inline constexpr std::uint64_t kKeepDaysMin = 62;
inline constexpr std::uint64_t kKeepDaysMax = 36'500;

// Who stands behind an account of the operating system, as she signs her messages.
struct OfficerConfig {
  std::string id;  // inside the agency
  std::string name;
  std::string role;  // may be empty, as may unit
  std::string unit;
  bool operator==(const OfficerConfig&) const = default;
};

// [forwarder]: the folders that machines drop files into and read from.
struct ForwarderConfig {
  std::string outgoing_directory;
  std::string incoming_directory;
  bool operator==(const ForwarderConfig&) const = default;
};

struct AgentConfig {
  AgencyId agency;

  // [keys]
  std::string keys_directory;
  std::string credential_file;  // opens keys and store unattended; empty: a person is asked

  // [store]
  std::string store_directory;
  std::optional<std::chrono::days> keep;  // older messages are forgotten; absent: none are

  // [broker]: the invitation says where the broker is, unless `endpoint` says otherwise.
  std::string invitation_file;
  std::string broker_endpoint;  // empty: as the registry in force says

  // [api]
  std::string socket_file;
  // [officers.ACCOUNT]: the account that connects decides who speaks.
  std::map<std::string, OfficerConfig> officers;

  std::optional<ForwarderConfig> forwarder;  // absent: no folders are watched
  JournalConfig journal;

  bool operator==(const AgentConfig&) const = default;
};

[[nodiscard]] Result<AgentConfig> decode_agent_config(std::string_view text,
                                                      const std::string& path);
// not_found, denied, io_failed besides.
[[nodiscard]] Result<AgentConfig> load_agent_config(Disk& disk, const std::string& path);
// The file as `keruen agency init` writes it.
[[nodiscard]] std::string encode_agent_config(const AgentConfig& config);

}  // namespace keruen::host
