// Who waits for whom: what one round takes of what was handed over.
#include "agents/engine/submission_queue.h"

#include "tests/support/matchers.h"

namespace keruen::engine {
namespace {

using ::testing::Each;

constexpr MonotonicTime kNow{std::chrono::seconds(5)};
constexpr MonotonicTime kLater = kNow + std::chrono::seconds(2);

class SubmissionQueueTest : public ::testing::Test {
 protected:
  static std::vector<SubmitRequest> messages(std::size_t count, Lane lane) {
    SubmitRequest request;
    request.lane = lane;
    return std::vector<SubmitRequest>(count, request);
  }
  // The requests of a round, as the engine is to see them.
  std::vector<const SubmitRequest*> take(MonotonicTime now) {
    std::vector<const SubmitRequest*> requests;
    for (const auto& submission : queue.take(now).submissions) {
      for (const auto& request : submission.requests) requests.push_back(&request);
    }
    return requests;
  }
  static std::vector<const SubmitRequest*> pointers_to(const std::vector<SubmitRequest>& requests,
                                                       std::size_t from, std::size_t to) {
    std::vector<const SubmitRequest*> pointers;
    for (std::size_t i = from; i < to; ++i) pointers.push_back(&requests[i]);
    return pointers;
  }

  SubmissionQueue queue;
  const SubmissionQueue::Answer unheard = [](std::span<Result<Submitted>>) {};
  const std::vector<SubmitRequest> bulk = messages(100, Lane::bulk);
  const std::vector<SubmitRequest> flash = messages(1, Lane::flash);
};

TEST_F(SubmissionQueueTest, OneRoundTakesAllWhereNothingIsUrgent) {
  ASSERT_TRUE(queue.push(bulk, unheard));
  EXPECT_EQ(take(kNow), pointers_to(bulk, 0, 100));
  EXPECT_TRUE(queue.empty());
}

TEST_F(SubmissionQueueTest, ARoundHasABound) {
  const auto many = messages(1500, Lane::routine);
  ASSERT_TRUE(queue.push(many, unheard));
  EXPECT_EQ(take(kNow), pointers_to(many, 0, 1024));
  EXPECT_EQ(take(kNow), pointers_to(many, 1024, 1500));
}

TEST_F(SubmissionQueueTest, WhatIsUrgentHasARoundOfItsOwn) {
  ASSERT_TRUE(queue.push(bulk, unheard));
  ASSERT_TRUE(queue.push(flash, unheard));
  const auto taken = queue.take(kNow);
  EXPECT_TRUE(taken.is_only_urgent);
  ASSERT_EQ(taken.submissions.size(), 1U);
  EXPECT_EQ(&taken.submissions.front().requests.front(), &flash.front());
}

// Else the flash message that comes next waits until a thousand others were sealed.
TEST_F(SubmissionQueueTest, BesideUrgentOnesTheRestTakesShortRounds) {
  ASSERT_TRUE(queue.push(bulk, unheard));
  ASSERT_TRUE(queue.push(flash, unheard));
  static_cast<void>(queue.take(kNow));
  EXPECT_EQ(take(kNow), pointers_to(bulk, 0, 32));
  EXPECT_EQ(take(kNow), pointers_to(bulk, 32, 64));
  EXPECT_EQ(take(kLater), pointers_to(bulk, 64, 100)) << "nothing urgent came for a while";
}

TEST_F(SubmissionQueueTest, TheRestHasItsTurnHoweverMuchIsUrgent) {
  ASSERT_TRUE(queue.push(bulk, unheard));
  ASSERT_TRUE(queue.push(flash, unheard));
  EXPECT_TRUE(queue.take(kNow).is_only_urgent);
  ASSERT_TRUE(queue.push(flash, unheard));
  EXPECT_FALSE(queue.take(kNow).is_only_urgent);
  EXPECT_EQ(take(kNow), pointers_to(bulk, 32, 64));
}

// Answers are told by their places, and a key that is sent once goes by the order of its sequences.
TEST_F(SubmissionQueueTest, WhatIsHandedOverTogetherStaysInItsOrder) {
  auto mixed = messages(40, Lane::bulk);
  mixed[35].lane = Lane::flash;
  ASSERT_TRUE(queue.push(bulk, unheard));
  ASSERT_TRUE(queue.push(mixed, unheard));
  EXPECT_EQ(take(kNow), pointers_to(mixed, 0, 40));
}

TEST_F(SubmissionQueueTest, HasABound) {
  for (std::size_t i = 0; i < SubmissionQueue::kSubmissionsMax; ++i) {
    ASSERT_TRUE(queue.push(flash, unheard));
  }
  EXPECT_FALSE(queue.push(bulk, unheard));
  EXPECT_THAT(take(kNow), Each(&flash.front()));
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace keruen::engine
