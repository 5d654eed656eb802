#include "schemas/host/agent_config.h"

#include <algorithm>

#include "schemas/host/config_pieces.h"
#include "schemas/limits.h"

namespace keruen::host {
namespace {

Result<OfficerConfig> officer_of(ConfigSection& section) {
  OfficerConfig officer;
  KERUEN_TRY(officer.id, section.text("id", kNameBytesMax));
  KERUEN_TRY(officer.name, section.text("name", kNameBytesMax));
  KERUEN_TRY(const auto role, section.optional_text("role", kNameBytesMax));
  officer.role = role.value_or("");
  KERUEN_TRY(const auto unit, section.optional_text("unit", kNameBytesMax));
  officer.unit = unit.value_or("");
  KERUEN_CHECK(section.finish());
  return officer;
}

Result<void> read_officers(ConfigSection& top, AgentConfig& config) {
  KERUEN_TRY(auto section, top.optional_section("officers"));
  if (!section) return {};
  for (const auto& [account, value] : section->table()) {
    if (account.empty()) return section->fault_at(account, "an account has a name");
    KERUEN_TRY(auto of_account, section->section(account));
    KERUEN_TRY(OfficerConfig officer, officer_of(of_account));
    config.officers.emplace(account, std::move(officer));
  }
  return section->finish();
}

Result<void> read_keys(ConfigSection& top, AgentConfig& config) {
  KERUEN_TRY(auto section, top.section("keys"));
  KERUEN_TRY(config.keys_directory, section.path("directory"));
  KERUEN_TRY(config.credential_file, section.optional_path("credential"));
  return section.finish();
}

Result<void> read_store(ConfigSection& top, AgentConfig& config) {
  KERUEN_TRY(auto section, top.section("store"));
  KERUEN_TRY(config.store_directory, section.path("directory"));
  KERUEN_TRY(const auto days, section.number("keep_days", kKeepDaysMin, kKeepDaysMax, 0));
  if (days > 0) config.keep = std::chrono::days(days);
  return section.finish();
}

Result<void> read_broker(ConfigSection& top, AgentConfig& config) {
  KERUEN_TRY(auto section, top.section("broker"));
  KERUEN_TRY(config.invitation_file, section.path("invitation"));
  if (section.table().contains("endpoint")) {
    KERUEN_TRY(config.broker_endpoint, endpoint_of(section, "endpoint"));
  } else {
    // Asked for all the same, so that it is offered to who misspells it.
    KERUEN_CHECK(section.optional_text("endpoint", kPathBytesMax));
  }
  return section.finish();
}

Result<void> read_api(ConfigSection& top, AgentConfig& config) {
  KERUEN_TRY(auto section, top.section("api"));
  KERUEN_TRY(config.socket_file, section.path("socket"));
  if (config.socket_file.size() > kSocketPathBytesMax) {
    return section.fault_at("socket", config.socket_file + " has " +
                                          std::to_string(config.socket_file.size()) +
                                          " bytes, and a Unix socket's path may have " +
                                          std::to_string(kSocketPathBytesMax) +
                                          ": name a shorter one, like /run/keruen/agent.sock");
  }
  return section.finish();
}

Result<void> read_forwarder(ConfigSection& top, AgentConfig& config) {
  KERUEN_TRY(auto section, top.optional_section("forwarder"));
  if (!section) return {};
  ForwarderConfig forwarder;
  KERUEN_TRY(forwarder.outgoing_directory, section->path("outgoing"));
  KERUEN_TRY(forwarder.incoming_directory, section->path("incoming"));
  if (forwarder.outgoing_directory == forwarder.incoming_directory) {
    return section->fault_at("incoming",
                             "must not be the outgoing folder: it would send itself "
                             "what it receives");
  }
  config.forwarder = std::move(forwarder);
  return section->finish();
}

std::string officer_lines(const AgentConfig& config) {
  std::string lines =
      "\n# Who speaks through the socket: the account of the operating system decides.\n";
  if (config.officers.empty()) {
    lines +=
        "# [officers.ACCOUNT]\n"
        "# id = \"a.serik\"\n"
        "# name = \"Aigul Serik\"\n"
        "# role = \"liaison officer\"\n"
        "# unit = \"Almaty\"\n";
  }
  for (const auto& [account, officer] : config.officers) {
    lines += "[officers." + quoted_toml(account) + "]\n" + text_line("id", officer.id) +
             text_line("name", officer.name) +
             optional_text_line("role", officer.role, "liaison officer") +
             optional_text_line("unit", officer.unit, "Almaty");
  }
  return lines;
}

std::string forwarder_lines(const AgentConfig& config) {
  const std::string head =
      "\n# Calendars: files dropped into the one folder are sent, what arrives is written to the "
      "other.\n";
  if (!config.forwarder) {
    return head + "# [forwarder]\n# " + text_line("outgoing", "outgoing") + "# " +
           text_line("incoming", "incoming");
  }
  return head + "[forwarder]\n" + text_line("outgoing", config.forwarder->outgoing_directory) +
         text_line("incoming", config.forwarder->incoming_directory);
}

}  // namespace

Result<AgentConfig> decode_agent_config(std::string_view text, const std::string& path) {
  KERUEN_TRY(const ConfigFile file, parse_config(text, path));
  ConfigSection top = ConfigSection::top(file);
  AgentConfig config;
  KERUEN_TRY(config.agency, top.id<AgencyId>("agency"));
  KERUEN_CHECK(read_keys(top, config));
  KERUEN_CHECK(read_store(top, config));
  KERUEN_CHECK(read_broker(top, config));
  KERUEN_CHECK(read_api(top, config));
  KERUEN_CHECK(read_officers(top, config));
  KERUEN_CHECK(read_forwarder(top, config));
  KERUEN_TRY(config.journal, journal_of(top));
  KERUEN_CHECK(top.finish());
  return config;
}

Result<AgentConfig> load_agent_config(Disk& disk, const std::string& path) {
  KERUEN_TRY(const std::string text, read_config(disk, path));
  return decode_agent_config(text, path);
}

std::string encode_agent_config(const AgentConfig& config) {
  return "# The agent of one agency. Relative paths start at this file's folder.\n\n" +
         text_line("agency", config.agency.text()) +
         "\n[keys]\n"
         "# All are encrypted. The credential file opens them, and the store, at an unattended\n"
         "# start and must be readable by the agent alone; without it the passphrase is asked\n"
         "# for.\n" +
         text_line("directory", config.keys_directory) +
         optional_text_line("credential", config.credential_file, "credential") +
         "\n[store]\n"
         "# Never start two agents on one store, nor one on a copy of it.\n" +
         text_line("directory", config.store_directory) +
         "# Messages older than so many days are forgotten, read or not, with their files;\n"
         "# without it none are.\n" +
         (config.keep ? "keep_days = " + std::to_string(config.keep->count()) + "\n"
                      : std::string("# keep_days = 730\n")) +
         "\n[broker]\n"
         "# The invitation the exchange authority sent. It says where the broker is; an endpoint\n"
         "# here goes before it.\n" +
         text_line("invitation", config.invitation_file) +
         optional_text_line("endpoint", config.broker_endpoint, "tcp://127.0.0.1:7400") +
         "\n[api]\n"
         "# Where the command line finds the agent: a Unix socket.\n" +
         text_line("socket", config.socket_file) + officer_lines(config) + forwarder_lines(config) +
         "\n" + journal_lines(config.journal);
}

}  // namespace keruen::host
