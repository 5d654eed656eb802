// A broker that drops, alters, reorders, forks or withholds is found out by the agents, in words,
// and costs nobody else anything.
#include <SQLiteCpp/SQLiteCpp.h>

#include <set>

#include "certs/hash.h"
#include "schemas/wire/batch.h"
#include "tests/journey/journey.h"

namespace keruen {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using store::RecipientState;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class LyingBroker : public Journey {
 protected:
  void SetUp() override { start_all(); }

  // The first message slice to `id` that is sent and not asked for again.
  template <class Tamper>
  void tamper_with_first_slice(const char* id, Tamper tamper) {
    agent(id).lie(
        [this, tamper, done = false](wire::Frame frame) mutable -> std::optional<wire::Frame> {
          auto* slice = std::get_if<wire::DeliverSlice>(&frame);
          if (slice == nullptr || done) return frame;
          done = true;
          return tamper(std::move(*slice));
        });
  }
  // Nothing is delivered to `id` while that is true.
  void withhold_slices(const char* id, const bool& while_true) {
    agent(id).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
      if (while_true && std::holds_alternative<wire::DeliverSlice>(frame)) return std::nullopt;
      return frame;
    });
  }
  [[nodiscard]] static wire::DeliverSlice with_flipped_bit(wire::DeliverSlice slice,
                                                           std::size_t byte) {
    Bytes bytes = copy_of(slice.slice.view());
    bytes.at(byte) ^= 1;
    slice.slice = SharedBytes(std::move(bytes));
    return slice;
  }
};

// A bit of the statement, of a leaf or of the structure: somewhere in each eighth of the slice.
class FlippedBit : public LyingBroker, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(FlippedBit, IsAskedForAgainAndNeverReceiptedAsBroken) {
  tamper_with_first_slice(kCustoms, [&](wire::DeliverSlice slice) {
    const std::size_t byte = slice.slice.size() * (2 * GetParam() + 1) / 16;
    return wire::Frame(with_flipped_bit(std::move(slice), byte));
  });
  const auto id = send(kGuard, {kCustoms, kProsecutor}, "A white lorry");
  pass(seconds(15));
  EXPECT_GE(agent_journal.count("transport_fault"), 1U) << "it was noticed";
  EXPECT_THAT(inbox(kCustoms), ElementsAre("A white lorry"));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(at(kGuard, id, kProsecutor).state, RecipientState::delivered);
}
INSTANTIATE_TEST_SUITE_P(InEachEighth, FlippedBit,
                         ::testing::Range(std::size_t{0}, std::size_t{8}));

TEST_F(LyingBroker, WhatComesAgainBesideAGapIsKeptOnce) {
  agent(kCustoms).lie([seen = 0](wire::Frame frame) mutable -> std::optional<wire::Frame> {
    const auto* slice = std::get_if<wire::DeliverSlice>(&frame);
    if (slice != nullptr && !slice->again && ++seen == 2) return std::nullopt;
    return frame;
  });
  for (const char* text : {"One", "Two", "Three"}) {
    static_cast<void>(send(kGuard, {kCustoms}, text));
    pass(seconds(1));
  }
  pass(seconds(15));
  EXPECT_THAT(inbox(kCustoms), UnorderedElementsAre("One", "Two", "Three"));
  ASSERT_THAT(agent(kCustoms).engine().publish(), IsOk());
  SQLite::Database file(agent(kCustoms).store_path());
  EXPECT_EQ(file.execAndGet("SELECT count(*) FROM slice").getInt(), 3);
}

