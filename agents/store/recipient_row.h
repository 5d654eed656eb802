// INTERNAL to .cc files of agents/store: the rows of a sent message's recipients as seen values.
// Threads: those of the connection.
#pragma once

#include <vector>

#include "agents/store/connection.h"
#include "agents/store/views.h"

namespace keruen::store {

// In the order they were addressed. What officers wrote is not filled in: it stands sealed in the
// receipt messages named by words_of().
[[nodiscard]] std::vector<RecipientStatus> read_recipients(Connection& connection,
                                                           std::int64_t message);

// Counts what became of the parts of the message's files.
void count_parts_delivered(Connection& connection, std::int64_t message,
                           std::vector<RecipientStatus>& recipients);

// Where the officer's receipts of one recipient are kept: rows of message_in.
struct OfficerWords {
  std::optional<std::int64_t> read;
  std::optional<std::int64_t> processed;
};
[[nodiscard]] std::vector<OfficerWords> words_of(Connection& connection, std::int64_t message);

}  // namespace keruen::store
