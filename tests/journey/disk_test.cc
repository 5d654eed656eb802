// Disks that fill or break, at the broker and at an agent: what was accepted stays, what cannot be
// stored is refused in words, and all goes on when there is room again.
#include "tests/journey/journey.h"
#include "tests/support/fault_vfs.h"

namespace keruen {
namespace {

using std::chrono::seconds;
using store::RecipientState;
using ::testing::_;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Before Journey, whose stores must close first.
class VfsHolder {
 protected:
  FaultVfs vfs;
};

class FailingDisk : public VfsHolder, public Journey {
 protected:
  void SetUp() override { start_all(); }
  [[nodiscard]] std::string folder_of(const char* id) {
    return agent(id).directory().path().string();
  }
  // From here on each thing is written alone, and nothing makes the agent connect anew.
  void fill_disk_of(const char* id, const char* other) {
    vfs.fail_from(folder_of(id), FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
    EXPECT_THAT(agent(id).submit(notice({other}, "No room"), now()),
                FailsWith(ErrorCode::no_space));
  }
};

TEST_F(FailingDisk, AFullDiskAtTheSenderRefusesInWordsAndPassesAgain) {
  vfs.fail_from(folder_of(kGuard), FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
  const auto refused = agent(kGuard).submit(notice({kCustoms}, "No room"), now());
  EXPECT_THAT(refused, FailsWith(ErrorCode::no_space, HasSubstr("make room")));
  pass(seconds(3));
  EXPECT_FALSE(agent(kGuard).stopped_because());
  vfs.heal();
  pass(seconds(3));
  const auto id = send(kGuard, {kCustoms}, "Room again");
  pass(seconds(2));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Room again"));
}

TEST_F(FailingDisk, AFullDiskAtTheRecipientAcknowledgesNothingAndLosesNothing) {
  vfs.fail_from(folder_of(kCustoms), FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
  const auto id = send(kGuard, {kCustoms, kProsecutor}, "While your disk is full");
  pass(seconds(3));
  EXPECT_THAT(inbox(kCustoms), IsEmpty());
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::accepted);
  // Nobody else is disturbed.
  EXPECT_EQ(at(kGuard, id, kProsecutor).state, RecipientState::delivered);
  EXPECT_THAT(agent(kCustoms).alerts(), Contains(HasSubstr("disk is full")));
  vfs.heal();
  pass(seconds(5));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("While your disk is full"));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

TEST_F(FailingDisk, ARegistryThatCameWhileTheDiskWasFullIsFetchedLater) {
  const auto version = [&] { return agent(kCustoms).engine().registry()->head().version; };
  const auto before = version();
  fill_disk_of(kCustoms, kGuard);
  pass(seconds(3));
  broker.publish(exchange.next_registry(), now());
  pass(seconds(3));
  vfs.heal();
  pass(seconds(60));
  EXPECT_EQ(version(), before.next());
}

TEST_F(FailingDisk, WhatItHasNoRoomToForgetIsForgottenLater) {
  agent(kCustoms).kill(broker, now());
  agent(kCustoms).keep(std::chrono::days(62));
  ASSERT_THAT(agent(kCustoms).start(now()), IsOk());
  connect_all();
  static_cast<void>(send(kGuard, {kCustoms}, "old"));
  pass_days(65);
  vfs.fail_from(folder_of(kCustoms), FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
  pass(seconds(120));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("old"));
  EXPECT_GE(agent_journal.count("round_undone"), 1U) << "it was tried";
  EXPECT_LE(agent_journal.count("round_undone"), 2U) << "each time, the line begins anew";
  vfs.heal();
  pass(std::chrono::minutes(6));
  EXPECT_THAT(inbox(kCustoms), IsEmpty());
  EXPECT_FALSE(agent(kCustoms).stopped_because());
}

TEST_F(FailingDisk, ABatchRefusedWhileTheDiskWasFullIsNotForgotten) {
  std::optional<wire::BatchRefused> refusal;
  bool accepts = false;
  bool at_next_pong = false;
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (const auto* accepted = std::get_if<wire::BatchAccepted>(&frame); accepted && !accepts) {
      refusal = wire::BatchRefused{accepted->stream,
                                   accepted->sequence,
                                   accepted->batch,
                                   ErrorCode::expired,
                                   {accepted->stream, {}, {}}};
      return std::nullopt;
    }
    if (std::holds_alternative<wire::Pong>(frame) && std::exchange(at_next_pong, false)) {
      accepts = true;
      return *refusal;
    }
    return frame;
  });
  const auto id = send(kGuard, {kCustoms}, "Refused");
  pass(seconds(1));
  fill_disk_of(kGuard, kCustoms);
  ASSERT_TRUE(refusal.has_value());
  at_next_pong = true;
  pass(seconds(15));
  ASSERT_FALSE(at_next_pong);
  EXPECT_GE(agent_journal.count("batch_refused"), 1U);
  // Nothing was sealed anew, and nobody is told so.
  EXPECT_THAT(agent(kGuard).alerts(), Not(Contains(HasSubstr("sealed anew"))));
  vfs.heal();
  pass(seconds(35));
  EXPECT_EQ(agent(kGuard).engine().status(now()).unaccepted_batches, 0U);
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Refused"));
}

// What the broker gave up to send is told once, when it is noted.
TEST_F(FailingDisk, WhatIsGivenUpWhileTheDiskIsFullIsToldOnce) {
  withhold_first_slice(kCustoms);
  static_cast<void>(send(kGuard, {kCustoms}, "Withheld"));
  pass(seconds(1));
  static_cast<void>(send(kGuard, {kCustoms}, "The next one"));
  pass(seconds(100));
  fill_disk_of(kCustoms, kGuard);
  const auto told = [&] {
    return std::ranges::count_if(agent(kCustoms).alerts(), [](const std::string& alert) {
      return alert.find("asked for three times") != std::string::npos;
    });
  };
  pass(seconds(100));
  EXPECT_EQ(told(), 0);
  EXPECT_GT(agent(kCustoms).engine().next_tick(), now().monotonic);
  vfs.heal();
  pass(seconds(100));
  EXPECT_EQ(told(), 1);
}

// Proofs come, and what they rest on cannot be noted: nobody else is to be accused of it.
TEST_F(FailingDisk, AFullDiskIsNoReasonToAskForProofs) {
  static_cast<void>(send(kGuard, {kCustoms}, "Where are you?"));
  for (int i = 0; i < 20 && agent(kGuard).engine().status(now()).unaccepted_batches > 0; ++i) {
    pass(kStep);
  }
  fill_disk_of(kGuard, kCustoms);
  pass(seconds(120));
  EXPECT_THAT(agent(kGuard).alerts(), Not(Contains(HasSubstr("has not proved"))));
}

TEST_F(FailingDisk, AMessageWhoseKeyCameWhenTheDiskFilledIsSealedLater) {
  const char* kNew = "kz.training-centre";
  const auto id = send_to_new_agency(kGuard, kNew);
  ASSERT_EQ(at(kGuard, id, kNew).state, RecipientState::waiting_for_key);
  fill_disk_of(kGuard, kCustoms);
  vfs.heal();
  bool came = false;
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (!std::holds_alternative<wire::Records>(frame)) return frame;
    came = true;
    vfs.fail_from(folder_of(kGuard), FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
    return frame;
  });
  join(kNew);
  pass(seconds(5));
  ASSERT_TRUE(came);
  EXPECT_EQ(at(kGuard, id, kNew).state, RecipientState::waiting_for_key);
  agent(kGuard).lie({});
  vfs.heal();
  pass(seconds(35));
  EXPECT_EQ(at(kGuard, id, kNew).state, RecipientState::delivered);
}

// Nobody writes to anybody afterwards: what the broker lost must not wait for that.
TEST_F(FailingDisk, WhatTheBrokerLostIsRepeatedThoughTheDiskWasFullWhenItSaidSo) {
  const auto id = send(kGuard, {kCustoms}, "Accepted, then lost");
  pass(seconds(1));
  fill_disk_of(kGuard, kCustoms);
  std::size_t repeated = 0;
  agent(kGuard).watch([&](TestAgent::Direction direction, BytesView frame) {
    if (direction != TestAgent::Direction::to_broker) return;
    const auto sent = wire::decode_frame(SharedBytes(copy_of(frame)));
    if (sent && std::holds_alternative<wire::SubmitBatch>(*sent)) ++repeated;
  });
  broker_forgets(kGuard);
  agent(kGuard).disconnect(broker, now());
  connect_all();
  pass(seconds(10));
  EXPECT_EQ(repeated, 0U);
  EXPECT_THAT(agent(kGuard).alerts(), Not(Contains(HasSubstr("no longer has"))));
  vfs.heal();
  pass(seconds(5));
  EXPECT_GE(repeated, 1U);
  EXPECT_THAT(agent(kGuard).alerts(), Contains(HasSubstr("no longer has")));
  EXPECT_EQ(agent(kGuard).engine().status(now()).unaccepted_batches, 0U);
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Accepted, then lost"));
}

// The evidence is found while nothing can be stored: in the very round that fills the disk, or
// when it has been full for a while.
class ForkOnAFullDisk : public FailingDisk, public ::testing::WithParamInterface<bool> {};

TEST_P(ForkOnAFullDisk, IsStillKnownAfterTheNextStart) {
  const bool fills_now = GetParam();
  static_cast<void>(send(kGuard, {kCustoms}, "In this log"));
  pass(seconds(3));
  if (!fills_now) fill_disk_of(kCustoms, kGuard);
  show_another_log(kCustoms, [&] {
    vfs.fail_from(folder_of(kCustoms), FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
  });
  static_cast<void>(send(kGuard, {kCustoms}, "In another"));
  pass(seconds(10));
  const auto is_known = Contains(HasSubstr("does not continue"));
  ASSERT_THAT(agent(kCustoms).alerts(), is_known);
  agent(kCustoms).lie({});
  static_cast<void>(send(kGuard, {kCustoms}, "Not taken any more"));
  pass(seconds(5));
  vfs.heal();
  pass(seconds(3));
  agent(kCustoms).kill(broker, now());
  ASSERT_THAT(agent(kCustoms).start(now()), IsOk());
  connect_all();
  pass(seconds(35));
  EXPECT_THAT(agent(kCustoms).engine().status(now()).warnings, is_known);
  EXPECT_THAT(inbox(kCustoms), Not(Contains("Not taken any more")));
  const auto noted =
      agent(kCustoms).reader().events_after(0, agent(kCustoms).engine().newest_event(), 1000);
  ASSERT_THAT(noted, IsOk());
  EXPECT_EQ(std::ranges::count(*noted, ErrorCode::chain_fork, &store::Event::code), 1);
}
INSTANTIATE_TEST_SUITE_P(FillingOrFull, ForkOnAFullDisk, ::testing::Bool());

class FloodingBroker : public FailingDisk {
 protected:
  // Nothing can be stored, and each answer to a ping is `slice` in its place, so many times.
  void flood(const wire::DeliverSlice& slice, std::size_t times) {
    vfs.fail_from(folder_of(kCustoms), FaultVfs::Operation::write, 1, FaultVfs::Fault::full);
    std::size_t sent = 0;
    agent(kCustoms).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
      if (!std::holds_alternative<wire::Pong>(frame)) return frame;
      ++sent;
      return wire::Frame(slice);
    });
    while (sent < times) pass(seconds(10));
    EXPECT_THAT(agent(kCustoms).alerts(), Contains(HasSubstr("more than it was allowed")));
    agent(kCustoms).lie({});
    vfs.heal();
    pass(seconds(3));
    static_cast<void>(send(kGuard, {kCustoms}, "Still there"));
    pass(seconds(3));
    EXPECT_THAT(inbox(kCustoms), Contains("Still there"));
  }
};

