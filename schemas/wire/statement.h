// What an agent signs for a whole batch.
// Shape: one single-segment Cap'n Proto message; its exact bytes are signed and hashed.
// Units: times in milliseconds since 1970.   Threads: values.
// Source: wire.capnp, struct Statement.
#pragma once

#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::wire {

// The newest signed checkpoint the sender has seen; all zeros before the first.
struct CheckpointSeen {
  TreeSize size;
  Digest root;
  KeyId log_key;
  Signature log_signature;

  bool operator==(const CheckpointSeen&) const = default;
};

// How much of the directory the sender has seen, and its head there.
struct DirectoryPosition {
  DirectoryCount count;
  Digest head;  // zeros at count 0

  bool operator==(const DirectoryPosition&) const = default;
};

struct Statement {
  Origin origin;
  AgencyId sender;
  KeyId signing_key;
  StreamId stream;
  Lane lane = Lane::routine;
  BatchSequence sequence;        // from 1
  Digest previous_batch;         // zeros first
  std::uint32_t leaf_count = 0;  // 1..kLeavesPerBatchMax
  Digest root;                   // RFC 9162 over the leaves
  WallTime created_at;
  CheckpointSeen checkpoint_seen;
  DirectoryPosition directory;
  Salt salt;  // keeps a public log opaque

  bool operator==(const Statement&) const = default;
};

[[nodiscard]] Bytes encode_statement(const Statement& statement);
// malformed, too_large.
[[nodiscard]] Result<Statement> decode_statement(BytesView bytes);

}  // namespace keruen::wire
