#include "certs/sodium_ready.h"

#include <sodium.h>

#include "schemas/error.h"

namespace keruen::certs {

void make_sodium_ready() {
  static const bool ready = sodium_init() >= 0;
  // It fails only where the kernel has no source of randomness: no key may be made there.
  ensure(ready, "libsodium can start");
}

}  // namespace keruen::certs
