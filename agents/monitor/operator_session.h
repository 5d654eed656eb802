// One question of an operator to the broker, and its answer.
// Threads: one.   Lifetime: one connection each.
//
// Errors: denied: the broker does not admit this key, or not so often, or the role may not ask
// that; io_failed: no broker answers in time (says where it was looked for).
#pragma once

#include "agents/link/dealer.h"
#include "schemas/wire/frame.h"

namespace keruen::monitor {

struct BrokerAddress {
  link::DealerOptions dealer;
  Origin origin;
};

inline constexpr std::chrono::seconds kAnswerPatience{10};

class OperatorSession {
 public:
  // Connects and waits until both ends proved their keys.
  [[nodiscard]] static Result<std::unique_ptr<OperatorSession>> open(
      const BrokerAddress& address, const certs::TransportKeyPair& key);
  ~OperatorSession();

  [[nodiscard]] Result<wire::Report> ask(const wire::OperatorQuery& query);

 private:
  OperatorSession(BrokerAddress address, std::unique_ptr<link::Dealer> dealer);
  BrokerAddress address_;
  std::unique_ptr<link::Dealer> dealer_;
};

}  // namespace keruen::monitor