// An honest one does so, too: with a gap it is asked for what lies beside it, which expired since.
TEST_F(LyingBroker, WhatIsHereIsNotNamedMissingBecauseItComesAgainWithoutItsBody) {
  std::optional<wire::DeliverSlice> first;
  agent(kCustoms).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    auto* slice = std::get_if<wire::DeliverSlice>(&frame);
    if (slice == nullptr) return frame;
    if (!first) {
      first = *slice;
      return frame;
    }
    auto batch = wire::decode_batch(first->slice);
    EXPECT_THAT(batch, IsOk());
    for (auto& leaf : batch->leaves) {
      auto& message = std::get<wire::MessageLeaf>(leaf.content);
      message.body = certs::sha256(std::get<SharedBytes>(message.body).view());
      first->stubs.push_back({leaf.number, ErrorCode::expired});
    }
    first->slice = SharedBytes(wire::encode_batch(*batch));
    first->again = true;
    return wire::Frame(*first);
  });
  static_cast<void>(send(kGuard, {kCustoms}, "It came"));
  pass(seconds(2));
  ASSERT_THAT(inbox(kCustoms), ElementsAre("It came"));
  const auto events_before = agent(kCustoms).engine().newest_event();
  static_cast<void>(send(kGuard, {kCustoms}, "Given for the other"));
  pass(seconds(1));
  ASSERT_THAT(agent(kCustoms).engine().publish(), IsOk());
  ASSERT_FALSE(first->stubs.empty());
  KERUEN_ASSERT_OK(const auto events,
                   agent(kCustoms).reader().events_after(
                       events_before, agent(kCustoms).engine().newest_event(), 1000));
  for (const auto& event : events) EXPECT_NE(event.type, store::EventType::stub) << event.text;
}

TEST_F(LyingBroker, ADroppedMessageIsNamedAndAskedForAgain) {
  tamper_with_first_slice(kCustoms,
                          [](wire::DeliverSlice) { return std::optional<wire::Frame>(); });
  static_cast<void>(send(kGuard, {kCustoms}, "Dropped on the way"));
  pass(seconds(1));
  EXPECT_THAT(inbox(kCustoms), IsEmpty());
  static_cast<void>(send(kGuard, {kCustoms}, "The next one"));
  pass(seconds(15));
  EXPECT_THAT(agent(kCustoms).alerts(), Contains(HasSubstr("something is missing")));
  EXPECT_THAT(inbox(kCustoms), UnorderedElementsAre("The next one", "Dropped on the way"));
}

// Whoever leaves gaps has what others sent brought to nobody once more.
TEST_F(LyingBroker, OnlyWhoseMessageIsMissingIsAskedForAgain) {
  tamper_with_first_slice(kCustoms,
                          [](wire::DeliverSlice) { return std::optional<wire::Frame>(); });
  std::size_t again = 0;
  agent(kCustoms).watch([&](TestAgent::Direction, BytesView bytes) {
    const auto frame = wire::decode_frame(SharedBytes(copy_of(bytes)));
    const auto* slice = frame ? std::get_if<wire::DeliverSlice>(&*frame) : nullptr;
    if (slice != nullptr && slice->again) ++again;
  });
  static_cast<void>(send(kGuard, {kCustoms}, "Dropped on the way"));
  pass(seconds(1));
  for (int i = 0; i < 20; ++i) static_cast<void>(send(kProsecutor, {kCustoms}, "Between"));
  static_cast<void>(send(kGuard, {kCustoms}, "The next one"));
  pass(seconds(15));
  EXPECT_THAT(inbox(kCustoms), Contains("Dropped on the way"));
  EXPECT_EQ(again, 2U) << "with the one that lies beside it";
}

TEST_F(LyingBroker, WhatIsNeverDeliveredIsNamedAfterThreeTimes) {
  withhold_first_slice(kCustoms);
  static_cast<void>(send(kGuard, {kCustoms}, "Withheld"));
  pass(seconds(1));
  static_cast<void>(send(kGuard, {kCustoms}, "The next one"));
  pass(minutes(4));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("The next one"));
  EXPECT_THAT(agent(kCustoms).alerts(), Contains(HasSubstr("asked for three times")));
}

TEST_F(LyingBroker, AWithheldTailIsNamedAtTheSender) {
  bool withholding = true;
  withhold_slices(kCustoms, withholding);
  const auto id = send(kGuard, {kCustoms}, "The last word");
  pass(seconds(5));
  // What customs says shows that it has seen the log grow past the message.
  static_cast<void>(send(kProsecutor, {kGuard}, "Something else"));
  pass(seconds(5));
  for (int i = 0; i < 13; ++i) {
    static_cast<void>(send(kCustoms, {kGuard}, "still here " + std::to_string(i)));
    pass(minutes(1));
  }
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::accepted);
  EXPECT_THAT(agent(kGuard).alerts(), Contains(HasSubstr("withheld")));
}

