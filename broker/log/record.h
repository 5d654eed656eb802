// One entry of the message log, as it is handed in and read back.
// Shape: record_format.h holds its form on the disk.   Threads: values.
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
  // Whole: of a batch wire::encode_batch bytes as received; of a directory entry u8 DirectoryType,
  // then the encoded signed record or snapshot. Proof: what retention left of a batch of messages
  // (proof.h).
  SharedBytes bytes;
  enum class Form : std::uint8_t { whole = 0, proof = 1 } form = Form::whole;

  bool operator==(const Record&) const = default;
};

}  // namespace keruen::log
