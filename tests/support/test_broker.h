// The whole broker in one thread: core, log, reader and signer stations on a disk that fails when
// told to, and connections that are queues.
// Units: whatever `now` says.   Threads: one.   Lifetime: exchange, disk and journal outlive it.
//
// Effects are carried out at once; a frame to a peer waits in its connection until it is taken.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "broker/caretaker.h"
#include "broker/exchange.h"
#include "broker/index/index.h"
#include "broker/log/checkpoint_signer.h"
#include "broker/log/log.h"
#include "broker/log_station.h"
#include "broker/reader_station.h"
#include "schemas/host/journal.h"
#include "tests/support/fault_disk.h"
#include "tests/support/test_exchange.h"

namespace keruen {

class TestBroker {
 public:
  static constexpr std::size_t kSegmentBytes = 1024 * 1024;

  // `index_path` is SQLite's: on the real disk, or on any that a DiskVfs stands on.
  TestBroker(TestExchange& exchange, host::Disk& disk, std::string index_path,
             host::Journal& journal)
      : exchange_(exchange), disk_(disk), index_path_(std::move(index_path)), journal_(journal) {}

  // Recovers what is on the disk; an empty log begins with the first registry.
  [[nodiscard]] Result<void> start(Now now);
  // As a killed process leaves it: every connection is gone, nothing more is written.
  void kill();
  [[nodiscard]] bool is_running() const { return core_ != nullptr; }
  // Why it stopped by itself.
  [[nodiscard]] const std::optional<Error>& stopped_because() const { return stopped_because_; }

  void forget_why_it_stopped() { stopped_because_.reset(); }

  [[nodiscard]] std::optional<broker::ConnectionId> connect(const KeyId& transport_key, Now now);
  void disconnect(broker::ConnectionId connection, Now now);
  [[nodiscard]] bool is_open(broker::ConnectionId connection) const {
    return connections_.contains(connection);
  }
  void take(broker::ConnectionId from, SharedBytes frame, Now now);
  // The next frame to this peer.
  [[nodiscard]] std::optional<SharedBytes> next_for(broker::ConnectionId connection);
  void tick(Now now) { handle(broker::Tick{}, now); }
  // A key record handed in over some other connection, which is no more.
  void take_record(const AgencyId& agency, const wire::SignedRecord& record, Now now);
  void publish(const wire::UnverifiedSnapshot& registry, Now now);
  // From the next start on: smaller segments, bodies kept for so long after a segment's last entry.
  void keep_bodies(std::size_t segment_bytes, std::chrono::milliseconds kept) {
    segment_bytes_ = segment_bytes;
    batches_kept_ = kept;
  }
  // From the next start on: so much of the disk is kept for the index, as the program keeps it.
  void reserve_for_index(std::uint64_t bytes) { index_reserve_bytes_ = bytes; }
  // The caretaker's work, until nothing of the log is due.
  [[nodiscard]] Result<void> look_after_log(Now now);

  [[nodiscard]] TreeSize log_size() const { return log_->size(); }

 private:
  struct Connection {
    KeyId key;
    std::deque<SharedBytes> frames;
    bool is_closing = false;  // what it was told before still arrives
  };
  [[nodiscard]] Result<void> open_log();
  void handle(broker::Event event, Now now);
  void carry_out(broker::Effect effect, Now now);
  void submit(const broker::Submission& submission, Now now);

  TestExchange& exchange_;
  host::Disk& disk_;
  const std::string index_path_;
  host::Journal& journal_;
  std::unique_ptr<log::CheckpointSigner> signer_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<index::Index> index_;
  std::unique_ptr<broker::LogStation> station_;
  std::unique_ptr<broker::ReaderStation> reader_;
  std::unique_ptr<broker::Caretaker> caretaker_;
  std::unique_ptr<broker::Exchange> core_;
  std::map<broker::ConnectionId, Connection> connections_;
  std::map<KeyId, MonotonicTime> shut_;
  std::deque<broker::Event> events_;
  std::uint64_t connections_made_ = 0;
  std::size_t segment_bytes_ = kSegmentBytes;
  std::uint64_t index_reserve_bytes_ = 0;
  std::chrono::milliseconds batches_kept_ = log::LogOptions().batches_kept;
  std::optional<Error> stopped_because_;
};

}  // namespace keruen
