#include "broker/flow/counters.h"

#include <algorithm>

namespace keruen::flow {
namespace {

// The latest end among unrevoked keys; zero: none.
template <class Public>
WallTime last_end(const std::vector<certs::KnownKey<Public>>& keys) {
  WallTime end{};
  for (const auto& key : keys) {
    if (!key.revoked_at) end = std::max(end, key.valid_until);
  }
  return end;
}

}  // namespace

void Counters::connected(const AgencyId& agency, WallTime at) {
  wire::FlowRow& row = rows_[agency];
  if (!row.connected) ++connected_;
  row.connected = true;
  row.since = at;
}

void Counters::disconnected(const AgencyId& agency, WallTime at) {
  wire::FlowRow& row = rows_[agency];
  if (row.connected) --connected_;
  row.connected = false;
  row.since = at;
}

void Counters::accepted(const broker::LoggedBatch& batch) {
  wire::FlowRow& row = rows_[batch.batch->statement.sender];
  row.accepted_bytes += batch.bytes.size();
  // A batch is of one sort.
  const auto& leaves = batch.batch->leaves;
  if (!std::holds_alternative<wire::Header>(leaves.front().decoded)) return;
  row.accepted_messages += leaves.size();
  std::optional<std::uint32_t> last;
  for (const wire::Refusal& refusal : batch.refusals) {
    if (last != refusal.leaf) ++row.refused_messages;
    last = refusal.leaf;
  }
}

void Counters::refused(const AgencyId& sender, ErrorCode code) {
  if (code == ErrorCode::overloaded || code == ErrorCode::no_space) return;
  ++rows_[sender].refused_messages;
}

void Counters::handed_over(const AgencyId& recipient, const broker::Piece& piece) {
  wire::FlowRow& row = rows_[recipient];
  row.delivered_messages += piece.messages;
  row.delivered_bytes += piece.slice.slice.size();
}

wire::FlowReport Counters::report(const certs::Directory& directory) const {
  wire::FlowReport report;
  const auto registry = directory.newest_registry();
  if (!registry) return report;
  for (const auto& [id, agency] : registry->agencies()) {
    const auto found = rows_.find(id);
    wire::FlowRow row = found == rows_.end() ? wire::FlowRow{} : found->second;
    row.agency = id;
    row.keys_expire_at = keys_expire_at(directory, id);
    report.agencies.push_back(std::move(row));
  }
  return report;
}

bool Counters::is_connected(const AgencyId& agency) const {
  const auto found = rows_.find(agency);
  return found != rows_.end() && found->second.connected;
}

WallTime keys_expire_at(const certs::Directory& directory, const AgencyId& agency) {
  return std::min({last_end(directory.signing_keys(agency)),
                   last_end(directory.transport_keys(agency)),
                   last_end(directory.prekeys(agency))});
}

}  // namespace keruen::flow
