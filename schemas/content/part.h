// Attachments: the manifest that stands in a message, and the parts the bytes travel as.
// Shape: every part but the last carries exactly kPartBytesMax bytes; parts count from 0.
// Units: bytes.   Threads: values.
//
// The manifest is sealed and signed with its message, so a part is believed only when the bytes of
// all parts together have the size and SHA-256 the manifest names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schemas/bytes.h"
#include "schemas/limits.h"

namespace keruen::content {

struct Attachment {
  // As the sender named it: one path component, no '/', '\', NUL or control character; not "." or
  // "..". Unique in its message. Still to be escaped before it becomes a file name.
  std::string name;
  std::string media_type;  // "image/jpeg"; a claim of the sender
  std::uint64_t size = 0;  // at most kAttachmentBytesMax
  Digest sha256;
  std::uint32_t parts = 0;  // part_count_of(size)

  bool operator==(const Attachment&) const = default;
};

using PartsManifest = std::vector<Attachment>;  // at most kAttachmentsMax

struct Part {
  Digest whole;  // SHA-256 of the attachment
  std::uint32_t number = 0;
  Bytes bytes;  // 1 … kPartBytesMax

  bool operator==(const Part&) const = default;
};

// 0 for an empty attachment: it is complete with its manifest.
[[nodiscard]] constexpr std::uint32_t part_count_of(std::uint64_t size) {
  return static_cast<std::uint32_t>((size + kPartBytesMax - 1) / kPartBytesMax);
}
// How many bytes part `number` of an attachment of `size` bytes carries; 0 beyond the last.
[[nodiscard]] constexpr std::uint64_t part_size_of(std::uint64_t size, std::uint32_t number) {
  const std::uint64_t begin = std::uint64_t{number} * kPartBytesMax;
  if (begin >= size) return 0;
  return size - begin < kPartBytesMax ? size - begin : kPartBytesMax;
}

}  // namespace keruen::content
