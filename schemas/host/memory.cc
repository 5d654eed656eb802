#include "schemas/host/memory.h"

#include <malloc.h>

namespace keruen::host {
namespace {

constexpr int kMiB = 1024 * 1024;
constexpr int kMapFrom = 32 * kMiB;  // the most glibc takes
constexpr int kKeptPerArena = 32 * kMiB;
constexpr int kArenasMax = 4;

}  // namespace

void keep_freed_memory() {
  // Each may fail, and then nothing is lost but time.
  (void)mallopt(M_MMAP_THRESHOLD, kMapFrom);
  (void)mallopt(M_TRIM_THRESHOLD, kKeptPerArena);
  (void)mallopt(M_ARENA_MAX, kArenasMax);
}

}  // namespace keruen::host
