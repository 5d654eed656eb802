// The tables of an agent's store.
// Shape: one SQLite file; version kSchemaVersion stands in user_version.
// Units: times in milliseconds since 1970; u64 numbers as SQLite's signed 64 bits.
//
// What is readable in the file: who, to whom, what kind, when, how large. What officers wrote,
// whose it is, and every key are sealed, either as they travelled or under the store key.
#pragma once

namespace keruen::store {

inline constexpr int kSchemaVersion = 3;
extern const char* const kSchema;

}  // namespace keruen::store
