// INTERNAL to agents/engine: one message leaf that verified, judged for its recipient: rules,
// opening, content.
// Threads: the engine thread.
#pragma once

#include <variant>

#include "agents/engine/desk.h"
#include "certs/batch.h"
#include "certs/seal.h"

namespace keruen::engine {

// The way's fault (step c): ask again.
struct TransportFault {
  Error error;
};
// The sender's fault (step d): answered with this code.
struct Undeliverable {
  ErrorCode code = ErrorCode::malformed;
  std::string detail;
};
struct OpenedLeaf {
  store::ArrivedMessage message;
  certs::ContentKey key;
};
using LeafJudgement = std::variant<OpenedLeaf, Undeliverable, TransportFault>;

struct LeafQuestion {
  const AgencyId& self;
  const certs::Registry& registry;  // in force before the entry
  const certs::VerifiedLeaf& leaf;
  Now now;
};

// Step c: own id and wrap at the same place, and where it is not a stub rules and body.
struct OwnPlace {
  std::size_t place = 0;
  const wire::Wrap* wrap = nullptr;
};
[[nodiscard]] Result<OwnPlace> find_own_place(const AgencyId& self,
                                              const certs::VerifiedLeaf& leaf);
[[nodiscard]] LeafJudgement judge_leaf(const LeafQuestion& question, const OwnPlace& own,
                                       certs::Opener& opener);

}  // namespace keruen::engine
