// INTERNAL to the .cc files of this directory: what several configuration files have in common.
// Threads: pure functions.
#pragma once

#include <string>

#include "schemas/host/config_value.h"
#include "schemas/host/disk.h"
#include "schemas/host/journal_config.h"

namespace keruen::host {

[[nodiscard]] Result<std::string> endpoint_of(ConfigSection& section, std::string_view key);
// The [journal] section of the file; absent, its defaults.
[[nodiscard]] Result<JournalConfig> journal_of(ConfigSection& top);

// `key = "text"` and a line end.
[[nodiscard]] std::string text_line(std::string_view key, std::string_view text);
// The same where there is a text; else the key behind a # with `example`, so that it can be found.
[[nodiscard]] std::string optional_text_line(std::string_view key, std::string_view text,
                                             std::string_view example);
[[nodiscard]] std::string number_line(std::string_view key, std::uint64_t number);
[[nodiscard]] std::string journal_lines(const JournalConfig& journal);

// A configuration's text: UTF-8 of at most kConfigBytesMax.
[[nodiscard]] Result<std::string> read_config(Disk& disk, const std::string& path);

}  // namespace keruen::host
