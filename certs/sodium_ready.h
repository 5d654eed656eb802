// Prepares libsodium once per process; every entry into it that needs its choices made calls this.
// Threads: any.
//
// Without it libsodium picks its slow portable code, and its locked memory has no guard value.
#pragma once

namespace keruen::certs {

void make_sodium_ready();

}  // namespace keruen::certs
