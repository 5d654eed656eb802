// What is asked of the index beside the log thread: a recipient's lane after a cursor, what waits,
// which batches may hold a message, the keys batches were signed with, and who receipted what.
// Shape: a read-only connection to the file that index.h writes.
// Threads: one; each thread that asks opens its own.   Errors: as index.h.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/log/proof.h"
#include "schemas/wire/frame.h"

namespace keruen::index {

class Lanes {
 public:
  // not_found, io_failed: there is no index to read (Index::open makes it).
  [[nodiscard]] static Result<std::unique_ptr<Lanes>> open(const std::string& path);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  // Log entries of a lane for one recipient in [from, below), ascending, at most `most`.
  struct Range {
    LogIndex from;
    TreeSize below;
    std::size_t most = 64;
  };
  [[nodiscard]] Result<std::vector<LogIndex>> entries(const AgencyId& recipient, Lane lane,
                                                      const Range& range);
  // Whose batch this is, of which stream; empty: no batch.
  [[nodiscard]] Result<std::optional<wire::StreamName>> stream_of(LogIndex index);
  // Messages, not receipts of agents, behind the cursors the index knows; what has expired by `now`
  // does not wait. Agencies without any are left out; `connected` is for the core, which knows.
  [[nodiscard]] Result<std::vector<wire::WaitingRow>> waiting(WallTime now);
  [[nodiscard]] Result<wire::Cursors> cursors(const AgencyId& recipient);
  // Batches whose message ids span `made_at`, ascending: the narrowest, to a power of two, at most
  // `most`, and at most `most_of_one` of one sender's that span more than a second. Ids are their
  // senders' choice: nobody hides another's message behind wide ones.
  [[nodiscard]] Result<std::vector<LogIndex>> batches_with_messages_of(WallTime made_at,
                                                                       std::size_t most,
                                                                       std::size_t most_of_one);
  // As log::ReceiptSource. Of whoever has receipted all of a batch of so many leaves the rest is
  // not read: anybody may receipt the same again and again.
  [[nodiscard]] Result<std::vector<log::LeavesReceipted>> receipted(
      const Digest& batch, WallTime until, std::size_t leaf_count = kLeavesPerBatchMax);
  // Ever logged; nobody's: empty.
  [[nodiscard]] Result<std::optional<SigningPublicKey>> signing_key(const AgencyId& agency,
                                                                    const KeyId& id);

 private:
  struct State;
  explicit Lanes(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::index
