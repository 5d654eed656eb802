// The tables of an agent's store.
// Shape: one SQLite file, batches and slices beside it; version kSchemaVersion stands in
// user_version. Units: times in milliseconds since 1970; u64 numbers as SQLite's signed 64 bits.
//
// What is readable in the file: who, to whom, what kind, when, how large. What officers wrote,
// whose it is, and every key are sealed, either as they travelled or under the store key.
#pragma once

#include <array>
#include <cstdint>

namespace keruen::store {

inline constexpr int kSchemaVersion = 5;
extern const char* const kSchema;  // all but what stands below
// Apart: a store of an earlier format is given them.
extern const char* const kBlobTable;
extern const char* const kPartTable;
extern const char* const kForgottenTable;
// Apart: a store is given them that has none.
extern const std::array<const char*, 3> kIndexes;
extern const char* const kRecallTable;
extern const char* const kUnprovedTable;

// Of `recall`, as an agency: taken back here.
inline constexpr std::int64_t kOurRecall = 0;
// Of `once`, as a sequence.
inline constexpr std::int64_t kKeyForGood = -1;

}  // namespace keruen::store
