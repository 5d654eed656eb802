// Whether a time service keeps this machine's clock right, as far as the kernel knows.
// Source: adjtimex(2), STA_UNSYNC.   Threads: any.
#pragma once

namespace keruen::host {

// False also where the kernel does not say.
[[nodiscard]] bool is_clock_synchronised();

}  // namespace keruen::host