// Its receipt waits at the broker: nobody withheld anything.
TEST_F(LyingBroker, WhatIsReceiptedWhileTheSenderIsAwayIsNotNamed) {
  bool late = true;
  withhold_slices(kCustoms, late);
  const auto id = send(kGuard, {kCustoms}, "Overtaken by what customs says");
  pass(seconds(5));
  static_cast<void>(send(kProsecutor, {kGuard}, "Something else"));
  pass(seconds(5));
  static_cast<void>(send(kCustoms, {kGuard}, "I have seen the log grow"));
  pass(seconds(5));
  agent(kGuard).disconnect(broker, now());
  late = false;
  agent(kCustoms).disconnect(broker, now());
  agent(kCustoms).connect(broker, now());
  pass(minutes(30));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Overtaken by what customs says"));
  agent(kGuard).connect(broker, now());
  agent(kGuard).tick(now());  // before anything was taken
  pass(seconds(5));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(agent(kGuard).alerts(), IsEmpty());
}

// As a broker with bad memory sends them, until it is repaired. It keeps no more than a few
// questions of one agency.
TEST_F(LyingBroker, MuchThatDoesNotVerifyIsAskedForALittleAtATime) {
  constexpr int kMessages = 60;
  std::set<LogIndex> spoilt;
  agent(kCustoms).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    auto* slice = std::get_if<wire::DeliverSlice>(&frame);
    if (slice == nullptr || !spoilt.insert(slice->index).second) return frame;
    return with_flipped_bit(std::move(*slice), slice->slice.size() / 2);
  });
  std::size_t asked = 0;
  std::size_t unanswered = 0;
  std::size_t most_unanswered = 0;
  agent(kCustoms).watch([&](TestAgent::Direction direction, BytesView bytes) {
    const auto frame = wire::decode_frame(SharedBytes(copy_of(bytes)));
    ASSERT_THAT(frame, IsOk());
    const auto* slice = std::get_if<wire::DeliverSlice>(&*frame);
    if (slice != nullptr && slice->again) --unanswered;
    if (!std::holds_alternative<wire::AskAgain>(*frame)) return;
    ASSERT_EQ(direction, TestAgent::Direction::to_broker);
    ++asked;
    most_unanswered = std::max(most_unanswered, ++unanswered);
  });
  agent(kCustoms).disconnect(broker, now());
  for (int i = 0; i < kMessages; ++i) {
    static_cast<void>(send(kGuard, {kCustoms}, "number " + std::to_string(i)));
  }
  connect_all();
  pass(seconds(30));
  EXPECT_THAT(inbox(kCustoms), ::testing::SizeIs(kMessages));
  EXPECT_EQ(asked, spoilt.size());
  EXPECT_LE(most_unanswered, 8u);
}

// What it knows of them is that they are parts; people know the message that speaks of the file.
TEST_F(LyingBroker, AFileWhoseReceiptsAreKeptBackIsOneWarning) {
  const std::string path = (directory / "film.mp4").string();
  host::PosixDisk files;
  Bytes film(40 * kPartBytesMax);
  exchange.randomness().fill(film);
  ASSERT_THAT(host::write_file_atomically(files, path, film, host::kPrivateMode), IsOk());
  agent(kGuard).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    const auto* slice = std::get_if<wire::DeliverSlice>(&frame);
    if (slice != nullptr && slice->lane == Lane::bulk) return std::nullopt;
    return frame;
  });
  auto request = notice({kCustoms}, "With a film");
  request.attachments.push_back({"film.mp4", "video/mp4", path});
  const auto id = submit(kGuard, request);
  pass(minutes(1));
  for (int i = 0; i < 14; ++i) {
    static_cast<void>(send(kCustoms, {kGuard}, "We go on"));
    pass(minutes(1));
  }
  EXPECT_THAT(agent(kGuard).alerts(),
              ElementsAre(AllOf(HasSubstr(to_text(id)), HasSubstr("gives no receipt"))));
}

