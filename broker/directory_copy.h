// A second directory with everything the first one holds: the core and the log thread each own one.
// Threads: the copying thread; the source must not change meanwhile.
#pragma once

#include "certs/directory.h"

namespace keruen::broker {

// corrupt: a line whose record is missing or is not taken a second time.
[[nodiscard]] Result<certs::Directory> copy_directory(const certs::Directory& source,
                                                      const certs::Authorities& trusted);

}  // namespace keruen::broker
