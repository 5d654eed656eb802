#include "broker/registry_file.h"

#include "schemas/host/disk.h"
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

}  // namespace
}  // namespace keruen::broker