// An honest broker does not serve from where its log does not reach.
TEST_F(LyingBroker, AnIndexThatWasMadeUpDoesNotKeepTheAgentOutForGood) {
  static_cast<void>(send(kGuard, {kCustoms}, "Before the lie"));
  pass(seconds(3));
  agent(kCustoms).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    if (auto* slice = std::get_if<wire::DeliverSlice>(&frame)) {
      slice->index = LogIndex{std::uint64_t{1} << 40};
    }
    return frame;
  });
  static_cast<void>(send(kGuard, {kCustoms}, "As entry 2^40"));
  pass(seconds(3));
  agent(kCustoms).lie({});
  for (int connections = 0; connections < 2; ++connections) {
    agent(kCustoms).disconnect(broker, now());
    connect_all();
    pass(seconds(3));
  }
  static_cast<void>(send(kGuard, {kCustoms}, "After the lie"));
  pass(seconds(15));
  EXPECT_THAT(inbox(kCustoms), Contains("Before the lie"));
  EXPECT_THAT(inbox(kCustoms), Contains("After the lie"));
  EXPECT_THAT(agent(kCustoms).alerts(), Contains(HasSubstr("does not have entry 1099511627776")));
}

TEST_F(LyingBroker, ASliceForAnotherAgencyIsNotTaken) {
  std::optional<wire::Frame> for_prosecutor;
  agent(kProsecutor).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (std::holds_alternative<wire::DeliverSlice>(frame)) for_prosecutor = frame;
    return frame;
  });
  static_cast<void>(send(kGuard, {kProsecutor}, "Not for customs"));
  pass(seconds(1));
  ASSERT_TRUE(for_prosecutor);
  agent(kCustoms).lie([&, done = false](wire::Frame frame) mutable -> std::optional<wire::Frame> {
    if (done) return frame;
    done = true;
    return *for_prosecutor;
  });
  pass(seconds(20));
  EXPECT_THAT(inbox(kCustoms), IsEmpty());
  // The lane goes on.
  agent(kCustoms).lie({});
  static_cast<void>(send(kGuard, {kCustoms}, "For customs"));
  pass(seconds(20));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("For customs"));
}

TEST_F(LyingBroker, ARepeatedSliceIsStoredOnce) {
  std::optional<wire::Frame> slice;
  agent(kCustoms).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (std::holds_alternative<wire::DeliverSlice>(frame)) slice = frame;
    // Every pong is a slice once more.
    if (std::holds_alternative<wire::Pong>(frame) && slice) return *slice;
    return frame;
  });
  static_cast<void>(send(kGuard, {kCustoms}, "Once"));
  pass(seconds(45));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Once"));
}

TEST_F(LyingBroker, AnAcceptedBatchThatIsNotInTheLogIsFoundOut) {
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (auto* inclusion = std::get_if<wire::Inclusion>(&frame)) {
      auto& hashes = inclusion->proofs.back().hashes;
      if (hashes.empty()) return frame;
      hashes.front().bytes[0] ^= 1;
    }
    return frame;
  });
  static_cast<void>(send(kGuard, {kCustoms}, "Where are you?"));
  pass(seconds(5));
  EXPECT_THAT(agent(kGuard).alerts(), ElementsAre(HasSubstr("cannot prove")));
  // People decided: it is not stopped by the same once more.
  agent(kGuard).lie({});
  go_on_after_halt(kGuard);
  pass(seconds(60));
  EXPECT_THAT(agent(kGuard).alerts(), ::testing::SizeIs(1));
}

// Its tree is damaged in one place, or it lies in one.
TEST_F(LyingBroker, ProofsItLacksKeepNoOthersWaiting) {
  std::set<LogIndex> proved;
  std::optional<LogIndex> lacking;
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    auto* inclusion = std::get_if<wire::Inclusion>(&frame);
    if (inclusion == nullptr) return frame;
    if (!lacking) lacking = inclusion->proofs.front().index;
    std::erase_if(inclusion->proofs, [&](const auto& proof) { return proof.index == *lacking; });
    for (const auto& proof : inclusion->proofs) proved.insert(proof.index);
    if (inclusion->proofs.empty()) return std::nullopt;
    return frame;
  });
  for (int i = 0; i < 200; ++i) {
    static_cast<void>(send(kGuard, {kCustoms}, "Where are you?"));
    exchange.clock().advance(milliseconds(1));
  }
  pass(minutes(1));
  ASSERT_TRUE(lacking.has_value());
  EXPECT_GT(proved.size(), 150U);
  // Nor what is sent later.
  const auto before = proved.size();
  static_cast<void>(send(kGuard, {kCustoms}, "And you?"));
  pass(minutes(8));
  EXPECT_GT(proved.size(), before);
  EXPECT_THAT(agent(kGuard).alerts(), IsEmpty());
  pass(minutes(2));
  EXPECT_THAT(agent(kGuard).alerts(), ElementsAre(HasSubstr("for ten minutes that these stand in "
                                                            "its log: 1 of our batches. It is")));
}

