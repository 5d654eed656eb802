// What the log thread knows at start, read from the log and its index.
// Shape: functions; the values they fill belong to the caller.   Threads: the log thread only.
// Errors: io_failed, corrupt (the log or what it says does not hold together: the broker must not
// start).
#pragma once

#include <unordered_map>

#include "broker/admission/chains.h"
#include "broker/admission/disk_share.h"
#include "broker/admission/quota.h"
#include "broker/index/index.h"
#include "broker/log/log.h"
#include "certs/directory.h"

namespace keruen::broker {

// The log's prefix as ordering needs it.
struct OrderingState {
  certs::Directory directory;
  std::unordered_map<Digest, LogIndex> directory_entries;  // by signed hash
  admission::Chains chains;
  admission::Quota quota;
  admission::DiskShare disk_share;
};

// Applies to the index what it lacks. An index that is not of this log, or whose directory is not
// the one that was logged, is emptied and made anew.
[[nodiscard]] Result<void> bring_up_to_date(index::Index& index, const log::Log& log,
                                            host::Journal& journal);

// Needs an index that is up to date.
[[nodiscard]] Result<OrderingState> read_ordering_state(index::Index& index, const log::Log& log,
                                                        const Origin& origin,
                                                        const certs::Authorities& trusted);
// The directory part alone: every snapshot and key record from the index, each proved by the log's
// root and verified as an agent would.
[[nodiscard]] Result<void> read_directory(OrderingState& state, index::Index& index,
                                          const log::Log& log, const Origin& origin,
                                          const certs::Authorities& trusted);

}  // namespace keruen::broker
