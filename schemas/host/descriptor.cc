#include "schemas/host/descriptor.h"

#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace keruen::host {

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

std::uint64_t bytes_read_from(int descriptor) {
  tcp_info told{};
  socklen_t size = sizeof(told);
  int unread = 0;
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &told, &size) != 0 ||
      size < offsetof(tcp_info, tcpi_bytes_received) + sizeof(told.tcpi_bytes_received) ||
      ::ioctl(descriptor, FIONREAD, &unread) != 0) {
    return 0;
  }
  const std::uint64_t received = told.tcpi_bytes_received;
  return received - std::min(received, static_cast<std::uint64_t>(std::max(unread, 0)));
}

void shut_down(int descriptor, const std::string& peer) {
  if (descriptor == kNoDescriptor || peer.empty() || peer_of(descriptor) != peer) return;
  ::shutdown(descriptor, SHUT_RDWR);
}

}  // namespace keruen::host
