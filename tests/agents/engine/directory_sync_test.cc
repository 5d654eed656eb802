// What the agent asks for of the directory, whatever the broker, the line and the clocks are like.
#include "agents/engine/directory_sync.h"

#include "tests/agents/engine/mail_journey.h"

namespace keruen::engine {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using store::RecipientState;
using ::testing::_;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

template <class Kind>
bool is(const wire::Frame& frame) {
  return std::holds_alternative<Kind>(frame);
}

class DirectorySyncTest : public MailJourney {
 protected:
  void SetUp() override {
    start_all();
    agent(kCustoms).watch([this](TestAgent::Direction, BytesView bytes) {
      const auto frame = wire::decode_frame(SharedBytes(copy_of(bytes)));
      ASSERT_THAT(frame, IsOk());
      registries_asked += is<wire::FetchSnapshot>(*frame) ? 1 : 0;
      entries_asked += is<wire::FetchEntries>(*frame) ? 1 : 0;
      records_asked += is<wire::FetchRecords>(*frame) ? 1 : 0;
    });
  }
  // A thin line: while `mail_comes`, such answers to customs stand behind it, and those to pings.
  template <class Answer>
  void put_mail_before_answers() {
    mail_comes = true;
    agent(kCustoms).lie([this](wire::Frame frame) -> std::optional<wire::Frame> {
      if (mail_comes && is<Answer>(frame)) behind_it.push_back(frame);
      if (mail_comes && (is<Answer>(frame) || is<wire::Pong>(frame))) return std::nullopt;
      if (!is<wire::Pong>(frame) || behind_it.empty()) return frame;
      auto answer = std::move(behind_it.front());
      behind_it.pop_front();
      return answer;
    });
  }
  void pass_with_mail(minutes time) {
    for (seconds left = time; left.count() > 0; left -= seconds(10)) {
      static_cast<void>(send(kProsecutor, {kCustoms}, "Mail"));
      pass(seconds(10));
    }
  }
  void revoke_a_key_of_the_guard() {
    auto& guard = exchange.agency(kGuard);
    broker.take_record(guard.id, exchange.delegate_new_signing_key(guard), now());
    pass(seconds(5));
    broker.take_record(guard.id, exchange.revoke(guard, guard.signing.id()), now());
    pass(seconds(5));
  }
  void publish_with_academy() {
    exchange.admit("kz.academy");
    broker.publish(exchange.next_registry(), now());
  }
  [[nodiscard]] bool customs_knows_academy() {
    return agent(kCustoms).engine().registry()->agency(agency_named("kz.academy")) != nullptr;
  }

  bool mail_comes = false;
  std::deque<wire::Frame> behind_it;
  std::size_t registries_asked = 0;
  std::size_t entries_asked = 0;
  std::size_t records_asked = 0;
};

TEST_F(DirectorySyncTest, WhatStandsBehindMailIsNotTakenForWithheld) {
  put_mail_before_answers<wire::Records>();
  revoke_a_key_of_the_guard();
  records_asked = 0;
  const auto to_guard = send(kCustoms, {kGuard}, "Under which key?");
  pass_with_mail(minutes(5));
  EXPECT_EQ(at(kCustoms, to_guard, kGuard).state, RecipientState::waiting_for_key);
  EXPECT_LE(records_asked, 1U) << "one waits for its answer";
  mail_comes = false;
  pass(seconds(30));
  EXPECT_EQ(at(kCustoms, to_guard, kGuard).state, RecipientState::delivered);
  EXPECT_THAT(agent(kCustoms).alerts(), IsEmpty());
}

// A broker can let mail come for ever.
TEST_F(DirectorySyncTest, WhatIsSaidToStandBehindMailIsTakenForWithheldAfterThreeHours) {
  const auto told =
      Contains(AllOf(HasSubstr("a revocation by kz.border-guard"), HasSubstr("does not give it")));
  put_mail_before_answers<wire::Records>();
  revoke_a_key_of_the_guard();
  pass_with_some_mail(minutes(170));
  EXPECT_THAT(agent(kCustoms).alerts(), Not(told));
  pass_with_some_mail(minutes(15));
  EXPECT_THAT(agent(kCustoms).alerts(), told);
}

TEST_F(DirectorySyncTest, ARegistryWhoseEntriesStandBehindMailIsFetchedOnce) {
  put_mail_before_answers<wire::Entries>();
  publish_with_academy();
  pass_with_mail(minutes(5));
  EXPECT_FALSE(customs_knows_academy());
  mail_comes = false;
  pass(seconds(15));
  EXPECT_TRUE(customs_knows_academy());
  EXPECT_EQ(registries_asked, 1U);
  EXPECT_EQ(entries_asked, 1U);
  EXPECT_THAT(agent(kCustoms).alerts(), IsEmpty());
}

TEST_F(DirectorySyncTest, WhatCameOfARegistryIsKeptWhereTheRestIsAskedForAgain) {
  agent(kCustoms).lie([answers = 0](wire::Frame frame) mutable -> std::optional<wire::Frame> {
    auto* entries = std::get_if<wire::Entries>(&frame);
    if (entries == nullptr) return frame;
    ++answers;
    if (answers == 1) entries->entries.resize(1);
    if (answers == 2) return std::nullopt;
    return frame;
  });
  publish_with_academy();
  pass(seconds(45));
  EXPECT_TRUE(customs_knows_academy());
  EXPECT_EQ(registries_asked, 1U);
  EXPECT_EQ(entries_asked, 3U);
  EXPECT_THAT(agent(kCustoms).alerts(), IsEmpty());
}

// One head after the other, and never an entry.
TEST_F(DirectorySyncTest, ARegistryOfWhichOnlyTheHeadIsGivenIsTold) {
  agent(kCustoms).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    if (is<wire::Entries>(frame)) return std::nullopt;
    return frame;
  });
  publish_with_academy();
  pass(minutes(3));
  EXPECT_THAT(agent(kCustoms).alerts(),
              ElementsAre(AllOf(HasSubstr("names a registry"), HasSubstr("does not give it"))));
}

