#include "agents/engine/attachment_parts.h"

namespace keruen::engine {
namespace {

// A file that somebody hands in and that cannot be read is no matter of the store's disk.
template <class Value>
Result<Value> read_of(const Attachment& attachment, Result<Value> read) {
  if (read) return read;
  return fail(ErrorCode::malformed,
              "'" + attachment.name + "' cannot be read: " + read.error().detail);
}

}  // namespace

Result<std::uint64_t> size_of_attachment(host::Disk& disk, const Attachment& attachment) {
  KERUEN_TRY(const auto file, read_of(attachment, disk.open_read(attachment.path)));
  KERUEN_TRY(const std::uint64_t size, read_of(attachment, file->size()));
  if (size > kAttachmentBytesMax) {
    return fail(ErrorCode::too_large, "'" + attachment.name + "' has " + std::to_string(size) +
                                          " bytes; an attachment may have " +
                                          std::to_string(kAttachmentBytesMax));
  }
  return size;
}

Result<content::Attachment> measure_attachment(host::Disk& disk, const Attachment& attachment) {
  KERUEN_TRY(const std::uint64_t size, size_of_attachment(disk, attachment));
  KERUEN_TRY(const auto file, read_of(attachment, disk.open_read(attachment.path)));
  certs::Sha256 hash;
  Bytes buffer(kPartBytesMax);
  std::uint64_t offset = 0;
  while (offset < size) {
    KERUEN_TRY(const std::size_t read, read_of(attachment, file->read(offset, buffer)));
    if (read == 0) break;
    hash.add(BytesView(buffer).first(read));
    offset += read;
  }
  if (offset != size) {
    return fail(ErrorCode::malformed, "'" + attachment.name + "' changed while it was read");
  }
  content::Attachment measured;
  measured.name = attachment.name;
  measured.media_type = attachment.media_type;
  measured.size = size;
  measured.sha256 = hash.finish();
  measured.parts = content::part_count_of(size);
  return measured;
}

Result<Bytes> AttachmentParts::read_piece() {
  const auto& attachment = manifest_[attachment_];
  const auto& handed_in = attachments_[attachment_];
  if (part_ == 0) {
    KERUEN_TRY(file_, read_of(handed_in, disk_.open_read(handed_in.path)));
    hash_ = certs::Sha256();
  }
  content::Part part;
  part.whole = attachment.sha256;
  part.number = part_;
  part.bytes.resize(content::part_size_of(attachment.size, part_));
  KERUEN_TRY(const std::size_t read,
             read_of(handed_in, file_->read(std::uint64_t{part_} * kPartBytesMax, part.bytes)));
  hash_.add(part.bytes);
  const bool last = part_ + 1 == attachment.parts;
  if (read != part.bytes.size() || (last && hash_.finish() != attachment.sha256)) {
    return fail(ErrorCode::malformed, "'" + attachment.name + "' changed while it was read");
  }
  content::Content content;
  content.body = std::move(part);
  return content::encode(content);
}

Result<std::optional<store::NewMessage>> AttachmentParts::next() {
  using Next = std::optional<store::NewMessage>;
  while (attachment_ < manifest_.size() && part_ >= manifest_[attachment_].parts) {
    ++attachment_;
    part_ = 0;
  }
  if (attachment_ == manifest_.size()) return Next();
  store::NewMessage message;
  KERUEN_TRY(message.content, read_piece());
  message.id = ids_.draw(created_at_);
  message.kind = MessageKind::part;
  message.lane = Lane::bulk;
  message.created_at = created_at_;
  message.expires_at = expires_at_;
  message.recipients = recipients_;
  message.listing = store::Listing::hidden;
  message.parent = parent_;
  message.part = store::PartName{manifest_[attachment_].sha256, part_++};
  return Next(std::move(message));
}

}  // namespace keruen::engine
