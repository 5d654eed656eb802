// A broker put together from its configuration: log, index, signer, stations, threads, gateway.
// Threads: open() and run() on the same one, which becomes the core thread.
// Lifetime: borrows disk, clock and journal.
//
// open() starts nothing that others can see before everything is in order: the log recovered, the
// guard extended, the index caught up, the registry read. Errors say in words what to do next.
#pragma once

#include <memory>

#include "broker/log/checkpoint_signer.h"
#include "certs/keys.h"
#include "schemas/host/broker_config.h"

namespace keruen::host {
class Clock;
class Disk;
class Journal;
}  // namespace keruen::host

namespace keruen::broker {

struct BrokerKeys {
  certs::TransportKeyPair transport;
  certs::SigningKeyPair log;
};
// The purposes under which `keruen authority broker` seals them.
inline constexpr std::string_view kTransportKeyPurpose = "transport key of the broker";
inline constexpr std::string_view kLogKeyPurpose = "log key of the broker";

class Broker {
 public:
  // Whether the operator said so; else a time service has to, where the log cannot.
  enum class ClockIs : std::uint8_t { unconfirmed = 1, right };
  struct Surroundings {
    host::Disk& disk;
    const host::Clock& clock;
    host::Journal& journal;
    certs::Randomness& randomness;
    ClockIs clock_is = ClockIs::unconfirmed;
  };
  [[nodiscard]] static Result<std::unique_ptr<Broker>> open(
      const host::BrokerConfig& config, BrokerKeys keys,
      log::CheckpointSigner::MissingGuard missing_guard, Surroundings surroundings);
  ~Broker();

  // Where it listens, with the port the system chose.
  [[nodiscard]] const std::string& endpoint() const;
  // Serves until `stop_descriptor` is readable and everything submitted is answered, or until it
  // must stop.
  [[nodiscard]] Result<void> run(int stop_descriptor);

 private:
  struct State;
  explicit Broker(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::broker
