#include "broker/gateway/newcomers.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <string_view>

#include "schemas/host/descriptor.h"

namespace keruen::gateway {
namespace {

// Of `most`: each walk over all of them makes this much room, however fast others come.
constexpr std::size_t kRoomPart = 8;

using Newcomer = Newcomers::Newcomer;
using Host = std::vector<const Newcomer*>;  // the eldest last

// An IPv4 address, or the first half of an IPv6 one: of a network's other half each of its hosts
// takes what it likes, and as often as it likes.   Source: RFC 4291, 2.5.1 and 2.5.5.2.
std::string host_of(std::string_view peer) {
  constexpr std::size_t kNetworkBytes = 8;
  std::string address(peer.substr(0, peer.rfind(':')));
  const std::string without_zone = address.substr(0, address.find('%'));
  in6_addr parsed{};
  if (::inet_pton(AF_INET6, without_zone.c_str(), &parsed) != 1) return address;
  if (IN6_IS_ADDR_V4MAPPED(&parsed)) return address;
  return {reinterpret_cast<const char*>(parsed.s6_addr), kNetworkBytes};
}

bool makes_room_before(const Host& one, const Host& other) {
  if (one.size() != other.size()) return one.size() > other.size();
  return !one.empty() && one.back()->came_at < other.back()->came_at;
}

std::vector<Host> by_host(const std::map<int, Newcomer>& newcomers) {
  std::map<std::string, Host> named;
  for (const auto& [descriptor, newcomer] : newcomers) {
    named[host_of(newcomer.peer)].push_back(&newcomer);
  }
  std::vector<Host> hosts;
  for (auto& [name, host] : named) {
    std::ranges::sort(host, std::ranges::greater(), &Newcomer::came_at);
    hosts.push_back(std::move(host));
  }
  return hosts;
}

}  // namespace

std::optional<Newcomer> Newcomers::take(int descriptor, broker::ConnectionId speaker) {
  const auto found = waiting_.find(descriptor);
  if (found == waiting_.end() || speaker <= found->second.last_before) return std::nullopt;
  return std::move(waiting_.extract(found).mapped());
}

std::vector<Newcomer> Newcomers::take_surplus(std::size_t most) {
  std::vector<Newcomer> surplus;
  if (waiting_.size() <= most) return surplus;
  auto hosts = by_host(waiting_);
  for (std::size_t stay = waiting_.size(); stay > most - most / kRoomPart; --stay) {
    Host& host = *std::ranges::min_element(hosts, makes_room_before);
    surplus.push_back(*host.back());
    host.pop_back();
  }
  for (const Newcomer& newcomer : surplus) waiting_.erase(newcomer.descriptor);
  return surplus;
}

std::vector<Newcomer> Newcomers::take_overdue(MonotonicTime now) {
  std::vector<Newcomer> overdue;
  for (const auto& [descriptor, newcomer] : waiting_) {
    if (now - newcomer.came_at > kFirstFrameMax) overdue.push_back(newcomer);
  }
  for (const Newcomer& newcomer : overdue) waiting_.erase(newcomer.descriptor);
  return overdue;
}

std::vector<Newcomer> Newcomers::take_unfinished(std::uint64_t more_than) {
  std::vector<Newcomer> unfinished;
  for (const auto& [descriptor, newcomer] : waiting_) {
    if (host::bytes_read_from(descriptor) > more_than) unfinished.push_back(newcomer);
  }
  for (const Newcomer& newcomer : unfinished) waiting_.erase(newcomer.descriptor);
  return unfinished;
}

}  // namespace keruen::gateway
