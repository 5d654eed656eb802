// A whole broker as it runs: threads, sockets on 127.0.0.1, files in a temporary directory; and
// honest agencies at the other end of a real connection.
// Units: the wall clock begins where the test exchange's does; time passes by itself.
// Threads: the test's; the broker has its own.
#pragma once

#include <atomic>
#include <thread>

#include "broker/broker.h"
#include "schemas/host/clock.h"
#include "schemas/host/posix_disk.h"
#include "schemas/host/wake.h"
#include "schemas/wire/frame.h"
#include "tests/support/hostile_peer.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_journal.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_exchange.h"

namespace keruen::broker {

class RunningBroker : public ::testing::Test {
 protected:
  static constexpr std::string_view kHonest = "kz.prosecutor";

  RunningBroker() : exchange({"kz.border-guard", "kz.customs", "kz.prosecutor"}) {}
  void SetUp() override;
  void TearDown() override;
  // Ends as a signal would end it; what run() returned.
  [[nodiscard]] Result<void> stop();
  void start();

  // ---- peers ----
  [[nodiscard]] HostilePeer::Options options_of(std::string_view agency);
  [[nodiscard]] wire::Hello hello() const;
  static void say(HostilePeer& peer, const wire::Frame& frame);
  // The next frame of this kind; others are passed over. Fails the test when none comes.
  template <class Kind>
  Kind hear(HostilePeer& peer) {
    while (auto bytes = peer.receive()) {
      auto frame = wire::decode_frame(SharedBytes(std::move(*bytes)));
      EXPECT_THAT(frame, IsOk());
      if (frame && std::holds_alternative<Kind>(*frame)) return std::get<Kind>(std::move(*frame));
    }
    ADD_FAILURE() << "a frame that was waited for did not come";
    return {};
  }
  // Connected, greeted and welcomed.
  [[nodiscard]] std::unique_ptr<HostilePeer> connect(std::string_view agency);
  // An agency that behaves hands in a batch on its own connection and is answered.
  void expect_an_honest_answer();

  TestExchange exchange;
  TemporaryDirectory directory;
  MemoryJournal journal;
  host::PosixDisk disk;
  std::string endpoint;

 private:
  // The machine's clock, set to the test exchange's day.
  class Clock final : public host::Clock {
   public:
    [[nodiscard]] Now now() const override {
      const Now now = system_.now();
      return {now.monotonic, VirtualClock::kStart + (now.wall - began_)};
    }

   private:
    host::SystemClock system_;
    WallTime began_ = system_.now().wall;
  };
  [[nodiscard]] std::string path(std::string_view name) const {
    return (directory / name).string();
  }
  void write_files();
  [[nodiscard]] host::BrokerConfig config() const;

  certs::SystemRandomness randomness_;
  Clock clock_;
  std::unique_ptr<host::Wake> stop_;
  std::unique_ptr<Broker> broker_;
  std::thread thread_;
  Result<void> ended_;
  std::unique_ptr<HostilePeer> honest_;
  TestStream honest_stream_;
};

}  // namespace keruen::broker
