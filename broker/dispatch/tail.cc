#include "broker/dispatch/tail.h"

#include <algorithm>

namespace keruen::dispatch {
namespace {

// What a decoded leaf takes beside the bytes it shares with its batch, and each of its recipients:
// a wrap and a name.
constexpr std::size_t kLeafBytes = 512;
constexpr std::size_t kPlaceBytes = sizeof(wire::WrapSlot) + sizeof(AgencyId) + kAgencyIdBytesMax;

std::size_t bytes_of(const OwedBatch& owed) {
  const broker::LoggedBatch& logged = owed.logged();
  const certs::VerifiedBatch& batch = *logged.batch;
  std::size_t bytes = logged.bytes.size() + kLeafBytes * batch.leaves.size() + batch.tree.bytes();
  for (const certs::VerifiedLeaf& leaf : batch.leaves) {
    const auto* message = std::get_if<wire::MessageLeaf>(&leaf.leaf.content);
    if (message != nullptr) bytes += kPlaceBytes * message->wraps.size();
  }
  for (const OwedBatch::Portion& portion : owed.portions()) {
    bytes += sizeof(portion) + kAgencyIdBytesMax + sizeof(std::uint32_t) * portion.leaves.size();
  }
  return bytes;
}

bool is_before(const std::shared_ptr<const OwedBatch>& batch, LogIndex index) {
  return batch->logged().index < index;
}

}  // namespace

std::vector<Tail::Dropped> Tail::push(std::shared_ptr<const OwedBatch> batch) {
  const std::size_t lane = static_cast<std::size_t>(batch->logged().batch->statement.lane);
  for (const auto& portion : batch->portions()) owed_[portion.recipient][lane].push_back(batch);
  const std::size_t bytes = bytes_of(*batch);
  bytes_ += bytes;
  entries_.push_back({std::move(batch), bytes});
  std::vector<Dropped> dropped;
  while (bytes_ > bytes_max_ && entries_.size() > 1) drop_oldest(dropped);
  return dropped;
}

void Tail::drop_oldest(std::vector<Dropped>& dropped) {
  const Entry& oldest = entries_.front();
  const broker::LoggedBatch& logged = oldest.batch->logged();
  const Lane lane = logged.batch->statement.lane;
  for (const OwedBatch::Portion& portion : oldest.batch->portions()) {
    const auto found = owed_.find(portion.recipient);
    found->second[static_cast<std::size_t>(lane)].pop_front();
    dropped.push_back({portion.recipient, lane, logged.index});
    const auto is_empty = [](const auto& entries) { return entries.empty(); };
    if (std::ranges::all_of(found->second, is_empty)) owed_.erase(found);
  }
  begin_ = TreeSize{logged.index.value + 1};
  bytes_ -= oldest.bytes;
  entries_.pop_front();
}

std::shared_ptr<const OwedBatch> Tail::next(const AgencyId& recipient, Lane lane,
                                            LogIndex from) const {
  const auto found = owed_.find(recipient);
  if (found == owed_.end()) return nullptr;
  const auto& entries = found->second[static_cast<std::size_t>(lane)];
  const auto first = std::lower_bound(entries.begin(), entries.end(), from, is_before);
  return first == entries.end() ? nullptr : *first;
}

}  // namespace keruen::dispatch
