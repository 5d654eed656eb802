// A message broker under load: Keruen itself, or another one beside it on the same machine.
// Shape: `pairs` senders, each writing to a recipient of its own; every message is confirmed to its
// sender as durable, and acknowledged by its recipient after that has it.
// Units: bytes of one message, messages a second, nanoseconds.   Threads: one calls; each contender
// has its own behind it.
// Lifetime: the server, its files and its clients end with the object.
//
// A round is measured from the first hand-over to the last word of the last recipient, so that what
// waits in queues is paid for by whoever filled them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "schemas/error.h"

namespace keruen::bench {

struct Load {
  std::size_t message_bytes = 1024;
  std::uint64_t messages = 0;  // of all senders together
  // Handed to Keruen in one transaction, at most, and no more than 2 MiB of text; the
  // others' clients wait for no answer while they publish.
  std::uint64_t together = 1024;
};
struct Throughput {
  double messages_per_second = 0;
  std::chrono::nanoseconds broker_cpu{0};   // of one message
  std::chrono::nanoseconds clients_cpu{0};  // of one message: senders and recipients
};

// Messages handed over at a steady rate, whatever becomes of them: a slow answer does not make the
// next question wait, so it cannot hide.
struct SteadyLoad {
  std::size_t message_bytes = 1024;
  std::uint64_t messages_per_second = 1000;
  std::chrono::seconds lasting{5};
};
struct Latency {
  std::chrono::nanoseconds median{0};
  std::chrono::nanoseconds p99{0};
  std::chrono::nanoseconds most{0};
};
// When each message of a steady load is due, beginning one interval from its making.
class Schedule {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  explicit Schedule(const SteadyLoad& load)
      : messages_(load.messages_per_second * static_cast<std::uint64_t>(load.lasting.count())),
        interval_(std::chrono::nanoseconds(std::chrono::seconds(1)) /
                  static_cast<std::int64_t>(load.messages_per_second)) {}

  [[nodiscard]] std::uint64_t messages() const { return messages_; }
  [[nodiscard]] Moment due(std::uint64_t number) const {
    return began_ + interval_ * static_cast<std::int64_t>(number + 1);
  }
  // Each message's `arrived`, in the order of their being due; at least one.
  [[nodiscard]] Latency latency(const std::vector<Moment>& arrived) const;

 private:
  std::uint64_t messages_;
  std::chrono::nanoseconds interval_;
  Moment began_ = std::chrono::steady_clock::now();
};

class Contender {
 public:
  Contender() = default;
  Contender(const Contender&) = delete;
  Contender& operator=(const Contender&) = delete;
  virtual ~Contender() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual Result<Throughput> throughput(const Load& load) = 0;
  // From the moment a message was due to that when its recipient's application is told of it.
  [[nodiscard]] virtual Result<Latency> latency(const SteadyLoad& load) = 0;
};

// Texts that do not compress, the same for every contender: `bytes` of base64's letters.
[[nodiscard]] std::string payload(std::size_t bytes, std::uint64_t number);

// A server with a temporary store on 127.0.0.1, started. not_found: it is not installed, or this
// build was made without its client library; says which package to install.
[[nodiscard]] Result<std::unique_ptr<Contender>> start_keruen(std::size_t pairs);
[[nodiscard]] Result<std::unique_ptr<Contender>> start_jetstream(std::size_t pairs);
[[nodiscard]] Result<std::unique_ptr<Contender>> start_rabbitmq(std::size_t pairs);

}  // namespace keruen::bench