// Each name may stand for 320 KiB, and each is a copy.
TEST_F(DirectorySyncTest, OfARegistryThatNamesAnEntryAgainAndAgainNothingIsAskedFor) {
  agent(kCustoms).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    if (auto* head = std::get_if<wire::SnapshotHead>(&frame)) {
      head->entries.assign(head->entries.size(), Digest());
    }
    return frame;
  });
  publish_with_academy();
  pass(minutes(2));
  EXPECT_EQ(registries_asked, 1U);
  EXPECT_EQ(entries_asked, 0U);
  EXPECT_THAT(agent(kCustoms).alerts(),
              ElementsAre(AllOf(HasSubstr("does not verify"), HasSubstr("an entry twice"))));
  agent(kCustoms).lie({});
  pass(minutes(10));
  EXPECT_TRUE(customs_knows_academy()) << "it is asked for again";
}

TEST_F(DirectorySyncTest, OfARegistryThatNobodySignedNothingIsAskedFor) {
  agent(kCustoms).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    if (auto* head = std::get_if<wire::SnapshotHead>(&frame)) head->signatures.clear();
    return frame;
  });
  publish_with_academy();
  pass(minutes(2));
  EXPECT_EQ(registries_asked, 1U);
  EXPECT_EQ(entries_asked, 0U);
  EXPECT_THAT(agent(kCustoms).alerts(), ElementsAre(HasSubstr("is signed by 0 of")));
}

// On a thin line twice would be hours more.
TEST_F(DirectorySyncTest, ANewcomerIsSentEachLineOnce) {
  publish_with_academy();
  agents.emplace(std::piecewise_construct, std::forward_as_tuple("kz.academy"),
                 std::forward_as_tuple(exchange, "kz.academy", agent_journal));
  std::map<LogIndex, std::size_t> times_sent;
  agent("kz.academy").watch([&](TestAgent::Direction, BytesView bytes) {
    const auto frame = wire::decode_frame(SharedBytes(copy_of(bytes)));
    ASSERT_THAT(frame, IsOk());
    const auto* lines = std::get_if<wire::DirectoryLines>(&*frame);
    if (lines == nullptr) return;
    for (const auto& line : lines->lines) ++times_sent[line.index];
  });
  ASSERT_THAT(agent("kz.academy").start(now()), IsOk());
  connect_all();
  pass(seconds(15));
  EXPECT_GT(times_sent.size(), 4U) << "what was there, and its own keys";
  EXPECT_THAT(times_sent, Each(Pair(_, 1U)));
  const auto id = send(kGuard, {"kz.academy"}, "Welcome");
  pass(seconds(5));
  EXPECT_EQ(at(kGuard, id, "kz.academy").state, RecipientState::delivered);
}

// By its clock their windows are over.
TEST_F(DirectorySyncTest, PrekeysAreFetchedByTheExchangesTime) {
  turn_clock(kCustoms, hours(10 * 7 * 24));
  pass(seconds(15));
  const auto id = send_to_new_agency(kGuard, "kz.academy");
  join("kz.academy");
  pass(seconds(15));
  ASSERT_EQ(at(kGuard, id, "kz.academy").state, RecipientState::delivered);
  turn_clock(kCustoms, hours(0));
  pass(seconds(15));
  const auto to_academy = send(kCustoms, {"kz.academy"}, "You are new");
  pass(seconds(15));
  EXPECT_EQ(at(kCustoms, to_academy, "kz.academy").state, RecipientState::delivered);
}

}  // namespace
}  // namespace keruen::engine
