// The program put together: what is wrong with its files ends it, in words.
#include "broker/broker.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "broker/log/segment.h"
#include "schemas/host/clock.h"
#include "tests/broker/station_bench.h"

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
    return Broker::open(
        config, {certs::TransportKeyPair::generate(exchange.randomness()), std::move(log_key)},
        log::CheckpointSigner::MissingGuard::accept, {disk, clock, journal, exchange.randomness()});
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

TEST_F(BrokerFilesTest, EndsWhenAskedTo) {
  const StandingClock clock(exchange.clock().now());
  KERUEN_ASSERT_OK(const auto broker, open_broker(clock));
  const int stop = ::eventfd(1, EFD_CLOEXEC);
  EXPECT_THAT(broker->run(stop), IsOk());
  ::close(stop);
}

}  // namespace
}  // namespace keruen::broker
