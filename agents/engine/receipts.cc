#include "agents/engine/receipts.h"

#include <algorithm>

namespace keruen::engine {

void ReceiptGatherer::add(std::uint32_t leaf, std::optional<ErrorCode> code) {
  auto& ranges = ranges_[code];
  // Only leaves of ours are named: a range never reaches over another's.
  if (!ranges.empty() && ranges.back().last + 1 == leaf) {
    ranges.back().last = leaf;
  } else {
    ranges.push_back({leaf, leaf});
  }
}

std::vector<store::ReceiptDue> ReceiptGatherer::receipts(Lane lane, const AgencyId& to,
                                                         const Digest& batch, WallTime at) const {
  std::vector<store::ReceiptDue> receipts;
  for (const auto& [code, ranges] : ranges_) {
    for (std::size_t first = 0; first < ranges.size(); first += kReceiptRangesMax) {
      const auto last = std::min(first + kReceiptRangesMax, ranges.size());
      store::ReceiptDue receipt;
      receipt.lane = lane;
      receipt.to = to;
      receipt.batch = batch;
      receipt.leaves.assign(ranges.begin() + static_cast<std::ptrdiff_t>(first),
                            ranges.begin() + static_cast<std::ptrdiff_t>(last));
      receipt.undeliverable = code;
      receipt.at = at;
      receipts.push_back(std::move(receipt));
    }
  }
  return receipts;
}

}  // namespace keruen::engine
