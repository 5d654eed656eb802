// INTERNAL to .cc files of agents/store: a closed batch, what it holds for whom, and what became of
// each.
// Shape: the places are one blob of the batch's row, in the order of the leaves.
// Threads: those of the connection.
//
// What happens to a batch as a whole (closed, accepted) stands once in its row, and ranges of
// leaves that were delivered once in `delivery`; a place tells only what happened to it alone. So a
// batch of a thousand messages is accepted and receipted by a handful of rows.
#pragma once

#include <map>

#include "agents/store/connection.h"
#include "agents/store/records.h"

namespace keruen::store {

struct BatchPlace {
  enum class Status : std::uint8_t {
    under_way = 0,
    gone = 1,     // sealed anew: it is in another batch, or in the outbox
    settled = 2,  // refused, undeliverable, or recalled before it could be sealed anew
    expired = 3,  // without a receipt; one that comes later still counts
  };
  MessageId id;
  MessageKind kind = MessageKind::notice;
  Listing listing = Listing::listed;
  Status status = Status::under_way;
  std::int64_t message = 0;  // row of message_out
  std::uint32_t place = 0;   // in the message's list of recipients
  std::uint32_t leaf = 0;
  std::uint32_t seat = 0;  // in the header of the sealing
  std::int64_t agency = 0;
  WallTime expires_at;
};

struct SentBatch {
  BlobNumber blob;
  bool is_accepted = false;
  LogIndex index;  // of the last time it was accepted; 0: never was
  std::vector<BatchPlace> places;
  std::map<std::int64_t, std::vector<wire::LeafRange>> delivered;  // by agency

  [[nodiscard]] bool is_delivered(const BatchPlace& place) const;
  // Under way, and its recipient has not said a word.
  [[nodiscard]] bool is_open(const BatchPlace& place) const {
    return place.status == BatchPlace::Status::under_way && !is_delivered(place);
  }
  [[nodiscard]] bool awaits(std::int64_t agency) const;
};

[[nodiscard]] Bytes pack_places(const std::vector<BatchPlace>& places);
// The earliest expiry of what is under way; empty: nothing is.
[[nodiscard]] std::optional<WallTime> next_expiry(const std::vector<BatchPlace>& places);
// Empty: no such batch, or one of receipts.
[[nodiscard]] std::optional<SentBatch> load_batch(Connection& connection, BlobNumber blob);
[[nodiscard]] std::optional<SentBatch> load_batch(Connection& connection, const Digest& hash);
void save_places(Connection& connection, const SentBatch& batch);

// Each recipient with something open is awaited from the batch's index on. `before`: the index
// under which they were awaited until now.
void begin_awaiting(Connection& connection, const SentBatch& batch);
void move_awaited(Connection& connection, const SentBatch& batch, LogIndex before);
// Who has said a last word on all of it is awaited no more: this one, or whoever it is.
void end_awaiting(Connection& connection, const SentBatch& batch, std::int64_t agency);
void end_awaiting(Connection& connection, const SentBatch& batch);

}  // namespace keruen::store