TEST_F(FloodingBroker, IsLeftBeforeMemoryFills) {
  wire::DeliverSlice slice;
  slice.slice = SharedBytes(Bytes(kBatchBytesMax, 7));
  flood(slice, 2 * kCreditBytesDefault / kBatchBytesMax);
}

TEST_F(FloodingBroker, IsLeftBeforeMemoryFillsWithLittleSlicesInLargeFrames) {
  wire::DeliverSlice slice;
  slice.slice = SharedBytes(Bytes(64, 7));
  slice.stubs.resize(kLeavesPerBatchMax);
  const std::size_t frame_bytes = wire::encode_frame(slice).size();
  ASSERT_GT(frame_bytes, 16 * slice.slice.size());
  flood(slice, 4 * kCreditBytesDefault / frame_bytes);
}

// The disk fills after each single write of a message's life in turn.
class FillsAtWrite : public VfsHolder,
                     public Journey,
                     public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(FillsAtWrite, NothingIsLostAndNothingIsTwice) {
  start_all();
  for (const char* victim : {kGuard, kCustoms}) {
    vfs.fail_from(agent(victim).directory().path().string(), FaultVfs::Operation::write, GetParam(),
                  FaultVfs::Fault::full);
    const auto submitted = agent(kGuard).submit(notice({kCustoms}, victim), now());
    pass(seconds(2));
    // Now at the latest: what stands in the redo log is to go into the file.
    EXPECT_THAT(agent(victim).engine().publish(), FailsWith(ErrorCode::no_space));
    vfs.heal();
    pass(seconds(35));
    if (!submitted) {
      ASSERT_EQ(submitted.error().code, ErrorCode::no_space);
      static_cast<void>(send(kGuard, {kCustoms}, victim));
      pass(seconds(2));
    }
    EXPECT_FALSE(agent(victim).stopped_because());
  }
  EXPECT_THAT(inbox(kCustoms), ElementsAre(kGuard, kCustoms));
}
// Each of the redo log, some of the file.
INSTANTIATE_TEST_SUITE_P(AtEachWrite, FillsAtWrite,
                         ::testing::Values(1, 2, 3, 4, 5, 6, 12, 24, 36, 48));

