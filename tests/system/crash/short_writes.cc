// Preloaded into a program: its positioned writes take less than asked for, now and then, as POSIX
// lets them (pwrite, IEEE Std 1003.1). KERUEN_SHORT_WRITES says how many of a hundred; the file
// that KERUEN_SHORT_WRITES_WITNESS names is made when the first one does.
//
// Any thread. No lock, no memory asked for, no other symbol looked up: a preload that did these
// waited for the loader while the loader waited for it.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <random>

namespace {

bool make_witness() {
  const char* const path = std::getenv("KERUEN_SHORT_WRITES_WITNESS");
  return ::syscall(SYS_close, ::syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY, 0600)) == 0;
}

std::size_t drawn(std::size_t size) {
  static const int percent = std::atoi(std::getenv("KERUEN_SHORT_WRITES"));
  thread_local std::minstd_rand dice(static_cast<unsigned>(::time(nullptr) + ::gettid()));
  if (size < 2 || static_cast<int>(dice() % 100) >= percent) {
    return size;
  }
  [[maybe_unused]] static const bool made = make_witness();
  return 1 + dice() % (size - 1);
}

}  // namespace

extern "C" {

ssize_t pwrite64(int file, const void* bytes, std::size_t size, off64_t offset) {
  return ::syscall(SYS_pwrite64, file, bytes, drawn(size), offset);
}

ssize_t pwrite(int file, const void* bytes, std::size_t size, off_t offset) {
  return pwrite64(file, bytes, size, offset);
}
}
