// INTERNAL to schemas/content: whether every field of a content keeps the rule of fields.h.
// Threads: pure functions.
//
// Texts: well-formed UTF-8, no control characters (they would reach terminals and calendar files),
// bounded; lists bounded; enumerators known; instants and calendar times real; languages named
// once. Errors: too_large, malformed; both name the place.
#pragma once

#include "schemas/content/content.h"
#include "schemas/error.h"

namespace keruen::content {

// One value, its places counted from itself: what JSON gave.
[[nodiscard]] Result<void> check_bounds(const CooperationNotice& notice);
[[nodiscard]] Result<void> check_bounds(const TrainingSchedule& schedule);
[[nodiscard]] Result<void> check_bounds(const OfficerReceipt& receipt);
[[nodiscard]] Result<void> check_bounds(const SealedHeader& header);
// Everything: header, manifest, body.
[[nodiscard]] Result<void> check_bounds(const Content& content);
// The same for what is written now, and that what takes one line neither ends nor turns it (U+2028,
// U+202E and their like). Content from before that was asked for must still be read.
[[nodiscard]] Result<void> check_bounds_of_new(const Content& content);

// The rules of check() that need no attachments, for a document whose attachments come later.
[[nodiscard]] Result<void> check_header(const SealedHeader& header);
[[nodiscard]] Result<void> check_body(const Body& body);

}  // namespace keruen::content
