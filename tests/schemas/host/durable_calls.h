// The system calls that make things durable: heard by a test, and failing when it says so.
// Shape: "fdatasync /folder/file", "rename /folder/a to /folder/b", in the order they came.
// Threads: one.   Lifetime: one at a time; while there is none every call passes unheard.
//
// A file that nobody synced reads like one that was synced until the power goes: only the call
// tells them apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keruen::host {

class DurableCalls {
 public:
  DurableCalls();
  ~DurableCalls();
  DurableCalls(const DurableCalls&) = delete;
  DurableCalls& operator=(const DurableCalls&) = delete;

  // From now on this one fails with `error`, as errno has it, and does nothing; no other does.
  void fail(std::string call, int error);
  // Since the last time; those that failed are among them.
  [[nodiscard]] std::vector<std::string> take();

  // For the calls themselves. 0: it may go on, else what it fails with.
  [[nodiscard]] int hear(std::string_view call, const std::string& what);

 private:
  std::vector<std::string> heard_;
  std::string failing_;
  int error_ = 0;
};

}  // namespace keruen::host
