// Whether a time service keeps this machine's clock right, as far as the kernel knows.
// Source: adjtimex(2), STA_UNSYNC; clock_gettime(2), CLOCK_BOOTTIME.   Threads: any.
#pragma once

#include <chrono>

namespace keruen::host {

// False also where the kernel does not say.
[[nodiscard]] bool is_clock_synchronised();
// Since the machine was started; what it slept counts.
[[nodiscard]] std::chrono::seconds uptime();

}  // namespace keruen::host
