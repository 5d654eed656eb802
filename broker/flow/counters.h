// What passed for each agency since the broker started, for operators.
// Shape: one row an agency; numbers and times, never content.
// Units: messages (receipts of agents are none), bytes (of everything).
// Threads: the core's.
#pragma once

#include <map>

#include "broker/stations.h"
#include "certs/directory.h"

namespace keruen::flow {

class Counters {
 public:
  void connected(const AgencyId& agency, WallTime at);
  void disconnected(const AgencyId& agency, WallTime at);
  void accepted(const broker::LoggedBatch& batch);
  // A batch of this agency that was refused whole, of how many messages nobody knows: as one. What
  // the sender will repeat is not refused.
  void refused(const AgencyId& sender, ErrorCode code);
  void handed_over(const AgencyId& recipient, const broker::Piece& piece);

  // A row for every agency the registry lists.
  [[nodiscard]] wire::FlowReport report(const certs::Directory& directory) const;
  [[nodiscard]] bool is_connected(const AgencyId& agency) const;
  [[nodiscard]] std::uint32_t connected_count() const { return connected_; }

 private:
  std::map<AgencyId, wire::FlowRow> rows_;
  std::uint32_t connected_ = 0;
};

// When the first of this agency's newest keys (signing, transport, last prekey) ends; zero: it has
// none of a kind.
[[nodiscard]] WallTime keys_expire_at(const certs::Directory& directory, const AgencyId& agency);

}  // namespace keruen::flow
