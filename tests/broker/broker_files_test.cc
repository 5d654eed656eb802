// The program put together: what is wrong with its files ends it, in words.
#include "broker/broker.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

#include "broker/log/segment.h"
#include "schemas/host/clock.h"
#include "schemas/wire/frame.h"
#include "tests/broker/station_bench.h"
#include "tests/support/hostile_peer.h"

namespace keruen::broker {
namespace {

using ::testing::HasSubstr;

class StandingClock final : public host::Clock {
 public:
  explicit StandingClock(Now now) : now_(now) {}
  [[nodiscard]] Now now() const override { return now_; }

 private:
  const Now now_;
};

class BrokerFilesTest : public StationBench {
 protected:
  void SetUp() override {
    segment_bytes = 32 * 1024;
    open();
    if (HasFatalFailure()) return;
    found();
    auto stream = exchange.open_stream("kz.border-guard");
    for (int i = 0; i < 6; ++i) {
      static_cast<void>(
          submit(exchange.messages(stream, {{{"kz.customs"}, std::string(20'000, 'x')}})));
    }
    close();
    write_authorities();
  }
  void write_authorities() {
    wire::AuthoritiesEntry authorities;
    for (const auto& root : exchange.authorities().roots) authorities.roots.push_back(root.der);
    authorities.threshold = exchange.authorities().threshold;
    ASSERT_THAT(
        host::write_file_atomically(disk, "authorities", wire::encode_registry_entry(authorities),
                                    host::kSharedMode),
        IsOk());
  }
  [[nodiscard]] host::BrokerConfig config() const {
    host::BrokerConfig config;
    config.origin = exchange.origin();
    config.endpoint = "tcp://127.0.0.1:*";
    config.log_directory = "log";
    config.segment_bytes = segment_bytes;
    config.guard_file = "guard/checkpoint";
    config.index_file = index_path();
    config.registry_file = "registry";
    config.authorities_file = "authorities";
    return config;
  }
  [[nodiscard]] Result<std::unique_ptr<Broker>> open_broker(const host::Clock& clock) {
    return open_broker(clock, config());
  }
  [[nodiscard]] Result<std::unique_ptr<Broker>> open_broker(const host::Clock& clock,
                                                            const host::BrokerConfig& config) {
    KERUEN_TRY(auto log_key, certs::SigningKeyPair::from_seed(exchange.log_key().seed()));
    KERUEN_TRY(auto transport,
               certs::TransportKeyPair::from_secret(exchange.broker_transport().secret()));
    return Broker::open(config, {std::move(transport), std::move(log_key)},
                        log::CheckpointSigner::MissingGuard::accept,
                        {disk, clock, journal, exchange.randomness()});
  }
  void write_registry(const wire::UnverifiedSnapshot& registry) {
    ASSERT_THAT(host::write_file_atomically(disk, "registry", wire::encode_snapshot(registry),
                                            host::kSharedMode),
                IsOk());
  }
  // The next registry, which lists this operator.
  [[nodiscard]] wire::UnverifiedSnapshot registry_listing(const certs::TransportKeyPair& key) {
    auto draft = exchange.registry_draft();
    draft.operators.push_back(
        {*OperatorName::parse("duty"), key.public_key(), wire::OperatorRole::monitor});
    return exchange.sign_registry(draft);
  }
  // One in the log.
  void list_operator(const certs::TransportKeyPair& key) {
    open();
    if (HasFatalFailure()) return;
    log_and_learn(registry_listing(key));
    close();
  }
  void send_one() {
    open();
    if (HasFatalFailure()) return;
    auto stream = exchange.open_stream("kz.border-guard", Lane::bulk);
    static_cast<void>(accepted(submit(exchange.messages(stream, {{{"kz.customs"}}}))));
    close();
  }
  // Nothing is left, not for the guard either, which is written anew at a start.
  void fill_disk() {
    KERUEN_ASSERT_OK(const auto free, disk.free_bytes("log"));
    disk.set_capacity(FaultDisk::kCapacityDefault - free);
  }
};

// A broker that serves while this lives.
class Serving {
 public:
  explicit Serving(Broker& broker)
      : stop_(::eventfd(0, EFD_CLOEXEC)),
        thread_([this, &broker] { ended_ = broker.run(stop_); }) {}
  ~Serving() {
    if (thread_.joinable()) static_cast<void>(end());
    ::close(stop_);
  }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;
  // Ends it as a signal would.
  [[nodiscard]] Result<void> end() {
    ::eventfd_write(stop_, 1);
    thread_.join();
    return ended_;
  }

 private:
  const int stop_;
  Result<void> ended_;
  std::thread thread_;
};

// An operator's window.
class Monitor {
 public:
  Monitor(const Broker& broker, const TransportPublicKey& server,
          const certs::TransportKeyPair& key)
      : peer_(broker.endpoint(), options_of(server, key)) {}
  // Empty: no answer came.
  std::optional<wire::StatusReport> status() {
    peer_.send(wire::encode_frame(wire::OperatorQuery{wire::ReportKind::status, {}}));
    const auto answer = peer_.receive();
    if (!answer) return std::nullopt;
    const auto frame = wire::decode_frame(SharedBytes(*answer));
    EXPECT_THAT(frame, IsOk());
    return std::get<wire::StatusReport>(std::get<wire::OperatorReport>(*frame).report);
  }

 private:
  static HostilePeer::Options options_of(const TransportPublicKey& server,
                                         const certs::TransportKeyPair& key) {
    HostilePeer::Options options;
    options.server = server;
    options.own = &key;
    return options;
  }
  HostilePeer peer_;
};

TEST_F(BrokerFilesTest, EndsWhenTheLogTurnsOutDamagedAndNamesThePlace) {
  // The last is read at the start, and no other.
  KERUEN_ASSERT_OK(auto names, disk.list("log"));
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".batches"); });
  ASSERT_GT(names.size(), 2u);
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    disk.damage("log/" + names[i], log::kSegmentHeadBytes + 200, 1);
  }
  const StandingClock clock(exchange.clock().now());
  KERUEN_ASSERT_OK(const auto broker, open_broker(clock));
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  EXPECT_THAT(broker->run(stop), FailsWith(ErrorCode::corrupt, HasSubstr(".batches at byte")));
  ::close(stop);
}

// The log said so when the newer registry was handed to it, before there was a core to hear it.
TEST_F(BrokerFilesTest, ShowsAnOperatorThatItStartedOnAFullDisk) {
  const auto key = certs::TransportKeyPair::generate(exchange.randomness());
  list_operator(key);
  write_registry(registry_listing(key));
  const StandingClock clock(exchange.clock().now());
  ASSERT_THAT(open_broker(clock), IsOk());  // it made its guard
  fill_disk();
  KERUEN_ASSERT_OK(const auto broker, open_broker(clock));
  Serving serving(*broker);
  Monitor monitor(*broker, exchange.broker_transport().public_key(), key);
  auto report = monitor.status();
  // What it cannot sign is found out on a thread of its own.
  for (int i = 0; i < 10'000 && report && !report->fault; ++i) report = monitor.status();
  EXPECT_THAT(serving.end(), IsOk());
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->fault, ErrorCode::no_space);
}

TEST_F(BrokerFilesTest, SignsWhatItCouldNotAtItsStartOnceThereIsRoomForItsGuard) {
  const auto key = certs::TransportKeyPair::generate(exchange.randomness());
  list_operator(key);
  const StandingClock clock(exchange.clock().now());
  ASSERT_THAT(open_broker(clock), IsOk());  // it made its guard
  send_one();
  fill_disk();
  KERUEN_ASSERT_OK(const auto broker, open_broker(clock));
  disk.set_capacity(FaultDisk::kCapacityDefault);
  Serving serving(*broker);
  Monitor monitor(*broker, exchange.broker_transport().public_key(), key);
  auto report = monitor.status();
  // It is asked for in the first round, and signed on a thread of its own.
  for (int i = 0; i < 10'000 && report && report->checkpoint_size == 0; ++i) {
    report = monitor.status();
  }
  EXPECT_THAT(serving.end(), IsOk());
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->checkpoint_size, report->log_entries);
}

TEST_F(BrokerFilesTest, LeavesTheIndexOfAnotherBrokerAlone) {
  const StandingClock clock(exchange.clock().now());
  KERUEN_ASSERT_OK(const auto broker, open_broker(clock));
  host::BrokerConfig copied = config();
  copied.log_directory = "another/log";
  copied.guard_file = "another/guard/checkpoint";
  EXPECT_THAT(open_broker(clock, copied),
              FailsWith(ErrorCode::denied, HasSubstr(directory.path().string() + " is in use")));
  EXPECT_EQ(journal.count("index_of_another_log"), 0u);
}

TEST_F(BrokerFilesTest, IsNotInItsOwnWayWhereIndexAndLogShareAFolder) {
  const StandingClock clock(exchange.clock().now());
  host::BrokerConfig shared = config();
  shared.log_directory = directory.path().string() + "/./";
  shared.guard_file = "another/guard/checkpoint";
  // A log that is new lacks a registry.
  EXPECT_THAT(open_broker(clock, shared), FailsWith(ErrorCode::not_found));
}

TEST_F(BrokerFilesTest, EndsWhenAskedTo) {
  const StandingClock clock(exchange.clock().now());
  KERUEN_ASSERT_OK(const auto broker, open_broker(clock));
  const int stop = ::eventfd(1, EFD_CLOEXEC);
  EXPECT_THAT(broker->run(stop), IsOk());
  ::close(stop);
}

}  // namespace
}  // namespace keruen::broker
