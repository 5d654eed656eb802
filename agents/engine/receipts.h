// Gathers what became of a slice's leaves into receipts: one for what was delivered, one for each
// code of what was not.
// Shape: ranges of leaves, each at most kReceiptRangesMax to a receipt.
// Threads: a value.
#pragma once

#include <map>

#include "agents/store/records.h"

namespace keruen::engine {

class ReceiptGatherer {
 public:
  // `leaf` ascends. Empty code: delivered.
  void add(std::uint32_t leaf, std::optional<ErrorCode> code);
  [[nodiscard]] std::vector<store::ReceiptDue> receipts(Lane lane, const AgencyId& to,
                                                        const Digest& batch, WallTime at) const;

 private:
  std::map<std::optional<ErrorCode>, std::vector<wire::LeafRange>> ranges_;
};

}  // namespace keruen::engine
