#include "broker/gateway/newcomers.h"

#include <algorithm>
#include <string_view>

namespace keruen::gateway {
namespace {

// Of `most`: each walk over all of them makes this much room, however fast others come.
constexpr std::size_t kRoomPart = 8;

using Newcomer = Newcomers::Newcomer;
using Host = std::vector<const Newcomer*>;  // the eldest last

std::string_view host_of(std::string_view peer) { return peer.substr(0, peer.rfind(':')); }

bool makes_room_before(const Host& one, const Host& other) {
  if (one.size() != other.size()) return one.size() > other.size();
  return !one.empty() && one.back()->came_at < other.back()->came_at;
}

std::vector<Host> by_host(const std::map<int, Newcomer>& newcomers) {
  std::map<std::string_view, Host> named;
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

}  // namespace keruen::gateway
