#include "broker/registry_file.h"

#include "broker/broker.h"
#include "schemas/host/clock.h"
#include "schemas/host/disk.h"
#include "tests/broker/station_bench.h"
#include "tests/support/fault_disk.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_journal.h"
#include "tests/support/test_exchange.h"

namespace keruen::broker {
namespace {

using std::chrono::seconds;

class RegistryFileTest : public ::testing::Test {
 protected:
  void write(const Bytes& bytes) {
    ASSERT_THAT(host::write_file_atomically(disk, "registry", bytes, host::kSharedMode), IsOk());
  }
  // Whether there is something to submit now.
  [[nodiscard]] bool is_due() {
    auto due = file.changed([this](const Digest&) { return logged; }, exchange.clock().now());
    EXPECT_THAT(due, IsOk());
    return due && due->has_value();
  }

  TestExchange exchange{{"kz.customs"}};
  FaultDisk disk;
  MemoryJournal journal;
  RegistryFile file{disk, "registry", journal};
  bool logged = false;
};

TEST_F(RegistryFileTest, IsSubmittedOnceItIsThereAndAgainWhenItChanged) {
  EXPECT_FALSE(is_due());
  write(wire::encode_snapshot(exchange.next_registry()));
  EXPECT_TRUE(is_due());
  EXPECT_FALSE(is_due());
  write(wire::encode_snapshot(exchange.next_registry()));
  EXPECT_TRUE(is_due());
}

TEST_F(RegistryFileTest, IsSubmittedAgainUntilItStandsInTheLog) {
  write(wire::encode_snapshot(exchange.next_registry()));
  EXPECT_TRUE(is_due());
  exchange.clock().advance(seconds(61));
  EXPECT_TRUE(is_due());
  logged = true;
  exchange.clock().advance(seconds(61));
  EXPECT_FALSE(is_due());
}

TEST_F(RegistryFileTest, ADamagedFileIsSaidOnce) {
  write(Bytes(100, 7));
  const auto nothing = [](const Digest&) { return false; };
  EXPECT_THAT(file.changed(nothing, exchange.clock().now()),
              FailsWith(ErrorCode::malformed, ::testing::HasSubstr("registry")));
  EXPECT_FALSE(is_due());
  exchange.clock().advance(seconds(61));
  EXPECT_FALSE(is_due());
}

// Every two seconds would wash everything else out of the journal.
TEST_F(RegistryFileTest, AFileThatCannotBeReadIsSaidOnce) {
  write(wire::encode_snapshot(exchange.next_registry()));
  disk.fail_nth(FaultDisk::Operation::read, 1, ErrorCode::io_failed, FaultDisk::Repeat::for_ever);
  const auto nothing = [](const Digest&) { return false; };
  EXPECT_THAT(file.changed(nothing, exchange.clock().now()), FailsWith(ErrorCode::io_failed));
  EXPECT_FALSE(is_due());
  disk.heal();
  EXPECT_TRUE(is_due());
}

// A broker that is started while its registry file does not read.
class UnreadableRegistryFileTest : public StationBench {
 protected:
  class BenchClock final : public host::Clock {
   public:
    explicit BenchClock(const VirtualClock& clock) : clock_(clock) {}
    [[nodiscard]] Now now() const override { return clock_.now(); }

   private:
    const VirtualClock& clock_;
  };
  void SetUp() override {
    wire::AuthoritiesEntry authorities;
    for (const auto& root : exchange.authorities().roots) authorities.roots.push_back(root.der);
    authorities.threshold = exchange.authorities().threshold;
    ASSERT_THAT(
        host::write_file_atomically(disk, "authorities", wire::encode_registry_entry(authorities),
                                    host::kSharedMode),
        IsOk());
    ASSERT_THAT(host::write_file_atomically(disk, "registry", Bytes(100, 7), host::kSharedMode),
                IsOk());
  }
  [[nodiscard]] Result<std::unique_ptr<Broker>> open_broker() {
    host::BrokerConfig config;
    config.origin = exchange.origin();
    config.endpoint = "tcp://127.0.0.1:*";
    config.log_directory = "log";
    config.segment_bytes = segment_bytes;
    config.guard_file = "guard/checkpoint";
    config.index_file = index_path();
    config.registry_file = "registry";
    config.authorities_file = "authorities";
    KERUEN_TRY(auto transport,
               certs::TransportKeyPair::from_secret(exchange.broker_transport().secret()));
    KERUEN_TRY(auto log_key, certs::SigningKeyPair::from_seed(exchange.log_key().seed()));
    return Broker::open(config, {std::move(transport), std::move(log_key)},
                        log::CheckpointSigner::MissingGuard::accept,
                        {disk, clock, journal, exchange.randomness()});
  }

  BenchClock clock{exchange.clock()};
};

TEST_F(UnreadableRegistryFileTest, IsAWarningWhereTheLogHasARegistry) {
  open();
  if (HasFatalFailure()) return;
  found();
  close();
  EXPECT_THAT(open_broker(), IsOk());
  EXPECT_EQ(journal.count("registry_file_unreadable"), 1u);
}

TEST_F(UnreadableRegistryFileTest, EndsTheStartWhereThereIsNone) {
  EXPECT_THAT(open_broker(), FailsWith(ErrorCode::malformed, ::testing::StartsWith("registry: ")));
}

}  // namespace
}  // namespace keruen::broker
