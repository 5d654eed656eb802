// The system's descriptor below a connection, and how to be sure that it still is that one.
// Threads: the core's.
//
// The system uses a number again at once, and ZeroMQ closes it without asking: before a descriptor
// is shut down, whoever is at its other end must still be the one who was there at first.
#pragma once

#include <cstdint>
#include <string>

namespace keruen::gateway {

inline constexpr int kNoDescriptor = -1;

// "10.0.0.7:41234"; empty: nobody is there.
[[nodiscard]] std::string peer_of(int descriptor);
// What ZeroMQ has read from it since it was opened; zero: nobody is there, or the system does not
// say.   Source: tcp(7), TCP_INFO; ioctl FIONREAD.
[[nodiscard]] std::uint64_t bytes_read_from(int descriptor);
// Nothing happens where somebody else is by now, or nobody.
void shut_down(int descriptor, const std::string& peer);

}  // namespace keruen::gateway
