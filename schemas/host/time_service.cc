#include "schemas/host/time_service.h"

#include <sys/timex.h>

namespace keruen::host {

bool is_clock_synchronised() {
  timex asked{};  // no modes: it is only read
  return ::adjtimex(&asked) >= 0 && (asked.status & STA_UNSYNC) == 0;
}

}  // namespace keruen::host
