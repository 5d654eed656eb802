// A broker that names a line of the directory and keeps back what it names: people are told, and
// nobody it may concern is believed or written to meanwhile.
#include "tests/journey/journey.h"

namespace keruen {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using store::RecipientState;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class WithheldDirectory : public Journey {
 protected:
  void SetUp() override { start_all(); }
  // Nothing it is asked for of key records is given.
  void keep_records_from(const char* id) {
    agent(id).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
      if (auto* records = std::get_if<wire::Records>(&frame)) records->records.clear();
      return frame;
    });
  }
  void keep_registries_from(const char* id) {
    agent(id).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
      if (auto* entries = std::get_if<wire::Entries>(&frame)) entries->entries.clear();
      return frame;
    });
  }
  // A key of the guard, nowhere in use.
  [[nodiscard]] KeyId log_a_key_of_the_guard() {
    auto& guard = exchange.agency(kGuard);
    broker.take_record(guard.id, exchange.delegate_new_signing_key(guard), now());
    pass(seconds(5));
    return guard.signing.id();
  }
  void revoke_key_of_the_guard(const KeyId& key) {
    const auto& guard = exchange.agency(kGuard);
    broker.take_record(guard.id, exchange.revoke(guard, key), now());
  }
};

// What it does not give may be a suspension, and nobody else sees that it does not.
TEST_F(WithheldDirectory, ARegistryThatIsNamedAndNotGivenIsTold) {
  const auto told = Contains(AllOf(HasSubstr("names a registry"), HasSubstr("does not give it")));
  keep_registries_from(kGuard);
  agent(kCustoms).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    if (std::holds_alternative<wire::SnapshotHead>(frame)) return std::nullopt;
    return frame;
  });
  exchange.agency(kProsecutor).status = wire::AgencyStatus::suspended;
  broker.publish(exchange.next_registry(), now());
  pass(seconds(5));
  EXPECT_THAT(agent(kGuard).alerts(), told);
  EXPECT_THAT(agent(kCustoms).alerts(), Not(told)) << "it may be slow";
  pass(minutes(2));
  EXPECT_THAT(agent(kCustoms).alerts(), told);
  EXPECT_THAT(agent(kProsecutor).alerts(), Not(told));
  const auto before = agent(kGuard).alerts().size();
  agent(kGuard).disconnect(broker, now());
  connect_all();
  pass(minutes(2));
  EXPECT_THAT(agent(kGuard).alerts().size(), before) << "once";
}

// It may suspend anybody.
TEST_F(WithheldDirectory, NothingIsSentOrTakenUnderARegistryThatIsNotGiven) {
  const KeyId key = log_a_key_of_the_guard();
  keep_registries_from(kCustoms);
  exchange.agency(kProsecutor).status = wire::AgencyStatus::suspended;
  const auto before = send(kGuard, {kCustoms}, "Before it");
  pass(seconds(2));
  broker.publish(exchange.next_registry(), now());
  pass(seconds(5));
  revoke_key_of_the_guard(key);  // which cannot be judged before it
  pass(seconds(5));
  const auto to_customs = send(kGuard, {kCustoms}, "After it");
  const auto from_customs = send(kCustoms, {kGuard}, "Under the old one");
  pass(minutes(5));
  EXPECT_THAT(agent(kCustoms).alerts(), ElementsAre(HasSubstr("no message is sent")));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Before it"));
  EXPECT_EQ(at(kGuard, before, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(at(kCustoms, from_customs, kGuard).state, RecipientState::queued);
  agent(kCustoms).lie({});  // it is asked for again, on the same connection
  pass(minutes(7));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("Before it", "After it"));
  EXPECT_EQ(at(kGuard, to_customs, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(at(kCustoms, from_customs, kGuard).state, RecipientState::delivered);
  EXPECT_THAT(agent(kCustoms).alerts(), SizeIs(1));
}

TEST_F(WithheldDirectory, ARevocationThatIsNotGivenConcernsOneAgency) {
  const KeyId key = log_a_key_of_the_guard();
  keep_records_from(kCustoms);
  revoke_key_of_the_guard(key);
  pass(seconds(5));
  EXPECT_THAT(agent(kCustoms).alerts(),
              ElementsAre(HasSubstr("no message is sealed to kz.border-guard")));
  const auto from_guard = send(kGuard, {kCustoms}, "Signed by whom?");
  static_cast<void>(send(kProsecutor, {kCustoms}, "The next in the lane"));
  const auto both = send(kCustoms, {kGuard, kProsecutor}, "To both");
  pass(minutes(5));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("The next in the lane"));
  EXPECT_EQ(at(kGuard, from_guard, kCustoms).state, RecipientState::accepted);
  EXPECT_EQ(at(kCustoms, both, kGuard).state, RecipientState::waiting_for_key);
  EXPECT_EQ(at(kCustoms, both, kProsecutor).state, RecipientState::delivered);
  EXPECT_THAT(agent(kCustoms).alerts(), SizeIs(1)) << "it is not given up meanwhile";
  agent(kCustoms).lie({});
  pass(minutes(7));
  EXPECT_THAT(inbox(kCustoms), UnorderedElementsAre("The next in the lane", "Signed by whom?"));
  EXPECT_EQ(at(kGuard, from_guard, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(at(kCustoms, both, kGuard).state, RecipientState::delivered);
}

// The answer that it has none comes when mail waits for it already, or never.
class LateAnswer : public WithheldDirectory, public ::testing::WithParamInterface<bool> {};

TEST_P(LateAnswer, KeepsNobodyElsesMailWaiting) {
  const KeyId key = log_a_key_of_the_guard();
  agent(kCustoms).lie(
      [asked = 0, answers = GetParam()](wire::Frame frame) mutable -> std::optional<wire::Frame> {
        auto* records = std::get_if<wire::Records>(&frame);
        if (records == nullptr) return frame;
        if (++asked == 1 || !answers) return std::nullopt;
        records->records.clear();
        return frame;
      });
  revoke_key_of_the_guard(key);
  pass(seconds(1));
  static_cast<void>(send(kGuard, {kCustoms}, "Signed by whom?"));
  static_cast<void>(send(kProsecutor, {kCustoms}, "The next in the lane"));
  pass(seconds(20));
  EXPECT_THAT(inbox(kCustoms), IsEmpty()) << "it may be slow";
  pass(GetParam() ? seconds(15) : seconds(100));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("The next in the lane"));
}
INSTANTIATE_TEST_SUITE_P(OrNone, LateAnswer, ::testing::Bool());

TEST_F(WithheldDirectory, ARevocationWithAWrongSignatureIsToldAsNotGiven) {
  const KeyId key = log_a_key_of_the_guard();
  agent(kCustoms).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
    if (auto* records = std::get_if<wire::Records>(&frame)) {
      for (auto& record : records->records) record.signature.bytes[0] ^= 1;
    }
    return frame;
  });
  revoke_key_of_the_guard(key);
  pass(seconds(5));
  EXPECT_THAT(agent(kCustoms).alerts(), ElementsAre(HasSubstr("a revocation by kz.border-guard")));
}

TEST_F(WithheldDirectory, AKeyThatIsNamedAndNotGivenIsTold) {
  keep_records_from(kGuard);
  exchange.admit("kz.academy");
  broker.publish(exchange.next_registry(), now());
  pass(seconds(2));
  join("kz.academy");
  pass(seconds(5));
  EXPECT_THAT(agent(kGuard).alerts(), Contains(AllOf(HasSubstr("a signing key of kz.academy"),
                                                     HasSubstr("does not give it"))));
}

}  // namespace
}  // namespace keruen
