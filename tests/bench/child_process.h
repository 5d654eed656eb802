// A program started beside this one, and what it costs.
// Units: CPU in nanoseconds, memory in bytes.   Threads: one.
// Lifetime: still running at the end, it is asked to end, then killed.
//
// It leads a process group of its own; what it starts in turn counts as its own and ends with it.
// CPU and memory are the kernel's own account (proc(5)), all threads.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "schemas/error.h"

namespace keruen::bench {

struct ProcessCost {
  std::chrono::nanoseconds cpu{0};
  std::uint64_t memory_bytes = 0;       // resident now
  std::uint64_t memory_peak_bytes = 0;  // resident at most since the start
};
// Of this process.
[[nodiscard]] ProcessCost own_cost();

class ChildProcess {
 public:
  // What it writes goes into `output_file`. `environment` is added to this program's own.
  [[nodiscard]] static Result<std::unique_ptr<ChildProcess>> start(
      const std::vector<std::string>& arguments, const std::string& output_file,
      const std::vector<std::string>& environment = {});
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  [[nodiscard]] bool is_running();
  [[nodiscard]] ProcessCost cost() const;
  // SIGTERM, then, after `patience`, SIGKILL.
  void stop(std::chrono::seconds patience = std::chrono::seconds(20));
  void kill();
  // The last lines it wrote, for a message to people.
  [[nodiscard]] std::string last_words() const;

 private:
  ChildProcess(pid_t process, std::string output_file)
      : process_(process), output_file_(std::move(output_file)) {}
  pid_t process_;
  std::string output_file_;
};

// A TCP port of 127.0.0.1 that nobody listened on a moment ago.
[[nodiscard]] Result<int> free_port();

}  // namespace keruen::bench
