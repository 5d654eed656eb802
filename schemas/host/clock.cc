#include "schemas/host/clock.h"

namespace keruen::host {

Now SystemClock::now() const {
  using std::chrono::floor;
  return {floor<std::chrono::microseconds>(std::chrono::steady_clock::now()),
          floor<std::chrono::milliseconds>(std::chrono::system_clock::now())};
}

}  // namespace keruen::host
