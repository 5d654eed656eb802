// Contents as JSON: what `keruen send notice --file` reads, and what the API shows.
// Shape: absent fields are left out; enumerators are the words of words.h; instants RFC 3339 UTC
// ("2026-05-14T09:00:00Z"); message ids UUID texts; digests hexadecimal; texts per language an
// object {"en": "…"}; coordinates in degrees; calendar times {"form", "local", "zone"}.
// Threads: pure functions.
//
// A document holds {"kind", "header", "parts", and the body under its kind}. A notice document is
// flat: the header's fields and the notice's in one object, type, handling and what being enough.
// Reading is strict: an unknown field, a wrong type, a missing field, a word outside its list, a
// field twice, too deep, too large: refused, naming the place, what was found and what is allowed.
// Errors: malformed, too_large. What is returned satisfies check(), but for photos of a notice
// document: its attachments are added later.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "schemas/content/content.h"
#include "schemas/error.h"

namespace keruen::content {

[[nodiscard]] std::string to_json(const Content& content);
// `attached`: as for check().
[[nodiscard]] Result<Content> content_from_json(std::string_view text,
                                                std::span<const std::string> attached = {});

// The flat form. notice_to_json(content) wants a content that holds a notice.
[[nodiscard]] std::string notice_to_json(const Content& content);
[[nodiscard]] Result<Content> notice_from_json(std::string_view text);

// The bodies alone.
[[nodiscard]] std::string to_json(const TrainingSchedule& schedule);
[[nodiscard]] Result<TrainingSchedule> schedule_from_json(std::string_view text);
[[nodiscard]] std::string to_json(const OfficerReceipt& receipt);
[[nodiscard]] Result<OfficerReceipt> receipt_from_json(std::string_view text);

// A filled-in notice document: a suspected drug consignment on the road from a border point.
// notice_from_json() takes it as it is.
[[nodiscard]] std::string example_notice_json();

}  // namespace keruen::content
