// The content of a message: sealed header, manifest of attachments, and one body.
// Shape: one Cap'n Proto segment (content.capnp), at most kContentBytesMax bytes.
// Threads: values; the functions are pure.
//
// What decode_content() returns satisfies every bound of bounds.h and every rule of check();
// encode() refuses what decode_content() would refuse, so decode_content(encode(x)) == x.
// A Part has neither header nor attachments: it belongs to the message whose manifest names it.
// Errors: malformed (not decodable, an unknown enumerator, bad UTF-8, a rule broken: says where);
// too_large (a text, list or the whole over its bound: says where).
#pragma once

#include <span>
#include <string>
#include <variant>

#include "schemas/bytes.h"
#include "schemas/content/notice.h"
#include "schemas/content/part.h"
#include "schemas/content/receipt.h"
#include "schemas/content/schedule.h"
#include "schemas/content/sealed_header.h"
#include "schemas/error.h"
#include "schemas/names.h"

namespace keruen::content {

using Body = std::variant<CooperationNotice, TrainingSchedule, OfficerReceipt, Recall, Part>;

struct Content {
  SealedHeader header;
  PartsManifest parts;
  Body body;

  bool operator==(const Content&) const = default;
};

// What the message's outer header must say. A recall is of the kind it recalls.
[[nodiscard]] MessageKind kind_of(const Content& content);

// The rules between fields (bounds and enumerators aside): malformed, naming the field. `attached`:
// names of files that go with it and are not in its manifest yet.
[[nodiscard]] Result<void> check(const Content& content,
                                 std::span<const std::string> attached = {});

[[nodiscard]] Result<Bytes> encode(const Content& content);
[[nodiscard]] Result<Content> decode_content(BytesView bytes);

}  // namespace keruen::content
