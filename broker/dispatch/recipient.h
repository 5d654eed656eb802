// One connected recipient: what of each lane was handed to it, what is fetched for it, what it
// asked for again.
// Shape: four lanes, most urgent first; at most one catch-up request in flight.
// Units: cursors as in wire/frame.h.   Threads: the core's.
//
// A lane is live when everything it still owes lies in the tail; until then the reader brings the
// older part, and the tail waits behind it.
#pragma once

#include <array>
#include <deque>
#include <optional>

#include "broker/dispatch/credit.h"
#include "broker/stations.h"
#include "schemas/wire/window.h"

namespace keruen::dispatch {

inline constexpr std::size_t kAskedRangesMax = 16;  // waiting, per recipient

struct LaneState {
  std::optional<wire::Cursor> handed;  // sent on this connection, or stored before it
  std::deque<broker::Piece> fetched;   // by the reader, behind `handed`
  enum class Source : std::uint8_t { reader, tail } source = Source::reader;

  // Behind which the next request or the tail goes on.
  [[nodiscard]] std::optional<wire::Cursor> planned() const {
    if (fetched.empty()) return handed;
    return wire::Cursor{fetched.back().slice.index, fetched.back().last_leaf};
  }
};

struct AskedRange {
  Lane lane = Lane::routine;
  std::optional<wire::Cursor> after;
  wire::Cursor until;
  std::optional<wire::StreamName> stream;
};

struct Recipient {
  std::array<LaneState, kLaneCount> lanes;
  Credit credit;
  wire::Window window;
  std::optional<broker::CatchUpRequest> in_flight;
  std::deque<AskedRange> asked;
  std::deque<broker::Piece> asked_pieces;
  std::uint64_t fetched_bytes = 0;  // of `asked_pieces` and of what every lane fetched
  enum class Serving : std::uint8_t { off, on } serving = Serving::on;

  void keep(std::deque<broker::Piece>& fetched, broker::Piece piece) {
    fetched_bytes += piece.slice.slice.size();
    fetched.push_back(std::move(piece));
  }
  [[nodiscard]] broker::Piece release(std::deque<broker::Piece>& fetched) {
    broker::Piece piece = std::move(fetched.front());
    fetched.pop_front();
    fetched_bytes -= piece.slice.slice.size();
    return piece;
  }
  // Of the pool: fetched for it, or sent and not stored there.
  [[nodiscard]] std::uint64_t pool_bytes() const { return fetched_bytes + credit.outstanding(); }

  [[nodiscard]] LaneState& lane(Lane which) { return lanes[static_cast<std::size_t>(which)]; }
};

}  // namespace keruen::dispatch