// Takes a batch and never proves that it stands in the log.
class UnprovenBatch : public LyingBroker {
 protected:
  void SetUp() override {
    LyingBroker::SetUp();
    agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
      if (keeps_proofs && std::holds_alternative<wire::Inclusion>(frame)) return std::nullopt;
      if (keeps_welcome && std::holds_alternative<wire::Welcome>(frame)) return std::nullopt;
      return frame;
    });
    static_cast<void>(send(kGuard, {kCustoms}, "Where are you?"));
    pass(seconds(5));
  }
  void stay_away(seconds time) {
    agent(kGuard).disconnect(broker, now());
    pass(time);
    agent(kGuard).connect(broker, now());
  }
  void expect_alert(bool expected) {
    const auto named = Contains(HasSubstr("has not proved for ten minutes"));
    if (expected) {
      EXPECT_THAT(agent(kGuard).alerts(), named);
    } else {
      EXPECT_THAT(agent(kGuard).alerts(), Not(named));
    }
  }
  bool keeps_proofs = true;
  bool keeps_welcome = false;
};

TEST_F(UnprovenBatch, IsNamedAfterTenMinutes) {
  pass(minutes(9));
  expect_alert(false);
  pass(minutes(2));
  expect_alert(true);
}

TEST_F(UnprovenBatch, IsNamedWhereTheLineIsCutAgainAndAgain) {
  stay_away(seconds(120));
  expect_alert(false);
  for (int cuts = 0; cuts < 30; ++cuts) {
    pass(seconds(25));
    stay_away(seconds(120));
  }
  pass(seconds(1));
  expect_alert(true);
}

// A broker that is there and too busy to serve: nothing could be asked.
TEST_F(UnprovenBatch, IsNotNamedForTheTimeItIsNotWelcome) {
  keeps_welcome = true;
  stay_away(seconds(1));
  pass(minutes(20));
  keeps_welcome = false;
  stay_away(seconds(1));
  pass(seconds(10));
  expect_alert(false);
}

// A process that was stopped, or a line that is dead and nobody has noticed: it was connected all
// the time, and not served.
TEST_F(UnprovenBatch, IsNotNamedForTheTimeNothingWasHeard) {
  exchange.clock().advance(seconds(3600));
  agent(kGuard).tick(now());
  expect_alert(false);
  keeps_proofs = false;
  connect_all();
  pass(minutes(20));
  expect_alert(false);
}

// After days without power or radio nobody is to be accused of what the outage did.
TEST_F(UnprovenBatch, IsNotNamedForTheTimeAway) {
  stay_away(seconds(3600));
  pass(seconds(10));
  keeps_proofs = false;  // a line as slow as that
  pass(minutes(20));
  expect_alert(false);
}

TEST_F(LyingBroker, ABrokerThatLostItsNewestEntriesIsToldSoAndGetsThemAgain) {
  const auto id = send(kGuard, {kCustoms}, "Accepted, then lost");
  pass(seconds(1));
  broker_forgets(kGuard);
  agent(kGuard).disconnect(broker, now());
  connect_all();
  pass(seconds(2));
  EXPECT_THAT(agent(kGuard).alerts(), Contains(HasSubstr("no longer has")));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Accepted, then lost"));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

TEST_F(LyingBroker, AnAcceptedThatNeverComesIsWaitedForWithoutLoss) {
  bool deaf = true;
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (deaf && std::holds_alternative<wire::BatchAccepted>(frame)) return std::nullopt;
    return frame;
  });
  const auto id = send(kGuard, {kCustoms}, "Was it accepted?");
  pass(seconds(10));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Was it accepted?"));
  deaf = false;
  agent(kGuard).disconnect(broker, now());
  connect_all();
  pass(seconds(2));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(agent(kGuard).engine().status(now()).unaccepted_batches, 0U);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Was it accepted?"));
}

