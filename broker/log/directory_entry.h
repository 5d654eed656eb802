// What a directory entry of the log holds: a registry snapshot or a key record, and its line.
// Shape: u8 DirectoryType, then wire::encode_snapshot or wire::encode_signed_record bytes.
// Threads: values.
//
// Nothing is verified here: what the log holds was, before it was written (certs/directory.h).
#pragma once

#include <variant>

#include "broker/log/record.h"

namespace keruen::log {

using DirectoryEntry = std::variant<wire::SignedRecord, wire::UnverifiedSnapshot>;

[[nodiscard]] Bytes encode_directory_entry(const DirectoryEntry& entry);
// corrupt: the type is unknown, does not fit what follows, or nothing can be decoded.
[[nodiscard]] Result<DirectoryEntry> decode_directory_entry(BytesView bytes);

// SHA-256 of the signed bytes: of the snapshot's head, of the record's body.
[[nodiscard]] Digest signed_hash_of(const DirectoryEntry& entry);
// malformed: the record's body does not decode.
[[nodiscard]] Result<wire::DirectoryLine> line_of(const DirectoryEntry& entry, LogIndex index,
                                                  WallTime accepted_at);

}  // namespace keruen::log
