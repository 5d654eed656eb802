// How many files and connections this process may have open at once.
// Threads: any; before the first thread is best.
#pragma once

#include <cstdint>

namespace keruen::host {

// Raises the soft limit to the hard one and returns what holds now. A process that runs out of
// descriptors can no longer read its own files.
// Source: getrlimit(2), RLIMIT_NOFILE.
[[nodiscard]] std::uint64_t raise_open_files();

}  // namespace keruen::host
