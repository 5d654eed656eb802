// One log entry as rows: who is owed what of it, and what repeats and key look-ups will ask.
// Shape: plain values; index.h writes them.   Threads: pure functions.
//
// Deterministic: an index built entry by entry and one rebuilt from the log hold the same rows. Of
// what retention cut down to proofs a rebuilt one holds what is still owed, as stubs.
#pragma once

#include <variant>
#include <vector>

#include "broker/log/record.h"

namespace keruen::index {

// What one recipient is owed of a batch.
struct DeliveryRow {
  AgencyId recipient;
  // Leaves it is served whole. What was refused for it stands beside them as a stub and counts for
  // nothing; a row without leaves is a row of stubs.
  std::vector<std::uint32_t> leaves;
  std::uint64_t bytes = 0;  // about what the slice will take
  std::uint8_t kinds = 0;   // bit 1 << MessageKind, or kReceiptsOfAgents: a batch is of one sort
  WallTime expires_first;   // the first and last of its messages to expire; receipts never do
  WallTime expires_last;
  bool operator==(const DeliveryRow&) const = default;
};
inline constexpr std::uint8_t kReceiptsOfAgents = 1;
inline constexpr WallTime kNeverExpires = wall_time_of(kWallMillisecondsMax);

// What the batch's sender has receipted of another batch, delivered and undeliverable alike.
struct ReceiptRow {
  std::uint32_t leaf = 0;  // which leaf of this batch says so
  Digest batch;
  // As the receipt has them: a few bytes there may name every leaf of a batch.
  std::vector<wire::LeafRange> leaves;
  bool operator==(const ReceiptRow&) const = default;
};

struct BatchRows {
  LogIndex index;
  WallTime accepted_at;
  AgencyId sender;
  wire::StreamHead head;  // of its stream after it
  Lane lane = Lane::routine;
  std::vector<wire::Refusal> refusals;
  // The times in its message ids (UUIDv7); equal and zero for receipts.
  WallTime messages_from;
  WallTime messages_until;
  // At least from the one to the other: a power of two, so that a search can begin with the
  // narrowest batches. In milliseconds; zero for receipts.
  std::uint64_t messages_span = 0;
  std::uint64_t bytes = 0;              // in the log
  std::uint64_t bytes_for_good = 0;     // of them, a batch of receipts
  std::vector<DeliveryRow> deliveries;  // ascending by recipient
  std::vector<ReceiptRow> receipts;
  bool operator==(const BatchRows&) const = default;
};

struct SigningKeyRow {
  AgencyId agency;
  SigningPublicKey key;
  bool operator==(const SigningKeyRow&) const = default;
};
struct DirectoryRows {
  wire::DirectoryLine line;
  SharedBytes entry;                        // as the log holds it (log/directory_entry.h)
  Digest digest;                            // digest_of() it
  std::vector<SigningKeyRow> signing_keys;  // first logged by this entry, perhaps again
  bool operator==(const DirectoryRows&) const = default;
};
using EntryRows = std::variant<BatchRows, DirectoryRows>;

// Ties an entry of the directory, every byte, to its leaf of the log's tree.
[[nodiscard]] Digest digest_of(const Digest& leaf, BytesView entry);
// `record` holds the batch.
[[nodiscard]] BatchRows rows_of_batch(LogIndex index, const log::Record& record,
                                      const certs::VerifiedBatch& batch);
// From the log's own bytes. corrupt: they do not decode.
[[nodiscard]] Result<EntryRows> rows_of(LogIndex index, const log::Record& record);

// The time a UUIDv7 begins with.
[[nodiscard]] WallTime time_of(const MessageId& message);

}  // namespace keruen::index
