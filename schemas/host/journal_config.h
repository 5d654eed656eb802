// What of the journal is kept, and where it goes: the [journal] section of every program's file.
// Threads: values.
#pragma once

#include <string>

#include "schemas/host/journal.h"

namespace keruen::host {

struct JournalConfig {
  JournalLevel level = JournalLevel::info;  // and all above it
  std::string file;                         // empty: standard error
  bool operator==(const JournalConfig&) const = default;
};

}  // namespace keruen::host
