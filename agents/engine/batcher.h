// Seals what waits and closes batches: one at a time for each lane and kind of leaves, while there
// is room in flight.
// Shape: a batch is all that waits, up to kLeavesPerBatchMax leaves and kBatchCloseBytes (less on a
// thin line): while a round is synced and the window is full, the next batch gathers. Receipts are
// in no hurry: they gather for kReceiptsGather.
// What is under way keeps to the line's window, all lanes together; flash passes it, and one batch
// of receipts of each lane, for they are small and somebody waits for them.
// Threads: the engine thread.   Lifetime: borrows all it is given.
//
// A batch is in the store before it is sent. What waits is read from the store when it is sealed,
// so nothing is lost with this object.
#pragma once

#include <array>

#include "agents/engine/held.h"
#include "agents/engine/keyring.h"
#include "agents/engine/pace.h"
#include "agents/engine/streams.h"

namespace keruen::engine {

class Checkpoints;

// A batch of receipts costs two agents and the broker as much as one of messages.
inline constexpr std::chrono::milliseconds kReceiptsGather{10};

class Batcher {
 public:
  Batcher(Desk& desk, Streams& streams, Keyring& keyring, Checkpoints& checkpoints, Pace& pace)
      : desk_(desk),
        streams_(streams),
        keyring_(keyring),
        checkpoints_(checkpoints),
        pace_(pace),
        sealer_(desk.self(), desk.randomness) {}

  void there_is_work(Lane lane, store::LeafKind leaves, Now now);
  void there_may_be_messages(Now now);
  void there_may_be_work(Now now);
  // Lane by lane, the most urgent first: sends what is closed and unsent, then seals and closes
  // while there is room.
  void pump(Turn& turn);
  // When pump is due next; empty: when something happens.
  [[nodiscard]] std::optional<MonotonicTime> due() const;
  // Why it would seal nothing, were it connected.
  [[nodiscard]] std::optional<Hold> hold(Now now) const;

 private:
  struct Work {
    bool some = false;
    MonotonicTime since;
  };
  // A batch while it is filled.
  struct Draft {
    OutStream* stream = nullptr;
    store::ClosedBatch closed;
    std::vector<wire::Leaf> leaves;
    std::vector<Digest> hashes;
    std::map<AgencyId, store::PairHead> pairs;
    std::vector<store::OutboxNumber> keyless;
    std::size_t bytes = 0;
  };
  [[nodiscard]] Work& work(Lane lane, store::LeafKind leaves);
  [[nodiscard]] std::optional<Hold> hold_of_registry(Now now) const;
  [[nodiscard]] bool clock_fits(Now now) const;
  void send_waiting(OutStream& stream, Turn& turn);
  void fill_lane(Lane lane, store::LeafKind leaves, const certs::SigningKeyPair& key, Turn& turn);
  // False: the line has no room for it, and a look is due later.
  [[nodiscard]] bool may_go(const OutStream& stream, MonotonicTime now);
  [[nodiscard]] bool has_room(const OutStream& stream, MonotonicTime now);
  [[nodiscard]] bool may_close_ahead(const OutStream& stream) const;
  // True: the lane has nothing more just now.
  [[nodiscard]] Result<bool> fill_messages(Draft& draft, const certs::SigningKeyPair& key, Now now);
  [[nodiscard]] Result<bool> fill_receipts(Draft& draft);
  // False: the draft is full, and some of its recipients are left for the next.
  [[nodiscard]] Result<bool> seal_item(Draft& draft, const store::OutboxItem& item,
                                       const certs::SigningKeyPair& key, Now now);
  [[nodiscard]] bool may_be_sealed_for(const store::OutboxItem& item,
                                       const AgencyId& recipient) const;
  // One leaf for at most kRecipientsMax of its recipients; false: for these it cannot be sealed.
  [[nodiscard]] bool seal_leaf(Draft& draft, const store::OutboxItem& item,
                               std::vector<certs::SealRecipient> recipients,
                               std::vector<store::SealedPlace> places,
                               const certs::SigningKeyPair& key, Now now);
  [[nodiscard]] Result<wire::PairPosition> position(Draft& draft, const AgencyId& agency);
  [[nodiscard]] Result<void> close(Draft& draft, const certs::SigningKeyPair& key, Turn& turn);
  [[nodiscard]] bool is_full(const Draft& draft) const;
  void look_again_at(MonotonicTime at) { due_ = std::min(due_.value_or(at), at); }

  Desk& desk_;
  Streams& streams_;
  Keyring& keyring_;
  Checkpoints& checkpoints_;
  Pace& pace_;
  certs::Sealer sealer_;
  std::array<std::array<Work, 2>, kLaneCount> work_;
  std::optional<MonotonicTime> due_;
  MonotonicTime tell_of_streams_at_;  // again, that none can be opened today
};

}  // namespace keruen::engine
