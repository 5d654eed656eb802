// INTERNAL to .cc files of agents/store: opens the content of a message where it is kept.
// Threads: those of the connection.   Lifetime: borrows connection and rows for the call.
//
// A message's one copy is the sealed batch or slice it travelled in; before it is sealed, a row
// under the store key.
#pragma once

#include "agents/store/connection.h"
#include "agents/store/sealed_row.h"
#include "schemas/wire/receipt.h"

namespace keruen::store {

struct ContentPlace {
  std::uint64_t blob = 0;
  std::uint32_t leaf = 0;
};

// not_found, corrupt: what the blob holds is not what was stored.
[[nodiscard]] Result<Bytes> open_content(Connection& connection, const SealedRows& rows,
                                         ContentPlace place);
// From the outbox, by its number and sealed bytes.
[[nodiscard]] Result<Bytes> open_outbox(const SealedRows& rows, std::uint64_t message,
                                        BytesView sealed);
[[nodiscard]] Bytes seal_outbox(const SealedRows& rows, std::uint64_t message, BytesView content);

// Ranges of leaves as a row keeps them: u32 first ‖ u32 last each.
[[nodiscard]] Bytes pack_ranges(const std::vector<wire::LeafRange>& ranges);
[[nodiscard]] std::vector<wire::LeafRange> unpack_ranges(BytesView packed);

}  // namespace keruen::store
