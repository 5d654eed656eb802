// INTERNAL to .cc files of agents/store: opens the content of a message where it is kept.
// Threads: those of the connection.   Lifetime: borrows connection, contents and rows for the call.
//
// A message's one copy is the sealed batch or slice it travelled in; before it is sealed, a row
// under the store key.
#pragma once

#include "agents/store/content_file.h"
#include "agents/store/outbox_key.h"
#include "agents/store/sealed_row.h"

namespace keruen::store {

// How long the files of the contents are, as it stands in the store; corrupt.
[[nodiscard]] Result<SegmentLengths> lengths_of_contents(Connection& connection);
void save_lengths_of_contents(Connection& connection, const SegmentLengths& lengths);
// Where what is in use begins and ends; empty: nothing is.
enum class End : std::uint8_t { oldest, newest };
[[nodiscard]] std::optional<ContentPlace> content_at(Connection& connection, End end);

struct LeafPlace {
  std::uint64_t blob = 0;
  std::uint32_t leaf = 0;
};

// A batch or slice as it was sent or came. not_found: it was removed; corrupt.
[[nodiscard]] Result<SharedBytes> read_blob(Connection& connection, ContentFile& contents,
                                            std::uint64_t number);
// not_found, corrupt: what the blob holds is not what was stored.
[[nodiscard]] Result<Bytes> open_content(Connection& connection, ContentFile& contents,
                                         const SealedRows& rows, LeafPlace place);
// From the outbox, by its number and sealed bytes.
[[nodiscard]] Result<Bytes> open_outbox(const SealedRows& rows, std::uint64_t message,
                                        BytesView sealed);
[[nodiscard]] Bytes seal_outbox(const SealedRows& rows, std::uint64_t message, BytesView content);

// A message's row in the outbox, however ready it is.
[[nodiscard]] std::optional<OutboxNumber> find_in_outbox(Connection& connection,
                                                         std::int64_t message, Lane lane);
// The sealed copy of a sent message, one of them when it was sealed for several recipients in turn;
// empty: it was never sealed, or is to be sealed anew for everybody.
[[nodiscard]] std::optional<LeafPlace> sealed_place_of(Connection& connection,
                                                       std::int64_t message);

}  // namespace keruen::store
