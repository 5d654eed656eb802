#include "schemas/host/wake.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace keruen::host {

bool poll_for(std::span<pollfd> descriptors, std::chrono::nanoseconds longest) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(longest);
  timespec time{};
  time.tv_sec = whole.count();
  time.tv_nsec = (longest - whole).count();
  return ::ppoll(descriptors.data(), descriptors.size(), &time, nullptr) >= 0;
}

Result<std::unique_ptr<Wake>> Wake::make() {
  const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (descriptor < 0) {
    return fail(ErrorCode::io_failed, std::string("eventfd: ") + std::strerror(errno));
  }
  return std::unique_ptr<Wake>(new Wake(descriptor));
}

Wake::~Wake() { ::close(descriptor_); }

void Wake::ring() {
  const std::uint64_t one = 1;
  // EAGAIN: it rings already, 2^64 − 2 times.
  const auto written = ::write(descriptor_, &one, sizeof one);
  ensure(written == sizeof one || errno == EAGAIN, "an eventfd takes a ring");
}

void Wake::quiet() {
  std::uint64_t rings = 0;
  const auto read = ::read(descriptor_, &rings, sizeof rings);
  ensure(read == sizeof rings || errno == EAGAIN, "an eventfd gives its rings");
}

}  // namespace keruen::host
