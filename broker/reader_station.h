// The reader thread's work as a plain function: what recipients behind the in-memory tail are owed,
// proofs, and what operators ask of the log.
// Units: a catch-up answer holds about request.bytes_max bytes of slices, one piece at least; fewer
//        where much was read for them, or nothing and how far that went.
// Threads: one (the reader thread; in a test, the test's), beside the one that appends.
// Lifetime: borrows log and journal; opens its own connection to the index's file.
//
// A question about entries the core has heard of is always answered from a complete index: rows
// stand before outcomes are given. What is read is verified again, signature and all, so damage the
// checksums missed is named here and never served. Of what retention cut down a recipient is served
// stubs of what it has not receipted, and nothing else.
// Errors of a catch-up stand in its answer (corrupt, io_failed: the broker must stop); every other
// question that fails is answered by wire::Fault and a line in the journal. `connected` in a
// waiting report is for the core, which knows.
#pragma once

#include <memory>
#include <string>

#include "broker/stations.h"

namespace keruen::host {
class Journal;
}
namespace keruen::log {
class Log;
}

namespace keruen::broker {

class ReaderStation {
 public:
  // `index_path` as given to index::Index::open, which must have returned before.
  [[nodiscard]] static Result<std::unique_ptr<ReaderStation>> open(const log::Log& log,
                                                                   const std::string& index_path,
                                                                   Origin origin,
                                                                   host::Journal& journal);
  ~ReaderStation();
  ReaderStation(const ReaderStation&) = delete;
  ReaderStation& operator=(const ReaderStation&) = delete;

  [[nodiscard]] ReadAnswer answer(const ReadRequest& request, Now now);

 private:
  struct State;
  explicit ReaderStation(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::broker
