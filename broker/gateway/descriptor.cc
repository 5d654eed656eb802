#include "broker/gateway/descriptor.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>

namespace keruen::gateway {

std::string peer_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::getpeername(descriptor, generic, &size) != 0) return {};
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  if (::getnameinfo(generic, size, host.data(), host.size(), service.data(), service.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return {};
  }
  return std::string(host.data()) + ":" + service.data();
}

void shut_down(int descriptor, const std::string& peer) {
  if (descriptor == kNoDescriptor || peer.empty() || peer_of(descriptor) != peer) return;
  ::shutdown(descriptor, SHUT_RDWR);
}

}  // namespace keruen::gateway