// A write or sync that breaks ends the agent, which says why; started again it goes on.
class BreaksAt : public VfsHolder,
                 public Journey,
                 public ::testing::WithParamInterface<std::tuple<FaultVfs::Operation, int>> {};

TEST_P(BreaksAt, TheAgentStopsAndLosesNothing) {
  start_all();
  const auto [operation, n] = GetParam();
  vfs.fail_from(agent(kCustoms).directory().path().string(), operation,
                static_cast<std::uint64_t>(n), FaultVfs::Fault::broken);
  for (int i = 0; i < 6; ++i) {
    static_cast<void>(send(kGuard, {kCustoms}, "number " + std::to_string(i)));
    pass(seconds(1));
  }
  ASSERT_TRUE(agent(kCustoms).stopped_because());
  EXPECT_EQ(agent(kCustoms).stopped_because()->code, ErrorCode::io_failed);
  vfs.heal();
  agent(kCustoms).kill(broker, now());
  ASSERT_THAT(agent(kCustoms).start(now()), IsOk());
  connect_all();
  pass(seconds(3));
  EXPECT_THAT(inbox(kCustoms),
              ElementsAre("number 0", "number 1", "number 2", "number 3", "number 4", "number 5"));
}
INSTANTIATE_TEST_SUITE_P(AtWritesAndSyncs, BreaksAt,
                         ::testing::Combine(::testing::Values(FaultVfs::Operation::write,
                                                              FaultVfs::Operation::sync),
                                            ::testing::Values(1, 2, 3, 5)));

