// The registry as `keruen authority publish` leaves it on the broker's disk, looked at now and
// then. Threads: one.   Lifetime: borrows disk and journal.
//
// What it holds proves itself; the log decides whether it is newer than what is in force.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "broker/stations.h"
#include "certs/registry.h"

namespace keruen::host {
class Disk;
class Journal;
}  // namespace keruen::host

namespace keruen::broker {

// The roots that must have signed registry version 1. not_found, malformed: say what to copy where.
[[nodiscard]] Result<certs::Authorities> load_authorities(host::Disk& disk,
                                                          const std::string& path);

class RegistryFile {
 public:
  RegistryFile(host::Disk& disk, std::string path, host::Journal& journal)
      : disk_(disk), path_(std::move(path)), journal_(journal) {}

  // Whether a registry of this head is in the log.
  using IsLogged = std::function<bool(const Digest& head)>;
  // What to submit: the file when it changed, and once a minute again while it is not in the log,
  // for what refused it (the clock, the disk) may pass. A file that does not read is an error once,
  // until it changes.
  [[nodiscard]] Result<std::optional<SubmittedSnapshot>> changed(const IsLogged& is_logged,
                                                                 Now now);
  // Says in the journal what became of it.
  void report(const LogEvent& outcome);

 private:
  host::Disk& disk_;
  const std::string path_;
  host::Journal& journal_;
  std::optional<ErrorCode> not_read_;  // what was told last
  std::optional<Digest> seen_;
  std::optional<MonotonicTime> again_at_;  // empty: it is logged, or does not read
};

}  // namespace keruen::broker