// Its word against the recipient's signature.
TEST_F(LyingBroker, WhatItSaysItRefusedAndDeliversAllTheSameIsDelivered) {
  agent(kGuard).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    if (auto* accepted = std::get_if<wire::BatchAccepted>(&frame)) {
      accepted->refusals = {{0, 0, ErrorCode::denied}};
    }
    return frame;
  });
  bool deaf = true;
  withhold_slices(kCustoms, deaf);
  const auto id = send(kGuard, {kCustoms}, "Refused, it says");
  pass(seconds(2));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::refused);
  deaf = false;
  agent(kCustoms).disconnect(broker, now());
  connect_all();
  pass(seconds(3));
  ASSERT_THAT(inbox(kCustoms), ElementsAre("Refused, it says"));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(at(kGuard, id, kCustoms).code, std::nullopt);
  ASSERT_THAT(agent(kCustoms).engine().mark_read({id, officer()}, now()), IsOk());
  pass(seconds(3));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::read);
}

TEST_F(LyingBroker, ARecallActsOnAMessageThatComesAfterIt) {
  bool withholding = true;
  agent(kCustoms).lie([&, withheld = std::optional<LogIndex>()](
                          wire::Frame frame) mutable -> std::optional<wire::Frame> {
    const auto* slice = std::get_if<wire::DeliverSlice>(&frame);
    if (slice == nullptr || !withholding) return frame;
    if (!withheld) withheld = slice->index;
    return slice->index == *withheld ? std::nullopt : std::optional(frame);
  });
  const auto id = send(kGuard, {kCustoms}, "By mistake");
  const auto other = send(kGuard, {kCustoms}, "Not recalled");
  ASSERT_THAT(agent(kGuard).engine().recall({id}, now()), IsOk());
  pass(seconds(5));
  ASSERT_THAT(inbox(kCustoms), ElementsAre("Not recalled"));
  // What waits for its message is not forgotten by a start.
  agent(kCustoms).kill(broker, now());
  ASSERT_THAT(agent(kCustoms).start(now()), IsOk());
  withholding = false;
  connect_all();
  pass(seconds(90));
  KERUEN_ASSERT_OK(const auto message, agent(kCustoms).reader().message(id));
  EXPECT_EQ(message.summary.state, store::ReadState::recalled);
  KERUEN_ASSERT_OK(const auto unread, agent(kCustoms).reader().message(other));
  EXPECT_EQ(unread.summary.state, store::ReadState::unread);
}

TEST_F(LyingBroker, WhatWasRecalledIsNotSealedAnew) {
  bool recalled = false;
  std::size_t submitted = 0;
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    auto* accepted = std::get_if<wire::BatchAccepted>(&frame);
    if (accepted == nullptr) return frame;
    if (!recalled) return std::nullopt;
    if (accepted->sequence == BatchSequence{1}) {
      accepted->refusals = {{0, 0, ErrorCode::not_found}};
    }
    return frame;
  });
  bool deaf = true;
  withhold_slices(kCustoms, deaf);
  agent(kGuard).watch([&](TestAgent::Direction, BytesView bytes) {
    const auto frame = wire::decode_frame(SharedBytes(copy_of(bytes)));
    ASSERT_THAT(frame, IsOk());
    submitted += std::holds_alternative<wire::SubmitBatch>(*frame) ? 1 : 0;
  });
  const auto id = send(kGuard, {kCustoms}, "By mistake");
  ASSERT_THAT(agent(kGuard).engine().recall({id}, now()), IsOk());
  recalled = true;
  agent(kGuard).disconnect(broker, now());
  submitted = 0;
  connect_all();
  pass(seconds(10));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::recalled);
  EXPECT_EQ(agent(kGuard).engine().status(now()).waiting_messages, 0U);
  EXPECT_EQ(submitted, 2U) << "the message once more, and its recall";
  KERUEN_ASSERT_OK(const auto message, agent(kGuard).reader().message(id));
  EXPECT_EQ(message.summary.subject, "By mistake") << "people may look at it";
  // It had taken it all the same.
  deaf = false;
  agent(kCustoms).disconnect(broker, now());
  connect_all();
  pass(seconds(3));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

