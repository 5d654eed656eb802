// An agency's engine with its real store, connected to a TestBroker by two queues; no thread.
// Threads: one.   Lifetime: exchange and journal outlive it; the store's file lies in a directory
// of its own.
//
// What the engine sends waits here until exchange_frames() carries it over, so that a test can cut
// the line between any two frames.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "agents/engine/rounds.h"
#include "agents/store/reader.h"
#include "agents/store/store.h"
#include "schemas/host/posix_disk.h"
#include "tests/support/memory_journal.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_broker.h"

namespace keruen {

// What the agent's clock says and what the broker's says; mostly the same.
struct Moments {
  Moments(Now both) : here(both), at_broker(both) {}
  Moments(Now agent, Now broker) : here(agent), at_broker(broker) {}
  Now here;
  Now at_broker;
};

class TestAgent {
 public:
  TestAgent(TestExchange& exchange, std::string_view id, host::Journal& journal);
  // The store lies in `folder` of a disk that outlives the agent; a DiskVfs leads SQLite there.
  TestAgent(TestExchange& exchange, std::string_view id, host::Journal& journal, host::Disk& disk,
            std::string folder);
  ~TestAgent();

  [[nodiscard]] Result<void> start(Now now, engine::EngineOptions::AfterHalt after_halt =
                                                engine::EngineOptions::AfterHalt::stay_halted);
  // From the next start on: how long messages stay.
  void keep(std::chrono::days days) { keep_ = days; }
  // As a killed process leaves it.
  void kill(TestBroker& broker, Moments now);
  [[nodiscard]] bool is_running() const { return engine_ != nullptr; }
  [[nodiscard]] const std::optional<Error>& stopped_because() const { return stopped_because_; }

  // No line: frames the engine sends are lost, as on a dead connection.
  void connect(TestBroker& broker, Moments now);
  void disconnect(TestBroker& broker, Moments now);
  [[nodiscard]] bool is_connected() const { return connection_.has_value(); }

  // A broker that lies: what it sent becomes what `lie` makes of it, or nothing. Empty: the truth.
  using Lie = std::function<std::optional<wire::Frame>(wire::Frame)>;
  void lie(Lie lie) { lie_ = std::move(lie); }

  // Told of each frame as it is carried, before it has an effect.
  enum class Direction : std::uint8_t { to_broker = 1, to_agent = 2 };
  using Watch = std::function<void(Direction direction, BytesView frame)>;
  void watch(Watch watch) { watch_ = std::move(watch); }

  // Carries one frame to the broker and up to `together` to the agent, which are one round there;
  // false: there was none.
  [[nodiscard]] bool exchange_frames(TestBroker& broker, Moments now, std::size_t together = 1);
  void tick(Now now) { play({engine::Tick{}}, now); }
  // As an application asks it: in a round of its own, durable when this returns.
  [[nodiscard]] Result<engine::Submitted> submit(const engine::SubmitRequest& request, Now now);
  // In one transaction; what it causes happens with the next round.
  [[nodiscard]] std::vector<Result<engine::Submitted>> submit_all(
      const std::vector<engine::SubmitRequest>& requests, Now now);

  [[nodiscard]] const AgencyId& id() const { return id_; }
  [[nodiscard]] engine::Engine& engine() { return *engine_; }
  [[nodiscard]] store::Reader& reader() { return *reader_; }
  // One more, for this thread.
  [[nodiscard]] Result<std::unique_ptr<store::Reader>> open_reader() const {
    return store::Reader::open(store_path(), store_key_, [this] { return engine_->publish(); });
  }
  [[nodiscard]] const std::vector<std::string>& alerts() const { return alerts_; }
  [[nodiscard]] std::size_t frames_sent() const { return frames_sent_; }
  [[nodiscard]] const certs::SecretBytes& store_key() const { return store_key_; }
  // Small, so that what is stored soon lies in several.
  static constexpr std::uint64_t kContentSegmentBytes = 64 * 1024;
  [[nodiscard]] std::string store_path() const { return folder_ + "/store.sqlite"; }
  // Of an agent without a disk of its own.
  [[nodiscard]] const TemporaryDirectory& directory() const { return *directory_; }

 private:
  // Empty: a lie kept it.
  [[nodiscard]] std::optional<SharedBytes> as_it_arrives(SharedBytes frame);
  void play(std::vector<engine::Engine::Event> events, Now now);
  void perform(std::vector<engine::Effect> effects);

  TestExchange& exchange_;
  const AgencyId id_;
  host::Journal& journal_;
  std::unique_ptr<TemporaryDirectory> directory_;
  std::unique_ptr<host::Disk> own_disk_;
  host::Disk& disk_;
  const std::string folder_;
  certs::SecretBytes store_key_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<engine::Engine> engine_;
  std::optional<engine::Rounds> rounds_;
  std::unique_ptr<store::Reader> reader_;
  std::deque<SharedBytes> outgoing_;
  std::optional<broker::ConnectionId> connection_;
  bool reconnecting_ = false;
  std::optional<std::chrono::days> keep_;
  Lie lie_;
  Watch watch_;
  std::vector<std::string> alerts_;
  std::optional<Error> stopped_because_;
  std::size_t frames_sent_ = 0;
};

}  // namespace keruen
