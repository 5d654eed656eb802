// Serves each connected recipient what it is owed, most urgent lane first, under its credit.
// Shape: what happened, in; pieces to send and catch-up requests, out.   Units: bytes.
// Threads: the core's.
//
// Order within a lane is log order and never changes; lanes overtake. Memory is bounded whoever
// reads or does not: the tail by kTailBytesMax, everything the reader fetched or that is under way
// by kOutgoingPoolBytesMax, of which one recipient gets at most half of what is left, and for each
// beside it a piece and what one request fetches, so that those who do not store what they get
// cannot hold up the rest. On a thin line little is under way (schemas/wire/window.h): what is most
// urgent passes it.
#pragma once

#include <map>
#include <set>

#include "broker/dispatch/recipient.h"
#include "broker/dispatch/tail.h"

namespace keruen::dispatch {

struct DispatchOptions {
  std::size_t tail_bytes_max = kTailBytesMax;
  std::size_t pool_bytes_max = kOutgoingPoolBytesMax;
};

struct Served {
  struct Handed {
    AgencyId to;
    broker::Piece piece;
  };
  std::vector<Handed> handed;                    // in the order to send
  std::vector<broker::CatchUpRequest> requests;  // for the reader
};

class Dispatch {
 public:
  explicit Dispatch(TreeSize log_size, DispatchOptions options = {});

  // A new connection takes the place of an older one. `cursors`: what is stored there.
  void connect(const AgencyId& recipient, const wire::Cursors& cursors, std::uint64_t credit_total);
  void disconnect(const AgencyId& recipient);
  // A suspended recipient stays connected and is handed nothing.
  void set_serving(const AgencyId& recipient, Recipient::Serving serving);
  void acknowledge(const AgencyId& recipient, std::uint64_t credit_total, MonotonicTime now);
  // malformed: `to` before `from`. overloaded: too many ranges wait already.
  [[nodiscard]] Result<void> ask_again(const AgencyId& recipient, const wire::AskAgain& asked);

  // A batch the log just took.
  void add(std::shared_ptr<const broker::LoggedBatch> logged);
  // Answers to requests nobody waits for any more are dropped.
  void take(broker::CatchUpAnswer answer);

  // Now and then: with time a line has room for more.
  void tick();

  // What may go out at `now`. `expiring_at`: as in CutOptions::now.
  [[nodiscard]] Served serve(WallTime expiring_at, MonotonicTime now);

  [[nodiscard]] std::uint64_t pool_bytes() const { return pool_bytes_; }
  [[nodiscard]] std::size_t tail_bytes() const { return tail_.bytes(); }

 private:
  enum class Turn : std::uint8_t { handed, nothing };
  struct Moment {
    WallTime expiring_at;
    MonotonicTime now;
  };
  [[nodiscard]] Turn hand_one(const AgencyId& id, Recipient& recipient, const Moment& moment,
                              Served& served);
  [[nodiscard]] std::optional<broker::Piece> next_piece(const AgencyId& id, Recipient& recipient,
                                                        const Moment& moment);
  void request_more(const AgencyId& id, Recipient& recipient, WallTime expiring_at, Served& served);
  // Whether the pool has room for more for one who has so much of it, or of one sort of it.
  [[nodiscard]] bool has_room(std::uint64_t bytes_of_one) const;
  void take_asked(Recipient& recipient, broker::CatchUpAnswer& answer);
  void take_flow(Recipient& recipient, broker::CatchUpAnswer& answer);

  const DispatchOptions options_;
  Tail tail_;
  std::map<AgencyId, Recipient> recipients_;
  // Whom the reader is looking for: at most one request of each is with it, however often they
  // connect anew.
  std::set<AgencyId> being_read_;
  std::set<AgencyId> ready_;      // something may go out to them
  std::uint64_t pool_bytes_ = 0;  // of all recipients
  void settle(const Recipient& recipient, std::uint64_t pool_bytes_before);
};

}  // namespace keruen::dispatch
