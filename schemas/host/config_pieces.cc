#include "schemas/host/config_pieces.h"

#include "schemas/names.h"

namespace keruen::host {

Result<std::string> endpoint_of(ConfigSection& section, std::string_view key) {
  KERUEN_TRY(auto endpoint, section.text(key, kPathBytesMax));
  if (const auto fault = fault_of_endpoint(endpoint)) return section.fault_at(key, *fault);
  return endpoint;
}

Result<JournalConfig> journal_of(ConfigSection& top) {
  JournalConfig journal;
  KERUEN_TRY(auto section, top.optional_section("journal"));
  if (!section) return journal;
  KERUEN_TRY(const auto level, section->optional_text("level", kPathBytesMax));
  if (level) {
    const auto named = journal_level_named(*level);
    if (!named) return section->fault_at("level", "must be debug, info, warning or error");
    journal.level = *named;
  }
  KERUEN_TRY(journal.file, section->optional_path("file"));
  KERUEN_CHECK(section->finish());
  return journal;
}

std::string text_line(std::string_view key, std::string_view text) {
  return std::string(key) + " = " + quoted_toml(text) + "\n";
}

std::string optional_text_line(std::string_view key, std::string_view text,
                               std::string_view example) {
  return text.empty() ? "# " + text_line(key, example) : text_line(key, text);
}

std::string number_line(std::string_view key, std::uint64_t number) {
  return std::string(key) + " = " + std::to_string(number) + "\n";
}

std::string journal_lines(const JournalConfig& journal) {
  return "[journal]\n"
         "# One JSON object a line. debug, info, warning or error; and where to, if not to\n"
         "# standard error.\n" +
         text_line("level", name_of(journal.level)) +
         optional_text_line("file", journal.file, "journal.log");
}

Result<std::string> read_config(Disk& disk, const std::string& path) {
  KERUEN_TRY(const Bytes bytes, read_file(disk, path, kConfigBytesMax));
  return std::string(text_of(bytes));
}

}  // namespace keruen::host