// It said that it took neither sealing, and delivered the first.
TEST_F(LyingBroker, WhatWasSealedAnewAndRefusedIsDeliveredWhereTheFirstSealingWas) {
  agent(kGuard).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    if (auto* accepted = std::get_if<wire::BatchAccepted>(&frame)) {
      const bool first = accepted->sequence == BatchSequence{1};
      accepted->refusals = {{0, 0, first ? ErrorCode::not_found : ErrorCode::denied}};
    }
    return frame;
  });
  std::optional<LogIndex> first;
  bool deaf = true;
  agent(kCustoms).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    const auto* slice = std::get_if<wire::DeliverSlice>(&frame);
    if (slice == nullptr) return frame;
    if (!first) first = slice->index;
    if (deaf || slice->index != *first) return std::nullopt;
    return frame;
  });
  const auto id = send(kGuard, {kCustoms}, "Refused twice, it says");
  pass(seconds(3));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::refused);
  deaf = false;
  agent(kCustoms).disconnect(broker, now());
  connect_all();
  pass(seconds(3));
  ASSERT_THAT(inbox(kCustoms), ElementsAre("Refused twice, it says"));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
}

// A statement nobody signed, in another agency's name: neither believed nor waited for.
class ForgedStatement : public LyingBroker,
                        public ::testing::WithParamInterface<std::pair<std::uint64_t, int>> {};

TEST_P(ForgedStatement, NeitherHaltsTheAgentNorBlocksTheLane) {
  const auto [count, flip] = GetParam();
  tamper_with_first_slice(kCustoms, [&](wire::DeliverSlice slice) {
    auto batch = *wire::decode_batch(slice.slice);
    auto statement = *wire::decode_statement(batch.statement.view());
    if (count > 0) statement.directory.count = DirectoryCount{count};
    statement.directory.head.bytes[0] ^= static_cast<std::uint8_t>(flip);
    batch.statement = SharedBytes(wire::encode_statement(statement));
    slice.slice = SharedBytes(wire::encode_batch(batch));
    return wire::Frame(std::move(slice));
  });
  const auto id = send(kGuard, {kCustoms}, "Signed by the guard");
  static_cast<void>(send(kProsecutor, {kCustoms}, "The next in the lane"));
  pass(seconds(15));
  EXPECT_THAT(inbox(kCustoms), UnorderedElementsAre("Signed by the guard", "The next in the lane"));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(agent(kCustoms).alerts(), ::testing::Not(Contains(HasSubstr("another directory"))));
}
INSTANTIATE_TEST_SUITE_P(HeadOrCount, ForgedStatement,
                         ::testing::Values(std::pair<std::uint64_t, int>{0, 1},
                                           std::pair<std::uint64_t, int>{1ULL << 60, 0}));

// A refusal names one stream and states the head of another, which this agent left long ago.
TEST_F(LyingBroker, ARefusalWithTheHeadOfAStreamThatIsGoneDoesNotDisturb) {
  std::optional<wire::StreamHead> first;
  int refusals = 0;
  agent(kGuard).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    const auto* accepted = std::get_if<wire::BatchAccepted>(&frame);
    if (accepted == nullptr || refusals == 2) return frame;
    if (!first) {
      first = {accepted->stream, accepted->sequence, accepted->batch};
      return frame;
    }
    const wire::StreamHead nothing{first->stream, {}, {}};
    return wire::BatchRefused{accepted->stream, accepted->sequence, accepted->batch,
                              ErrorCode::denied, ++refusals == 1 ? *first : nothing};
  });
  static_cast<void>(send(kGuard, {kCustoms}, "One"));
  pass(seconds(3));
  const auto id = send(kGuard, {kCustoms}, "Two");
  pass(seconds(60));
  EXPECT_EQ(refusals, 2);
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_THAT(inbox(kCustoms), ElementsAre("One", "Two"));
}

TEST_F(LyingBroker, RubbishDoesNotDisturb) {
  agent(kCustoms).lie([&](wire::Frame frame) -> std::optional<wire::Frame> {
    if (std::holds_alternative<wire::Pong>(frame)) return wire::Frame(wire::Ping{1});
    return frame;
  });
  pass(seconds(40));
  static_cast<void>(send(kGuard, {kCustoms}, "Still there"));
  pass(seconds(1));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Still there"));
}

}  // namespace
}  // namespace keruen
