// Bytes on a connection of the API, as HTTP/1.1 with keep-alive: requests, uploads and nonsense.
// Whatever comes, the session ends when its peer has said all, and what it says is HTTP.
#include "agents/api/session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "tests/fuzz/api_party.h"

namespace {

using namespace keruen;

// Nobody reads the answers while they are written: those to so many bytes fit a socket's buffer.
constexpr std::size_t kInputBytesMax = 4096;

void serve(ApiParty& party, int descriptor) {
  api::Session session(descriptor, {{"7"}, "Officer 7", "liaison", ""}, party.open_reader(),
                       {party.engine(), party.uploads(), party.events(), party.clock(),
                        party.journal(), party.id()});
  session.run();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static ApiParty party;
  std::array<int, 2> ends{};
  ensure(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0,
         "a pair of sockets can be made");
  const std::size_t sent = std::min(size, kInputBytesMax);
  ensure(send(ends[0], data, sent, 0) == static_cast<ssize_t>(sent), "it fits the buffer");
  shutdown(ends[0], SHUT_WR);
  serve(party, ends[1]);
  std::array<char, 9> begin{};
  const ssize_t count = recv(ends[0], begin.data(), begin.size(), MSG_DONTWAIT);
  ensure(count <= 0 || std::string_view(begin.data(), begin.size()) == "HTTP/1.1 ",
         "an answer begins like one");
  close(ends[0]);
  party.forget_uploads();
  return 0;
}
