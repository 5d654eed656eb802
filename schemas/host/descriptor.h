// The system's descriptor below a connection, and how to be sure that it still is that one.
// Threads: any.
//
// The system uses a number again at once, and ZeroMQ closes it without asking: before a descriptor
// is shut down, whoever is at its other end must still be the one who was there at first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "schemas/limits.h"

namespace keruen::host {

inline constexpr int kNoDescriptor = -1;

// "10.0.0.7:41234"; empty: nobody is there.
[[nodiscard]] std::string peer_of(int descriptor);
// What ZeroMQ has read from it since it was opened; zero: nobody is there, or the system does not
// say.   Source: tcp(7), TCP_INFO; ioctl FIONREAD.
[[nodiscard]] std::uint64_t bytes_read_from(int descriptor);
// What a frame takes on the line: a ZMTP message around CURVE's. To the byte: what each frame was
// believed to take beyond that, a message without an end could hold in the end.
// Source: rfc.zeromq.org/spec/37, 25 and 26.
[[nodiscard]] constexpr std::uint64_t line_bytes_of(std::size_t frame_bytes) {
  constexpr std::size_t kShortBytesMax = 255;
  constexpr std::size_t kShortHeaderBytes = 2;
  constexpr std::size_t kLongHeaderBytes = 9;
  const std::size_t body = frame_bytes + kCurveOverheadBytes;
  return body + (body > kShortBytesMax ? kLongHeaderBytes : kShortHeaderBytes);
}
// How much of that may not have come out of ZeroMQ, of whom it holds at most so many frames. It
// bounds messages, and the bytes of a part, and not how many parts a message has: beyond this
// stands one that does not end, and fills the memory.
[[nodiscard]] constexpr std::uint64_t unfinished_bytes_max(std::size_t frames_held_max) {
  return (frames_held_max + 2) * line_bytes_of(kFrameBytesMax) + 64 * 1024;
}
// Nothing happens where somebody else is by now, or nobody.
void shut_down(int descriptor, const std::string& peer);

}  // namespace keruen::host
