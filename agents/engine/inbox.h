// Takes slices: checks each, in order, stores what stands, answers with credit.
// Shape: slices wait per lane while directory records they need are fetched; the queue is bounded
// by the credit this agent granted, and the frames it keeps in memory by twice that. Threads: the
// engine thread.   Lifetime: borrows all it is given.
//
// Everything's place in the log is proved afterwards. Where the sender is suspended or its key
// revoked by now it is proved before: the slice stands aside as missing until then.
//
// What the broker or the way can cause (steps a to c) is a transport fault: asked for again, never
// receipted, never blocking the lane. Only what the sender alone can cause (opening, content) is
// answered with a signed "undeliverable".
#pragma once

#include <array>
#include <deque>
#include <set>
#include <utility>

#include "agents/engine/checkpoints.h"
#include "agents/engine/directory_sync.h"
#include "agents/engine/keyring.h"
#include "agents/engine/missing.h"
#include "agents/engine/pairs.h"
#include "agents/engine/peers.h"
#include "agents/engine/receipts.h"
#include "agents/engine/urgent_first.h"
#include "certs/batch.h"

namespace keruen::engine {

// After a full disk the same slices are tried again.
inline constexpr std::chrono::seconds kRetryFullDisk{1};

class Inbox {
 public:
  Inbox(Desk& desk, Keyring& keyring, DirectorySync& sync, Checkpoints& checkpoints, Peers& peers)
      : desk_(desk),
        keyring_(keyring),
        sync_(sync),
        checkpoints_(checkpoints),
        peers_(peers),
        pairs_(desk),
        missing_(desk, checkpoints) {}
  [[nodiscard]] Result<void> load();

  // A new connection: nothing waits, credit begins anew.
  void connected();
  [[nodiscard]] const wire::Cursors& cursors() const { return cursors_; }
  // The broker says that it has no entries of these numbers: what was stored of them stays, and
  // what stands there now is taken from the next hello on. False: nothing was known of them.
  [[nodiscard]] bool forget_beyond(TreeSize size, Turn& turn);
  // What waits for the proof of this entry: it was false.
  void give_up(LogIndex refuted, Turn& turn) { missing_.give_up(refuted, turn); }
  // It waits for the next drain().
  void deliver(wire::DeliverSlice slice, Turn& turn);
  // The directory grew: what waits may be taken.
  void try_again() { wanted_ = true; }
  // Takes what waits, most urgent first, as far as the directory allows and a round should carry;
  // the rest is due at once. Does nothing when nothing came since.
  void drain(Turn& turn);
  void tick(Turn& turn);
  [[nodiscard]] std::optional<MonotonicTime> due() const;
  // Nothing waits here and nothing came for a while.
  [[nodiscard]] bool is_caught_up(Now now) const;
  // True once after receipts were made or words arrived that ask for sealing again.
  [[nodiscard]] bool take_work();
  // True once after messages were stored.
  [[nodiscard]] bool take_arrived() { return std::exchange(arrived_, false); }

 private:
  enum class Step : std::uint8_t { done, wait };
  // One verified slice on its way into the store.
  struct Draft {
    store::Arrival arrival;
    Pairs::Changes pairs;
    std::uint32_t first_leaf = 0;
    std::uint32_t last_leaf = 0;
    ReceiptGatherer receipts;
    std::set<MessageId> fresh;  // ids this slice brings for the first time
    std::vector<std::pair<std::uint32_t, Error>> faults;  // leaves that fail step c
  };
  [[nodiscard]] Step take(const wire::DeliverSlice& slice, Turn& turn);
  [[nodiscard]] Step take_decoded(const wire::DeliverSlice& slice,
                                  const wire::UnverifiedBatch& unverified, Turn& turn);
  // That the key was in force where the broker says it stands is enough; or it may not be, for what
  // the directory lacks; or it is not.
  enum class Trust : std::uint8_t { enough = 1, unknown, needs_proof };
  [[nodiscard]] Trust trust_in_place(const wire::Statement& statement) const;
  // Of those before it.
  [[nodiscard]] bool lacks_registry(LogIndex at) const;
  // `own_head`: of our directory, at the count the statement names.
  [[nodiscard]] Step take_verified(const wire::DeliverSlice& slice,
                                   const certs::VerifiedBatch& batch, const Digest& own_head,
                                   Turn& turn);
  [[nodiscard]] Result<void> take_message(const wire::DeliverSlice& slice,
                                          const certs::VerifiedBatch& batch,
                                          const certs::VerifiedLeaf& leaf, Now now, Draft& draft);
  [[nodiscard]] Result<void> take_receipt(const wire::DeliverSlice& slice,
                                          const certs::VerifiedBatch& batch,
                                          const certs::VerifiedLeaf& leaf, Draft& draft);
  [[nodiscard]] Result<void> see_pair(const wire::DeliverSlice& slice,
                                      const certs::VerifiedBatch& batch,
                                      const certs::VerifiedLeaf& leaf,
                                      const wire::PairPosition& position, Draft& draft);
  [[nodiscard]] Result<void> take_stub(const wire::Stub& stub, const certs::VerifiedLeaf& leaf,
                                       const certs::Registry& registry, Draft& draft);
  void note_fault(const wire::DeliverSlice& slice, std::uint32_t first, std::uint32_t last,
                  const Error& error, store::Arrival& arrival);
  [[nodiscard]] Step transport_fault(const wire::DeliverSlice& slice, std::uint32_t first,
                                     std::uint32_t last, const Error& error, Turn& turn);
  [[nodiscard]] Step store(Draft& draft, const wire::DeliverSlice& slice, Turn& turn);
  // How many bytes.
  std::uint64_t drain_lanes(Lane first, Lane last, std::uint64_t bytes_max, Turn& turn);
  std::uint64_t drain_lane(std::deque<wire::DeliverSlice>& lane, std::uint64_t bytes_max,
                           Turn& turn);
  void acknowledge_when_due(Turn& turn);

  Desk& desk_;
  Keyring& keyring_;
  DirectorySync& sync_;
  Checkpoints& checkpoints_;
  Peers& peers_;
  Pairs pairs_;
  MissingLeaves missing_;
  std::array<std::deque<wire::DeliverSlice>, kLaneCount> waiting_;
  wire::Cursors cursors_;
  std::uint64_t taken_bytes_ = 0;
  std::uint64_t acknowledged_bytes_ = 0;
  std::uint64_t received_bytes_ = 0;
  std::uint64_t held_bytes_ = 0;  // whole frames, of what waits
  bool overrun_ = false;          // the credit of this connection
  std::optional<MonotonicTime> acknowledge_at_;
  std::optional<MonotonicTime> retry_at_;
  std::optional<MonotonicTime> resume_at_;  // in the next round
  bool wanted_ = false;                     // a drain
  UrgentFirst urgent_first_;
  MonotonicTime last_slice_at_;
  bool work_ = false;
  bool arrived_ = false;
};

}  // namespace keruen::engine
