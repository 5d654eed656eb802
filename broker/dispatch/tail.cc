#include "broker/dispatch/tail.h"

#include <algorithm>

namespace keruen::dispatch {
namespace {

// What a decoded leaf takes beside the bytes it shares with its batch, and each of its recipients:
// a wrap and a name.
constexpr std::size_t kLeafBytes = 512;
constexpr std::size_t kPlaceBytes = sizeof(wire::WrapSlot) + sizeof(AgencyId) + kAgencyIdBytesMax;

std::size_t bytes_of(const broker::LoggedBatch& batch) {
  std::size_t bytes = batch.bytes.size() + kLeafBytes * batch.batch->leaves.size();
  for (const certs::VerifiedLeaf& leaf : batch.batch->leaves) {
    const auto* message = std::get_if<wire::MessageLeaf>(&leaf.leaf.content);
    if (message != nullptr) bytes += kPlaceBytes * message->wraps.size();
  }
  return bytes;
}

bool is_before(const std::shared_ptr<const broker::LoggedBatch>& batch, LogIndex index) {
  return batch->index < index;
}

}  // namespace

std::vector<Tail::Dropped> Tail::push(std::shared_ptr<const broker::LoggedBatch> batch,
                                      std::vector<AgencyId> recipients) {
  const std::size_t lane = static_cast<std::size_t>(batch->batch->statement.lane);
  for (const AgencyId& recipient : recipients) owed_[recipient][lane].push_back(batch);
  const std::size_t bytes = bytes_of(*batch);
  bytes_ += bytes;
  entries_.push_back({std::move(batch), std::move(recipients), bytes});
  std::vector<Dropped> dropped;
  while (bytes_ > bytes_max_ && entries_.size() > 1) drop_oldest(dropped);
  return dropped;
}

void Tail::drop_oldest(std::vector<Dropped>& dropped) {
  const Entry& oldest = entries_.front();
  const Lane lane = oldest.batch->batch->statement.lane;
  for (const AgencyId& recipient : oldest.recipients) {
    const auto found = owed_.find(recipient);
    found->second[static_cast<std::size_t>(lane)].pop_front();
    dropped.push_back({recipient, lane, oldest.batch->index});
    const auto is_empty = [](const auto& entries) { return entries.empty(); };
    if (std::ranges::all_of(found->second, is_empty)) owed_.erase(found);
  }
  begin_ = TreeSize{oldest.batch->index.value + 1};
  bytes_ -= oldest.bytes;
  entries_.pop_front();
}

std::shared_ptr<const broker::LoggedBatch> Tail::next(const AgencyId& recipient, Lane lane,
                                                      LogIndex from) const {
  const auto found = owed_.find(recipient);
  if (found == owed_.end()) return nullptr;
  const auto& entries = found->second[static_cast<std::size_t>(lane)];
  const auto first = std::lower_bound(entries.begin(), entries.end(), from, is_before);
  return first == entries.end() ? nullptr : *first;
}

}  // namespace keruen::dispatch
