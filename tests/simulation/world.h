// A whole exchange in one thread: a broker and its disk, agents with theirs, the officers at each,
// one clock, and everything that can be done to them.
// Units: virtual time.   Threads: one.   Lifetime: ground and trace outlive it; one at a time.
//
// Nothing happens by itself, everything that happens goes into the trace. Each process has its own
// wall clock, ahead of or behind the true one; the monotonic one is everybody's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/application.h"
#include "tests/simulation/ground.h"
#include "tests/simulation/mix.h"
#include "tests/simulation/trace.h"
#include "tests/support/fault_disk.h"
#include "tests/support/test_agent.h"
#include "tests/support/test_broker.h"

namespace keruen::simulation {

inline constexpr const char* kBrokerFolder = "/broker";
// Small, so that a run sees several segments of the log.
inline constexpr std::size_t kSegmentBytes = 32 * 1024;
// As small as may be where files are sent: whatever is one batch is in one segment.
inline constexpr std::size_t kSegmentOfFilesBytes = kBatchBytesMax + 16 * 1024;

// A defect may be planted below the broker: a disk that stands before its own.
struct WorldOptions {
  std::vector<std::string> agencies = kAgencies;              // those who take part
  std::chrono::milliseconds clocks_off_max = kClockAheadMax;  // zero: no clock is ever set wrong
  std::size_t segment_bytes = kSegmentBytes;
  std::function<std::unique_ptr<host::Disk>(FaultDisk& disk)> broker_disk_seam;
};

class World {
 public:
  // Everybody is stopped, on the ground's disks.
  World(Ground& ground, std::uint64_t seed, Trace& trace, const WorldOptions& options = {});
  ~World();

  // ---- time and frames ----
  [[nodiscard]] std::uint64_t true_milliseconds() const;
  // Carries at most so many frames in each direction; false: there was none.
  // `together`: of those to the agent, so many are one round of it.
  bool carry(const std::string& agency, std::uint64_t frames, std::size_t together = 1);
  // Until all is quiet. A loop that never ends is a finding: false.
  bool settle();
  // Time goes by, ticks happen; without settling.
  void advance(std::chrono::milliseconds time);
  // Time goes by in steps, all frames are carried.
  bool pass(std::chrono::milliseconds time,
            std::chrono::milliseconds step = std::chrono::milliseconds(250));
  void set_agent_clock_ahead(const std::string& agency, std::chrono::milliseconds by);
  void set_broker_clock_ahead(std::chrono::milliseconds by);

  // ---- processes ----
  bool start_broker();
  void kill_broker();
  void cut_broker_power(std::uint64_t seed);
  bool start_agent(const std::string& agency);
  void kill_agent(const std::string& agency);
  void cut_agent_power(const std::string& agency, std::uint64_t seed);
  void connect(const std::string& agency);
  void disconnect(const std::string& agency);
  bool start_everybody();
  // Each process ends by itself, files closed; never a fault.
  void stop_everybody();
  // A process that found it cannot go on has ended, as its main would end it.
  void bury_the_stopped();
  [[nodiscard]] bool is_running(const std::string& agency) const;
  [[nodiscard]] TestAgent& agent(const std::string& agency) { return *party(agency).agent; }
  [[nodiscard]] TestBroker& broker() { return *broker_; }

  // ---- disks ----
  [[nodiscard]] FaultDisk& broker_disk() { return broker_disk_; }
  [[nodiscard]] FaultDisk& disk_of(const std::string& agency) { return party(agency).disk; }
  // The agent's store as it is now, with what its officers know; the agent is killed for it.
  void copy_store(const std::string& agency);
  [[nodiscard]] bool has_copy(const std::string& agency);
  void restore_store(const std::string& agency);

  // ---- officers ----
  // failed: its agent does not run.
  checker::HowEnded send(const std::string& agency, const Letter& letter);
  void recall(const std::string& agency);
  void look(const std::string& agency);
  [[nodiscard]] Application& application(const std::string& agency) {
    return party(agency).application;
  }

  // ---- the end ----
  // Every fault is taken back, and everybody runs and has heard of everybody's keys; false:
  // somebody does not start.
  bool heal(Recovery recovery);
  // Once healed: each agency to all others. Whose agent does not take it is among the words.
  void everybody_sends(Letter letter);
  // Until nothing is under way or so much time went by.
  bool drain(std::chrono::milliseconds deadline);
  // Closes the histories; disks go into the trace.
  [[nodiscard]] std::vector<checker::History> finish(checker::Ended ended);
  // What went wrong in the processes' own words, "kz.customs: …": alerts, and why one ended or did
  // not start, unless its disk had failed it in that life.
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }

 private:
  struct Copy {
    std::map<std::string, Bytes> files;
    Application::Memory memory;
  };
  struct Party {
    Party(std::string id, std::chrono::milliseconds clocks_off_max)
        : application(std::move(id), clocks_off_max) {}
    FaultDisk disk;
    FaultDisk::Failures failed_before;  // when the process was started
    std::unique_ptr<TraceJournal> journal;
    std::unique_ptr<TestAgent> agent;
    Application application;
    std::chrono::milliseconds ahead{0};
    std::size_t alerts_seen = 0;
    std::optional<Copy> copy;
  };
  [[nodiscard]] Party& party(const std::string& agency) { return *parties_.at(agency); }
  [[nodiscard]] Now broker_now() const;
  [[nodiscard]] Now now_at(const Party& party) const;
  [[nodiscard]] Moments moments(const Party& party) const { return {now_at(party), broker_now()}; }
  void say(const std::string& words);
  void complain(std::string words);
  void complain_of_end(const std::string& what, const Error& error, const FaultDisk& disk,
                       const FaultDisk::Failures& failed_before);
  void note_alerts(const std::string& agency, Party& party);
  [[nodiscard]] bool takes(const std::string& agency, const Letter& letter);
  void trace_files(FaultDisk& disk);
  [[nodiscard]] bool anything_under_way();

  Ground& ground_;
  Trace& trace_;
  FaultDisk broker_disk_;
  FaultDisk::Failures broker_disk_failed_before_;
  std::unique_ptr<host::Disk> broker_disk_seam_;
  TraceJournal broker_journal_;
  std::map<std::string, std::unique_ptr<Party>> parties_;
  std::unique_ptr<TestBroker> broker_;
  std::chrono::milliseconds broker_ahead_{0};
  bool broker_clock_was_wrong_ = false;  // at some moment since the broker started
  MonotonicTime began_;
  WallTime broker_was_at_;  // the latest its clock ever was while it ran
  std::vector<std::string> words_;
};

}  // namespace keruen::simulation
