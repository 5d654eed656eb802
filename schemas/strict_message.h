// INTERNAL to .cc files under schemas/: the one way Cap'n Proto bytes of others are opened.
// Shape: stream framing with exactly one segment and nothing behind it.   Threads: pure functions.
//
// Never include this from a header: Cap'n Proto stays inside the codecs. `read` gets a reader over
// the bytes themselves where they are aligned to a word, else over a copy that goes when it
// returns: what it returns must own its data. Nesting is limited to kNestingMax, traversal to
// kTraversalFactor × the message's words, so a small message cannot make a reader walk for ever. A
// kj::Exception, wherever it comes from, becomes malformed; no stack trace is made, since making
// one starts a process. Errors: too_large above `bytes_max`; malformed; and whatever `read`
// returns.
//
//   return read_strict<Batch>(bytes, kBatchBytesMax, [](capnp::MessageReader& message) {
//     return batch_of(message.getRoot<format::Batch>());
//   });
#pragma once

#include <capnp/message.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "schemas/bytes.h"
#include "schemas/error.h"

namespace keruen {

// Calls `read` once with the opened message. The type-erased half of read_strict.
[[nodiscard]] Result<void> open_strict(BytesView bytes, std::size_t bytes_max,
                                       const std::function<void(capnp::MessageReader&)>& read);

template <class Value, class Read>
[[nodiscard]] Result<Value> read_strict(BytesView bytes, std::size_t bytes_max, Read&& read) {
  std::optional<Result<Value>> result;
  KERUEN_CHECK(open_strict(bytes, bytes_max,
                           [&](capnp::MessageReader& message) { result.emplace(read(message)); }));
  return std::move(*result);
}

// The message as one segment, framed. A builder that spilled into a second segment is copied.
[[nodiscard]] Bytes write_flat(capnp::MessageBuilder& message);

}  // namespace keruen