TEST_F(FailingDisk, AFullDiskAtTheBrokerRefusesMessagesUntilThereIsRoom) {
  disk.set_capacity(0);
  // More than the segment in use and the one prepared behind it hold.
  Bytes film(3 * TestBroker::kSegmentBytes);
  exchange.randomness().fill(film);
  const std::string path = (directory / "film.mp4").string();
  host::PosixDisk files;
  ASSERT_THAT(host::write_file_atomically(files, path, film, host::kPrivateMode), IsOk());
  auto request = notice({kCustoms}, "With a film");
  request.attachments.push_back({"film.mp4", "video/mp4", path});
  const auto id = submit(kGuard, request);
  pass(seconds(10));
  EXPECT_GE(broker_journal.count("log_refuses"), 1U);
  EXPECT_FALSE(broker.stopped_because());
  EXPECT_GT(agent(kGuard).engine().status(now()).unaccepted_batches, 0U);
  disk.set_capacity(FaultDisk::kCapacityDefault);
  pass(seconds(70));
  EXPECT_GE(broker_journal.count("log_takes_messages_again"), 1U);
  Bytes received;
  ASSERT_THAT(agent(kCustoms).reader().attachment(id, "film.mp4",
                                                  [&](BytesView piece) -> Result<void> {
                                                    received.insert(received.end(), piece.begin(),
                                                                    piece.end());
                                                    return {};
                                                  }),
              IsOk());
  EXPECT_EQ(received, film);
}

