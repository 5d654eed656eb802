// INTERNAL to .cc files of agents/store: which message is meant by an id. An id is its sender's
// choice, and all who get a message see it: several agencies may have used one.
// Threads: those of the connection.
#pragma once

#include <optional>

#include "agents/store/connection.h"
#include "agents/store/reader.h"

namespace keruen::store {

// Where a message's row is.
struct Found {
  Folder folder = Folder::inbox;
  std::int64_t number = 0;
};

// The one we sent; ids of our own are unlike each other.
[[nodiscard]] std::optional<Found> find_sent(Connection& connection, const MessageId& id);

// Of those with this id, in one folder or both, the one that is from `from`; without that the only
// one that lists show, or one of those that none shows. Ours is from this agency. Empty: there is
// none. malformed: lists show several; each sender is named, and `option` is how to say whose is
// meant.
struct Wanted {
  MessageId id;
  std::optional<AgencyId> from;
  std::optional<Folder> folder = {};
  std::string_view option = "from";
};
[[nodiscard]] Result<std::optional<Found>> find_message(Connection& connection,
                                                        const Wanted& wanted);

}  // namespace keruen::store
