#include "broker/gateway/newcomers.h"

#include <string_view>

namespace keruen::gateway {
namespace {

std::string_view host_of(std::string_view peer) { return peer.substr(0, peer.rfind(':')); }

}  // namespace

std::optional<Newcomers::Newcomer> Newcomers::take_surplus(std::size_t most) {
  if (waiting_.size() <= most) return std::nullopt;
  struct Host {
    std::size_t newcomers = 0;
    const Newcomer* eldest = nullptr;
  };
  std::map<std::string_view, Host> hosts;
  const Host* fullest = nullptr;
  for (const auto& [descriptor, newcomer] : waiting_) {
    Host& host = hosts[host_of(newcomer.peer)];
    ++host.newcomers;
    if (host.eldest == nullptr || newcomer.came_at < host.eldest->came_at) host.eldest = &newcomer;
    if (fullest == nullptr || host.newcomers > fullest->newcomers) fullest = &host;
  }
  Newcomer surplus = *fullest->eldest;
  waiting_.erase(surplus.descriptor);
  return surplus;
}

std::vector<Newcomers::Newcomer> Newcomers::take_overdue(MonotonicTime now) {
  std::vector<Newcomer> overdue;
  for (const auto& [descriptor, newcomer] : waiting_) {
    if (now - newcomer.came_at > kFirstFrameMax) overdue.push_back(newcomer);
  }
  for (const Newcomer& newcomer : overdue) waiting_.erase(newcomer.descriptor);
  return overdue;
}

}  // namespace keruen::gateway