TEST_F(FailingDisk, ABrokerWhoseSyncFailsStopsAndTheAgentsSendAgain) {
  disk.fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed, FaultDisk::Repeat::once);
  const auto id = send(kGuard, {kCustoms}, "Which sync?");
  pass(seconds(1));
  ASSERT_TRUE(broker.stopped_because());
  EXPECT_EQ(broker.stopped_because()->code, ErrorCode::io_failed);
  disk.heal();
  disk.crash(7);
  ASSERT_THAT(broker.start(now()), IsOk());
  connect_all();
  pass(seconds(3));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Which sync?"));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

// The broker's disk, of which one agency would take too much.
class SharedDisk : public Journey {
 protected:
  void SetUp() override {
    broker.keep_bodies(256 * 1024, kBatchesKept);
    start_all();
    KERUEN_ASSERT_OK(const std::uint64_t free, disk.free_bytes("/"));
    disk.set_capacity(FaultDisk::kCapacityDefault - free + 1024 * 1024);
    pass(seconds(2));
  }
  [[nodiscard]] std::optional<engine::HeldStatus> held() {
    return agent(kGuard).engine().status(now()).held;
  }
};

TEST_F(SharedDisk, WhoseMessagesArePutOffIsToldWhyAndUntilWhen) {
  MessageId last;
  for (int i = 0; i < 60 && !held(); ++i) {
    Bytes drawn(20'000);
    exchange.randomness().fill(drawn);
    last = send(kGuard, {kCustoms}, to_hex(drawn));
    pass(seconds(1));
  }
  ASSERT_TRUE(held().has_value());
  EXPECT_EQ(held()->code, ErrorCode::no_space);
  EXPECT_THAT(held()->why, HasSubstr("its disk is full, or this agency's share of it"));
  EXPECT_EQ(at(kGuard, last, kCustoms).state, RecipientState::sealed);
  // Nobody else is.
  const auto back = send(kCustoms, {kGuard}, "And ours?");
  pass(seconds(2));
  EXPECT_EQ(at(kCustoms, back, kGuard).state, RecipientState::delivered);
  EXPECT_THAT(agent(kGuard).alerts(), IsEmpty());

  const auto since = held()->since;
  pass(std::chrono::minutes(11));
  EXPECT_EQ(held()->since, since);
  EXPECT_THAT(agent(kGuard).alerts(), ElementsAre(HasSubstr("takes no messages of this agency")));

  disk.set_capacity(FaultDisk::kCapacityDefault);
  pass(seconds(40));
  EXPECT_FALSE(held().has_value());
  EXPECT_EQ(at(kGuard, last, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(agent(kGuard).alerts(), ElementsAre(_, HasSubstr("takes messages again")));
  // What passed is no warning any more.
  EXPECT_THAT(agent(kGuard).engine().status(now()).warnings, IsEmpty());
}

}  // namespace
}  // namespace keruen
