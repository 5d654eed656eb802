// INTERNAL to agents/engine: the attachments of one submission as messages of kind part, read from
// disk one piece at a time.
// Shape: next() gives part after part; empty at the end.
// Threads: the engine thread.   Lifetime: borrows the disk and the ids.
//
// A file that changed since it was measured is refused, and with it the whole submission.
#pragma once

#include "agents/engine/desk.h"
#include "certs/hash.h"

namespace keruen::engine {

// Of a file that may be attached. too_large, not_found.
[[nodiscard]] Result<std::uint64_t> size_of_attachment(host::Disk& disk,
                                                       const Attachment& attachment);
// Size and digest of a file, read once from end to end. too_large, not_found, malformed (its name).
[[nodiscard]] Result<content::Attachment> measure_attachment(host::Disk& disk,
                                                             const Attachment& attachment);

class AttachmentParts {
 public:
  // For the recipients of `parent`, for as long as that.
  AttachmentParts(host::Disk& disk, certs::MessageIds& ids, std::vector<Attachment> attachments,
                  content::PartsManifest manifest, MessageId parent,
                  std::vector<AgencyId> recipients, WallTime created_at, WallTime expires_at)
      : disk_(disk),
        ids_(ids),
        attachments_(std::move(attachments)),
        manifest_(std::move(manifest)),
        parent_(parent),
        recipients_(std::move(recipients)),
        created_at_(created_at),
        expires_at_(expires_at) {}

  [[nodiscard]] Result<std::optional<store::NewMessage>> next();

 private:
  // Encoded content of the part at hand.
  [[nodiscard]] Result<Bytes> read_piece();

  host::Disk& disk_;
  certs::MessageIds& ids_;
  std::vector<Attachment> attachments_;
  content::PartsManifest manifest_;
  MessageId parent_;
  std::vector<AgencyId> recipients_;
  WallTime created_at_;
  WallTime expires_at_;
  std::size_t attachment_ = 0;
  std::uint32_t part_ = 0;
  std::unique_ptr<host::File> file_;
  certs::Sha256 hash_;
};

}  // namespace keruen::engine
