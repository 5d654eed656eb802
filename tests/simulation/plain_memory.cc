// libsodium's guarded memory, for a simulation, is plain memory, and SQLite's is not locked.
// Threads: one.
//
// Guard pages and locking cost six system calls a secret and a thousand secrets a run; they protect
// keys from a stray read, and a simulation's keys are known to everybody. Nothing else of libsodium
// is replaced; what guards memory is tested where it is used (tests/certs/secret_test.cc).
// SQLite takes a lock for every allocation and every page, a twelfth of a run, in case of another
// thread: here there is none.
#include <sqlite3.h>

#include <cstdlib>
#include <cstring>

namespace {

// Before main: once SQLite is in use it can no longer be told.
// Source: sqlite.org/c3ref/c_config_covering_index_scan.html.
[[maybe_unused]] const bool without_locks =
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK &&
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK;

}  // namespace

extern "C" {

void* sodium_malloc(std::size_t size) {
  void* memory = std::malloc(size > 0 ? size : 1);
  // As libsodium fills it: what reads memory it never wrote finds no zeros.
  if (memory != nullptr) std::memset(memory, 0xdb, size);
  return memory;
}

void sodium_free(void* memory) { std::free(memory); }

int sodium_mprotect_noaccess(void*) { return 0; }
int sodium_mprotect_readonly(void*) { return 0; }
int sodium_mprotect_readwrite(void*) { return 0; }
}
