#include "schemas/host/broker_config.h"

#include "schemas/host/config_pieces.h"

namespace keruen::host {
namespace {

Result<void> read_keys(ConfigSection& top, BrokerConfig& config) {
  KERUEN_TRY(auto section, top.section("keys"));
  KERUEN_TRY(config.transport_key_file, section.path("transport"));
  KERUEN_TRY(config.log_key_file, section.path("log"));
  KERUEN_TRY(config.credential_file, section.optional_path("credential"));
  return section.finish();
}

Result<void> read_log(ConfigSection& top, BrokerConfig& config) {
  KERUEN_TRY(auto section, top.section("log"));
  KERUEN_TRY(config.log_directory, section.path("directory"));
  KERUEN_TRY(config.segment_bytes,
             section.number("segment_bytes", kSegmentBytesMin, kSegmentBytesMax, kSegmentBytes));
  if (config.segment_bytes % kSegmentAlignmentBytes != 0) {
    return section.fault_at("segment_bytes",
                            "must be a multiple of " + std::to_string(kSegmentAlignmentBytes));
  }
  return section.finish();
}

Result<std::string> file_of_section(ConfigSection& top, std::string_view name) {
  KERUEN_TRY(auto section, top.section(name));
  KERUEN_TRY(auto file, section.path("file"));
  KERUEN_CHECK(section.finish());
  return file;
}

Result<void> read_registry(ConfigSection& top, BrokerConfig& config) {
  KERUEN_TRY(auto section, top.section("registry"));
  KERUEN_TRY(config.registry_file, section.path("file"));
  KERUEN_TRY(config.authorities_file, section.path("authorities"));
  return section.finish();
}

Result<void> read_limits(ConfigSection& top, BrokerConfig& config) {
  KERUEN_TRY(auto section, top.optional_section("limits"));
  if (!section) return {};
  KERUEN_TRY(config.agents_max,
             section->number("agents_max", 1, kRegistryAgenciesMax, kRegistryAgenciesMax));
  return section->finish();
}

}  // namespace

Result<BrokerConfig> decode_broker_config(std::string_view text, const std::string& path) {
  KERUEN_TRY(const ConfigFile file, parse_config(text, path));
  ConfigSection top = ConfigSection::top(file);
  BrokerConfig config;
  KERUEN_TRY(config.origin, top.id<Origin>("origin"));
  KERUEN_TRY(config.endpoint, endpoint_of(top, "endpoint"));
  KERUEN_CHECK(read_keys(top, config));
  KERUEN_CHECK(read_log(top, config));
  KERUEN_TRY(config.guard_file, file_of_section(top, "guard"));
  KERUEN_TRY(config.index_file, file_of_section(top, "index"));
  KERUEN_CHECK(read_registry(top, config));
  KERUEN_CHECK(read_limits(top, config));
  KERUEN_TRY(config.journal, journal_of(top));
  KERUEN_CHECK(top.finish());
  return config;
}

Result<BrokerConfig> load_broker_config(Disk& disk, const std::string& path) {
  KERUEN_TRY(const std::string text, read_config(disk, path));
  return decode_broker_config(text, path);
}

std::string encode_broker_config(const BrokerConfig& config) {
  return "# A broker of the exchange. Relative paths start at this file's folder.\n"
         "# keruen-broker --config broker.toml --check-config reads it and starts nothing.\n\n"
         "# The exchange's name, and where this broker listens; * is every address of the "
         "machine.\n" +
         text_line("origin", config.origin.text()) + text_line("endpoint", config.endpoint) +
         "\n[keys]\n"
         "# Both are encrypted. The credential file opens them at an unattended start and must be\n"
         "# readable by the broker alone; without it the passphrase is asked for.\n" +
         text_line("transport", config.transport_key_file) + text_line("log", config.log_key_file) +
         optional_text_line("credential", config.credential_file, "credential") +
         "\n[log]\n"
         "# The message log: the truth. Back it up, never edit it.\n" +
         text_line("directory", config.log_directory) +
         number_line("segment_bytes", config.segment_bytes) +
         "\n[guard]\n"
         "# What the log has promised. Keep it apart from the log and out of its backups: it is\n"
         "# what notices a log restored from one.\n" +
         text_line("file", config.guard_file) +
         "\n[index]\n"
         "# Made from the log; deleted, it is made again. FILE.reserve beside it keeps disk space\n"
         "# for it, given up when the disk is full.\n" +
         text_line("file", config.index_file) +
         "\n[registry]\n"
         "# The newest registry, as the exchange authority publishes it, and who must have signed\n"
         "# the first one.\n" +
         text_line("file", config.registry_file) +
         text_line("authorities", config.authorities_file) +
         "\n[limits]\n"
         "# Agents connected at the same time.\n" +
         number_line("agents_max", config.agents_max) + "\n" + journal_lines(config.journal);
}

}  // namespace keruen::host
