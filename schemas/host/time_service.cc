#include "schemas/host/time_service.h"

#include <sys/timex.h>

#include <ctime>

namespace keruen::host {

bool is_clock_synchronised() {
  timex asked{};  // no modes: it is only read
  return ::adjtimex(&asked) >= 0 && (asked.status & STA_UNSYNC) == 0;
}

std::chrono::seconds uptime() {
  timespec since{};
  ::clock_gettime(CLOCK_BOOTTIME, &since);
  return std::chrono::seconds(since.tv_sec);
}

}  // namespace keruen::host
