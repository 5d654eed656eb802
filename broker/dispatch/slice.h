// Pieces of one logged batch for one recipient, as they are sent: cut between leaves, with stubs
// where a body is not handed out.
// Shape: wire::DeliverSlice, ascending leaves; a piece is at most `bytes_max`, and never less than
// one leaf.   Units: bytes of the encoded slice.
// Threads: pure functions; the core and the reader use them alike.
//
// A recipient is owed a leaf when its message names it or its receipt is to it. A batch wholly for
// one recipient is sent as it was stored, without being encoded again, unless a body is left out.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "broker/stations.h"

namespace keruen::dispatch {

// Behind every leaf of an entry.
[[nodiscard]] wire::Cursor end_of(LogIndex index);

// A logged batch, and who is owed which of its leaves: found once, however many they are. As in the
// index, nobody the exchange did not know: names a sender makes up must not take memory.
class OwedBatch {
 public:
  struct Portion {
    AgencyId recipient;
    std::vector<std::uint32_t> leaves;  // where in the batch's `leaves`, ascending
  };

  explicit OwedBatch(std::shared_ptr<const broker::LoggedBatch> logged);
  [[nodiscard]] const broker::LoggedBatch& logged() const { return *logged_; }
  [[nodiscard]] const std::vector<Portion>& portions() const { return portions_; }  // by recipient
  [[nodiscard]] std::span<const std::uint32_t> leaves_of(const AgencyId& recipient) const;

 private:
  std::shared_ptr<const broker::LoggedBatch> logged_;
  std::vector<Portion> portions_;
};

struct CutOptions {
  std::optional<std::uint32_t> after;  // leaves above this number only; empty: all
  std::optional<std::uint32_t> until;  // and up to this one, included
  // What has expired by then becomes a stub; zero: nothing does (the clock is in doubt).
  WallTime now;
  std::size_t bytes_max = kSliceBytesMax;
};

// The first piece that `options` leaves over; empty: nothing (more) for this recipient.
[[nodiscard]] std::optional<broker::Piece> first_piece(const OwedBatch& batch,
                                                       const AgencyId& recipient,
                                                       const CutOptions& options);
// All of them, one after the other, until together they pass `total_bytes_max`; at least one where
// there is any. `more`: continue after the last piece's last leaf.
struct Pieces {
  std::vector<broker::Piece> pieces;
  enum class End : std::uint8_t { complete, more } end = End::complete;
};
[[nodiscard]] Pieces all_pieces(const OwedBatch& batch, const AgencyId& recipient,
                                CutOptions options, std::size_t total_bytes_max);

}  // namespace keruen::dispatch
