// Bounds of what officers write. The whole is bounded by kContentBytesMax (limits.h).
// Units: the last words of each name.   Threads: constants.
#pragma once

#include <cstddef>

namespace keruen::content {

inline constexpr std::size_t kWordBytesMax = 128;   // a code, a number, an identifier
inline constexpr std::size_t kLineBytesMax = 1024;  // a name, a place, an address
inline constexpr std::size_t kParagraphBytesMax = 8 * 1024;
inline constexpr std::size_t kEssayBytesMax = 128 * 1024;
inline constexpr std::size_t kLanguagesMax = 16;  // of one text
inline constexpr std::size_t kCaseReferencesMax = 32;
inline constexpr std::size_t kSubjectsMax = 256;
inline constexpr std::size_t kIdentifiersMax = 32;  // of one subject
inline constexpr std::size_t kLinksMax = 1024;
inline constexpr std::size_t kGoodsMax = 256;
inline constexpr std::size_t kConveyancesMax = 64;
inline constexpr std::size_t kTransitMax = 32;
inline constexpr std::size_t kActionsMax = 8;
inline constexpr std::size_t kPermissionRequestsMax = 16;
inline constexpr std::size_t kSessionsMax = 512;
inline constexpr std::size_t kTrainersMax = 128;
inline constexpr std::size_t kSeatRowsMax = 256;
inline constexpr std::size_t kRulesMax = 8;
inline constexpr std::size_t kCalendarDatesMax = 2048;  // EXDATEs, and RDATEs
inline constexpr std::size_t kOverridesMax = 1024;
inline constexpr std::size_t kCategoriesMax = 64;

// A JSON document: as deep as its content may nest, and room for its punctuation.
inline constexpr std::size_t kJsonBytesMax = 3 * 1024 * 1024;
inline constexpr std::size_t kJsonNestingMax = 16;

}  // namespace keruen::content
