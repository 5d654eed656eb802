#include "broker/admission/queue_share.h"

#include <algorithm>

namespace keruen::admission {

QueueShare::Amount QueueShare::left(Use use) const {
  const auto left_of = [use](std::size_t most, std::size_t taken) {
    const std::size_t kept = use == Use::patient ? most / 8 : 0;
    return most - std::min(most, taken + kept);
  };
  return {left_of(kSubmissionsMax, waiting_.size()), left_of(kBytesMax, bytes_)};
}

bool QueueShare::is_full(Use use) const {
  const Amount room = left(use);
  return room.submissions == 0 || room.bytes == 0;
}

bool QueueShare::allows(const Holder& holder, std::size_t bytes, Use use) const {
  if (is_full(use)) return false;
  const auto found = held_.find(holder);
  if (found == held_.end()) return true;
  const Amount& held = found->second;
  const Amount room = left(use);
  return held.submissions + 1 <= room.submissions / 2 && held.bytes + bytes <= room.bytes / 2;
}

void QueueShare::add(const Holder& holder, std::size_t bytes) {
  waiting_.emplace_back(holder, bytes);
  bytes_ += bytes;
  Amount& held = held_[holder];
  ++held.submissions;
  held.bytes += bytes;
}

void QueueShare::take_back_first() {
  if (waiting_.empty()) return;
  const auto [holder, bytes] = std::move(waiting_.front());
  waiting_.pop_front();
  bytes_ -= bytes;
  const auto held = held_.find(holder);
  held->second.bytes -= bytes;
  if (--held->second.submissions == 0) held_.erase(held);
}

}  // namespace keruen::admission
