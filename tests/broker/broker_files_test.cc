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
  [[nodiscard]] Result<std::unique_ptr<Broker>> open_broker(const host::Clock& clock) {
    host::BrokerConfig config;
    config.origin = exchange.origin();
    config.endpoint = "tcp://127.0.0.1:*";
    config.log_directory = "log";
    config.segment_bytes = segment_bytes;
    config.guard_file = "guard/checkpoint";
    config.index_file = index_path();
    config.registry_file = "registry";
    config.authorities_file = "authorities";
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
  // A registry in the log that lists this operator.
  void list_operator(const certs::TransportKeyPair& key) {
    auto draft = exchange.registry_draft();
    draft.operators.push_back(
        {*OperatorName::parse("duty"), key.public_key(), wire::OperatorRole::monitor});
    open();
    if (HasFatalFailure()) return;
    log_and_learn(exchange.sign_registry(draft));
    close();
  }
  // Enough for what is written anew at a start, not for anything that grows.
  void fill_disk() {
    constexpr std::uint64_t kLeftBytes = 4096;
    KERUEN_ASSERT_OK(const auto free, disk.free_bytes("log"));
    disk.set_capacity(FaultDisk::kCapacityDefault - free + kLeftBytes);
  }
};

TEST_F(BrokerFilesTest, EndsWhenTheLogTurnsOutDamagedAndNamesThePlace) {
  // The first holds the directory and the last is read at the start: those between are damaged.
  KERUEN_ASSERT_OK(auto names, disk.list("log"));
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".batches"); });
  ASSERT_GT(names.size(), 2u);
  for (std::size_t i = 1; i + 1 < names.size(); ++i) {
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
  write_registry(exchange.next_registry());
  fill_disk();
  const StandingClock clock(exchange.clock().now());
  KERUEN_ASSERT_OK(const auto broker, open_broker(clock));
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  Result<void> ended;
  std::thread serving([&] { ended = broker->run(stop); });
  HostilePeer::Options options;
  options.server = exchange.broker_transport().public_key();
  options.own = &key;
  HostilePeer monitor(broker->endpoint(), options);
  monitor.send(wire::encode_frame(wire::OperatorQuery{wire::ReportKind::status, {}}));
  const auto answer = monitor.receive();
  ::eventfd_write(stop, 1);
  serving.join();
  ::close(stop);
  EXPECT_THAT(ended, IsOk());
  ASSERT_TRUE(answer.has_value());
  KERUEN_ASSERT_OK(const auto frame, wire::decode_frame(SharedBytes(*answer)));
  const auto* report = std::get_if<wire::OperatorReport>(&frame);
  ASSERT_NE(report, nullptr);
  EXPECT_EQ(std::get<wire::StatusReport>(report->report).fault, ErrorCode::no_space);
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
