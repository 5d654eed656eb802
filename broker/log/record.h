// One entry of the message log, as it lies on the disk.
// Shape: record.cc holds the layout as constants. A record starts at a multiple of
// kRecordAlignmentBytes: length, XXH3-64, offset where its group's write began (everything before
// it in the log is synced), kind, acceptedAt, refusals, exact bytes. Threads: values.
#pragma once

#include <vector>

#include "certs/batch.h"
#include "schemas/shared_bytes.h"
#include "schemas/wire/frame.h"

namespace keruen::log {

struct Record {
  certs::LogEntryKind kind = certs::LogEntryKind::batch;
  WallTime accepted_at;
  // batchHash of a batch, the directory's head after the line of a directory entry.
  Digest hash;
  std::vector<wire::Refusal> refusals;  // of a batch: decided once, the same for ever
  // Batch: wire::encode_batch bytes as received. Directory: u8 DirectoryType, then the encoded
  // signed record or snapshot.
  SharedBytes bytes;

  bool operator==(const Record&) const = default;
};

}  // namespace keruen::log
