// How one thread wakes another that sleeps in poll(): an eventfd.
// Threads: ring() from any; the rest from the thread that sleeps.
// Lifetime: outlives every thread that rings it.
#pragma once

#include <memory>

#include "schemas/error.h"

namespace keruen::broker {

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

}  // namespace keruen::broker
