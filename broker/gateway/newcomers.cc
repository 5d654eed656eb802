#include "broker/gateway/newcomers.h"

namespace keruen::gateway {

std::vector<Newcomers::Newcomer> Newcomers::take_overdue(MonotonicTime now) {
  std::vector<Newcomer> overdue;
  for (const auto& [descriptor, newcomer] : waiting_) {
    if (now - newcomer.came_at > kFirstFrameMax) overdue.push_back(newcomer);
  }
  for (const Newcomer& newcomer : overdue) waiting_.erase(newcomer.descriptor);
  return overdue;
}

}  // namespace keruen::gateway
