// A whole exchange made at the real desks in a temporary folder: an authority, the keruen-broker
// program as a process, and agencies whose agents run in this process, without their API.
// Threads: one calls; each agent has its engine's and its link's.
// Lifetime: agents and broker end with it, and the folder goes.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "agents/engine/engine_thread.h"
#include "agents/link/link.h"
#include "agents/store/reader.h"
#include "agents/store/store.h"
#include "schemas/host/clock.h"
#include "schemas/host/journal.h"
#include "schemas/host/posix_disk.h"
#include "tests/bench/child_process.h"
#include "tests/support/temporary_directory.h"

namespace keruen::bench {

// Prints warnings and errors: a round in which something went wrong is no measurement.
class AlarmJournal final : public host::Journal {
 public:
  using host::Journal::write;
  void write(host::JournalLevel level, std::string_view event, Fields fields) override;
};

class SiteAgent {
 public:
  // From the folder `agency init` and `agency join` made.
  [[nodiscard]] static Result<std::unique_ptr<SiteAgent>> start(const std::string& folder,
                                                                host::Disk& disk,
                                                                host::Clock& clock,
                                                                host::Journal& journal);
  ~SiteAgent();

  void connect();
  void disconnect();
  [[nodiscard]] const AgencyId& id() const { return id_; }
  [[nodiscard]] engine::EngineThread& engine() { return *thread_; }
  [[nodiscard]] Result<std::unique_ptr<store::Reader>> open_reader() const;

  // Events written since the start: one for each step of each listed message and recipient.
  [[nodiscard]] std::uint64_t events() const { return events_.load(); }
  // False: not within `patience` since the last progress.
  [[nodiscard]] bool wait_for_events(std::uint64_t number, std::chrono::seconds patience);
  // Called on the engine's thread; set while nothing happens.
  void on_events(std::function<void(std::uint64_t newest)> told);

 private:
  SiteAgent() = default;
  void tell(std::uint64_t newest);

  AgencyId id_;
  std::string store_path_;
  certs::SecretBytes store_key_;
  certs::SystemRandomness randomness_;
  host::Journal* journal_ = nullptr;
  std::unique_ptr<host::DirectoryLock> lock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<host::Backfiller> backfiller_;
  std::unique_ptr<engine::Engine> core_;
  std::atomic<std::uint64_t> events_{0};
  std::mutex mutex_;
  std::condition_variable progress_;
  std::function<void(std::uint64_t)> told_;
  std::unique_ptr<link::Link> link_;
  std::unique_ptr<engine::EngineThread> thread_;
};

class Site {
 public:
  // Agencies kz.agency-0 … of the group kz.all, whose members may write to each other; all of them
  // are connected and have each other's keys.
  [[nodiscard]] static Result<std::unique_ptr<Site>> make(std::size_t agencies);
  ~Site();

  [[nodiscard]] SiteAgent& agent(std::size_t number) { return *agents_[number]; }
  [[nodiscard]] std::size_t agents() const { return agents_.size(); }
  [[nodiscard]] ChildProcess& broker() { return *broker_; }
  [[nodiscard]] const std::string& broker_folder() const { return broker_folder_; }
  // From the start of the program until it answers.
  [[nodiscard]] Result<std::chrono::nanoseconds> start_broker();
  void stop_broker() { broker_->stop(); }
  // While it is stopped.
  [[nodiscard]] Result<void> delete_index() const;

 private:
  Site() = default;
  [[nodiscard]] Result<void> found(std::size_t agencies);
  [[nodiscard]] Result<void> exchange_keys();

  TemporaryDirectory folder_;
  host::PosixDisk disk_;
  host::SystemClock clock_;
  AlarmJournal journal_;
  std::string broker_folder_;
  std::unique_ptr<ChildProcess> broker_;
  std::vector<std::unique_ptr<SiteAgent>> agents_;
};

}  // namespace keruen::bench
