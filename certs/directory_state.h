// INTERNAL to directory*.cc: what a Directory holds, and how it judges.
// Threads: one thread writes; const use is safe between writes.
#pragma once

#include <set>
#include <unordered_map>

#include "certs/agency_keys.h"

namespace keruen::certs {

struct Directory::State {
  // The moment a record is judged at: its place in the log, and a clock with what it may be off by.
  struct Moment {
    LogIndex at;
    WallTime clock;
    std::chrono::minutes slack{0};

    [[nodiscard]] bool lies_in(WallTime from, WallTime until) const {
      return clock + slack >= from && clock - slack < until;
    }
    [[nodiscard]] bool is_before(WallTime until) const { return clock - slack < until; }
  };

  Origin origin;
  Authorities trusted;

  std::vector<wire::DirectoryLine> lines;
  std::vector<Digest> heads{Digest()};  // heads[n]: after n lines
  std::unordered_map<Digest, std::size_t> line_of;

  // Line numbers whose record was neither supplied nor found unusable.
  std::set<std::size_t> missing;
  std::set<std::size_t> missing_registries;
  std::unordered_map<AgencyId, std::set<std::size_t>> missing_delegations;
  std::unordered_map<AgencyId, std::set<std::size_t>> missing_revocations;

  std::unordered_map<Digest, wire::SignedRecord> records;
  std::unordered_map<Digest, std::shared_ptr<const Registry>> snapshots;
  std::vector<std::pair<LogIndex, std::shared_ptr<const Registry>>> registries;  // ascending

  std::unordered_map<AgencyId, AgencyKeys> agencies;
  std::unordered_map<KeyId, AgencyId> transport_holders;

  [[nodiscard]] const AgencyKeys* keys_of(const AgencyId& id) const {
    const auto found = agencies.find(id);
    return found == agencies.end() ? nullptr : &found->second;
  }
  [[nodiscard]] std::shared_ptr<const Registry> registry_before(LogIndex at) const {
    const auto after = std::ranges::partition_point(
        registries, [&](const auto& entry) { return entry.first < at; });
    return after == registries.begin() ? nullptr : std::prev(after)->second;
  }

  [[nodiscard]] Result<wire::KeyRecord> judge(const wire::SignedRecord& record,
                                              const Moment& moment) const;
  [[nodiscard]] Result<void> judge_delegation(const wire::Delegation& delegation,
                                              const Agency& agency, const Moment& moment) const;
  [[nodiscard]] Result<void> judge_signer(const wire::SignedRecord& record, const AgencyId& agency,
                                          const KeyId& signed_by, const Moment& moment) const;
  [[nodiscard]] Result<void> judge_transport(const wire::TransportRecord& transport,
                                             const Moment& moment) const;
  [[nodiscard]] Result<void> judge_prekey(const wire::Prekey& prekey, const Moment& moment) const;
  [[nodiscard]] Result<void> judge_new(const wire::KeyRecord& record) const;
  [[nodiscard]] Result<std::shared_ptr<const Registry>> judge(
      const wire::UnverifiedSnapshot& snapshot, const Registry* before) const;

  [[nodiscard]] Result<void> check_can_be_judged(std::size_t number) const;
  void resolve(std::size_t number);
  void keep(const wire::KeyRecord& record, LogIndex at);
  void keep(const std::shared_ptr<const Registry>& registry, LogIndex at);
};

[[nodiscard]] inline std::string described(const wire::DirectoryLine& line) {
  return "directory line at log index " + std::to_string(line.index.value);
}

}  // namespace keruen::certs
