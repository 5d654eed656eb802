// The system's descriptor below a connection, and how to be sure that it still is that one.
// Threads: the core's.
//
// The system uses a number again at once, and ZeroMQ closes it without asking: before a descriptor
// is shut down, whoever is at its other end must still be the one who was there at first.
#pragma once

#include <string>

namespace keruen::gateway {

inline constexpr int kNoDescriptor = -1;

// "10.0.0.7:41234"; empty: nobody is there.
[[nodiscard]] std::string peer_of(int descriptor);
// Nothing happens where somebody else is by now, or nobody.
void shut_down(int descriptor, const std::string& peer);

}  // namespace keruen::gateway
