#include "broker/admission/chains.h"

#include <algorithm>
#include <tuple>

namespace keruen::admission {

wire::StreamHead Chains::head(const StreamName& name) const {
  const auto found = heads_.find(name);
  return found == heads_.end() ? wire::StreamHead{name.stream, {}, {}} : found->second;
}

void Chains::set_head(const AgencyId& sender, const wire::StreamHead& head) {
  heads_[{sender, head.stream}] = head;
}

void Chains::restore(const AgencyId& sender, const wire::StreamHead& head) {
  if (head.sequence == BatchSequence{0}) {
    heads_.erase({sender, head.stream});
  } else {
    set_head(sender, head);
  }
}

std::vector<std::pair<AgencyId, wire::StreamHead>> Chains::heads() const {
  std::vector<std::pair<AgencyId, wire::StreamHead>> result;
  result.reserve(heads_.size());
  for (const auto& [name, head] : heads_) result.emplace_back(name.sender, head);
  std::ranges::sort(result, [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.stream) < std::tie(b.first, b.second.stream);
  });
  return result;
}

}  // namespace keruen::admission
