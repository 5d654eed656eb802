// What is asked for again, and when it is given up.
#include "agents/engine/missing.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include "tests/agents/engine/mail_journey.h"

namespace keruen::engine {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using store::RecipientState;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class MissingTest : public MailJourney {
 protected:
  void SetUp() override { start_all(); }
  // The first slice to `id` is lost on its way. While `keeps_answers`, what is given for it on
  // asking again stands behind something else, which is longer on its way than pings wait; or it
  // does not come at all.
  void lose_first_slice(const char* id) {
    agent(id).lie([this, lost = std::optional<LogIndex>()](
                      wire::Frame frame) mutable -> std::optional<wire::Frame> {
      const bool is_pong = std::holds_alternative<wire::Pong>(frame);
      if (const auto* slice = std::get_if<wire::DeliverSlice>(&frame)) {
        if (!lost) lost = slice->index;
        if (slice->index != *lost) return frame;
        if (!slice->again) return std::nullopt;
        if (!keeps_answers) return frame;
        answers.push_back(std::move(frame));
        return std::nullopt;
      }
      if (is_pong && keeps_pongs) return std::nullopt;
      if (!is_pong || keeps_answers || answers.empty()) return frame;
      auto answer = std::move(answers.front());
      answers.clear();
      return answer;
    });
    agent(id).watch([this](TestAgent::Direction, BytesView bytes) {
      const auto frame = wire::decode_frame(SharedBytes(copy_of(bytes)));
      ASSERT_THAT(frame, IsOk());
      asked += std::holds_alternative<wire::AskAgain>(*frame) ? 1 : 0;
    });
  }
  void leave_a_gap_at_customs() {
    lose_first_slice(kCustoms);
    static_cast<void>(send(kGuard, {kCustoms}, "Lost on its way"));
    pass(seconds(1));
    static_cast<void>(send(kGuard, {kCustoms}, "The next one"));
    pass(seconds(1));
  }
  [[nodiscard]] int slices_stored(const char* id) {
    EXPECT_THAT(agent(id).engine().publish(), IsOk());
    return SQLite::Database(agent(id).store_path())
        .execAndGet("SELECT count(*) FROM slice")
        .getInt();
  }

  bool keeps_answers = true;
  bool keeps_pongs = false;
  std::deque<wire::Frame> answers;
  std::size_t asked = 0;
};

TEST_F(MissingTest, WhatStandsBehindMailOnAThinLineIsNotGivenUp) {
  keeps_pongs = true;
  leave_a_gap_at_customs();
  for (int mails = 0; mails < 30; ++mails) {
    static_cast<void>(send(kProsecutor, {kCustoms}, "Mail"));
    pass(seconds(10));
  }
  EXPECT_EQ(asked, 1U);
  keeps_answers = false;
  keeps_pongs = false;
  pass(seconds(15));
  EXPECT_THAT(inbox(kCustoms), Contains("Lost on its way"));
  EXPECT_THAT(agent(kCustoms).alerts(), Not(Contains(HasSubstr("asked for three times"))));
}

// A broker can let mail come for ever.
TEST_F(MissingTest, WhatIsSaidToStandBehindMailIsGivenUpAfterThreeHours) {
  const auto given_up = Contains(HasSubstr("asked for three times"));
  keeps_pongs = true;
  leave_a_gap_at_customs();
  pass_with_some_mail(minutes(170));
  EXPECT_THAT(agent(kCustoms).alerts(), Not(given_up));
  pass_with_some_mail(minutes(15));
  EXPECT_THAT(agent(kCustoms).alerts(), given_up);
}

// The line of a post at the border.
TEST_F(MissingTest, WhatWasAskedForOnLinesThatWereCutDoesNotCount) {
  leave_a_gap_at_customs();
  for (int cuts = 0; cuts < 30; ++cuts) {
    pass(seconds(8));
    agent(kCustoms).disconnect(broker, now());
    connect_all();
  }
  EXPECT_GT(asked, 20U) << "it is asked for on each";
  EXPECT_THAT(agent(kCustoms).alerts(), Not(Contains(HasSubstr("asked for three times"))));
  keeps_answers = false;
  pass(seconds(15));
  EXPECT_THAT(inbox(kCustoms), Contains("Lost on its way"));
}

TEST_F(MissingTest, ReceiptsThatComeOnceTheyAreGivenUpCountAndAreNotKept) {
  lose_first_slice(kGuard);
  const auto id = send(kGuard, {kCustoms}, "Receipted, and the receipt was lost");
  pass(seconds(1));
  static_cast<void>(send(kGuard, {kCustoms}, "The next one"));
  pass(minutes(4));
  ASSERT_THAT(agent(kGuard).alerts(), Contains(HasSubstr("asked for three times")));
  ASSERT_EQ(at(kGuard, id, kCustoms).state, RecipientState::accepted);
  ASSERT_EQ(slices_stored(kGuard), 1) << "the other receipt, which came again beside each";
  keeps_answers = false;
  pass(seconds(15));
  EXPECT_EQ(at(kGuard, id, kCustoms).state, RecipientState::delivered);
  EXPECT_EQ(slices_stored(kGuard), 1);
}

}  // namespace
}  // namespace keruen::engine
