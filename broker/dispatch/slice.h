// Pieces of one logged batch for one recipient, as they are sent: cut between leaves, with stubs
// where a body is not handed out.
// Shape: wire::DeliverSlice, ascending leaves; a piece is at most `bytes_max`, and never less than
// one leaf.   Units: bytes of the encoded slice.
// Threads: pure functions; the core and the reader use them alike.
//
// A leaf concerns a recipient when its message names it or its receipt is to it. A batch wholly for
// one recipient is sent as it was stored, without being encoded again, unless a body is left out.
#pragma once

#include <optional>
#include <vector>

#include "broker/stations.h"

namespace keruen::dispatch {

// Behind every leaf of an entry.
[[nodiscard]] wire::Cursor end_of(LogIndex index);
// Who is owed anything of this batch: distinct, ascending. As in the index, nobody the exchange did
// not know: names a sender makes up must not take memory.
[[nodiscard]] std::vector<AgencyId> recipients_of(const broker::LoggedBatch& entry);
[[nodiscard]] bool concerns(const certs::VerifiedLeaf& leaf, const AgencyId& recipient);

struct CutOptions {
  std::optional<std::uint32_t> after;  // leaves above this number only; empty: all
  std::optional<std::uint32_t> until;  // and up to this one, included
  // What has expired by then becomes a stub; zero: nothing does (the clock is in doubt).
  WallTime now;
  std::size_t bytes_max = kSliceBytesMax;
};

// The first piece that `options` leaves over; empty: nothing (more) for this recipient.
[[nodiscard]] std::optional<broker::Piece> first_piece(const broker::LoggedBatch& entry,
                                                       const AgencyId& recipient,
                                                       const CutOptions& options);
// All of them, one after the other, until together they pass `total_bytes_max`; at least one where
// there is any. `more`: continue after the last piece's last leaf.
struct Pieces {
  std::vector<broker::Piece> pieces;
  enum class End : std::uint8_t { complete, more } end = End::complete;
};
[[nodiscard]] Pieces all_pieces(const broker::LoggedBatch& entry, const AgencyId& recipient,
                                CutOptions options, std::size_t total_bytes_max);

}  // namespace keruen::dispatch
