// How one thread wakes another that sleeps on descriptors: an eventfd.
// Threads: ring() from any; the rest from the thread that sleeps.
// Lifetime: outlives every thread that rings it.
#pragma once

#include <poll.h>

#include <chrono>
#include <memory>
#include <span>

#include "schemas/error.h"

namespace keruen::host {

// poll() with a finer time: false after a signal, and then `descriptors` tell nothing.
bool poll_for(std::span<pollfd> descriptors, std::chrono::nanoseconds longest);

class Wake {
 public:
  // io_failed: the process has no descriptors left.
  [[nodiscard]] static Result<std::unique_ptr<Wake>> make();
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  // Readable after ring(), until quiet(). Never blocks; many rings are one.
  void ring();
  void quiet();
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  explicit Wake(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

}  // namespace keruen::host
