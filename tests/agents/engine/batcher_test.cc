// What goes out first, and how much of it, when a line comes up.
#include <numeric>

#include "tests/journey/journey.h"

namespace keruen::engine {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

class BatcherTest : public Journey {
 protected:
  void SetUp() override {
    start_all();
    agent(kGuard).watch([this](TestAgent::Direction direction, BytesView frame) {
      if (direction != TestAgent::Direction::to_broker) return;
      const auto decoded = wire::decode_frame(SharedBytes(copy_of(frame)));
      ASSERT_THAT(decoded, IsOk());
      if (std::holds_alternative<wire::SubmitBatch>(*decoded)) batches_sent.push_back(frame.size());
    });
  }
  // Messages whose content does not compress: each is so many bytes, and some more.
  void submit_large(std::size_t count, std::size_t bytes, Lane lane) {
    std::vector<SubmitRequest> requests;
    for (std::size_t i = 0; i < count; ++i) {
      // A notice holds its text twice.
      requests.push_back(notice({kCustoms}, to_hex(draw_bytes(bytes / 4)), lane));
    }
    for (const auto& submitted : agent(kGuard).submit_all(requests, now())) {
      ASSERT_THAT(submitted, IsOk());
    }
  }
  // The line carries everything but the broker's words on batches.
  void withhold_answers() {
    agent(kGuard).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
      if (std::holds_alternative<wire::BatchAccepted>(frame)) return std::nullopt;
      return frame;
    });
  }

  [[nodiscard]] std::size_t bytes_sent() const {
    return std::accumulate(batches_sent.begin(), batches_sent.end(), std::size_t{0});
  }

  std::vector<std::size_t> batches_sent;
};

TEST_F(BatcherTest, SendsLittleUntilTheLineAnswersAndThenAllItCarries) {
  withhold_answers();
  submit_large(200, 4096, Lane::routine);
  pass(seconds(10));
  EXPECT_GT(bytes_sent(), 4096U);
  EXPECT_LT(bytes_sent(), 48U * 1024);
  agent(kGuard).disconnect(broker, now());
  agent(kGuard).lie({});
  batches_sent.clear();
  connect_all();
  pass(seconds(1));
  EXPECT_EQ(inbox(kCustoms).size(), 200U);
  // What was closed is repeated as it was; behind its answer the rest goes in few batches.
  EXPECT_LE(batches_sent.size(), 6U);
  EXPECT_GT(std::ranges::max(batches_sent), 128U * 1024);
}

// What is urgent would wait behind a full window of each lane.
TEST_F(BatcherTest, AllLanesShareOneWindow) {
  withhold_answers();
  submit_large(200, 4096, Lane::bulk);
  submit_large(200, 4096, Lane::routine);
  submit_large(200, 4096, Lane::urgent);
  pass(seconds(10));
  EXPECT_LT(bytes_sent(), 48U * 1024);
}

// They were closed for a line that carried all of them at once.
TEST_F(BatcherTest, OfManyLargeBatchesOneGoesOverALineThatIsNew) {
  submit_large(200, 4096, Lane::routine);
  pass(seconds(1));
  withhold_answers();
  submit_large(400, 4096, Lane::routine);
  pass(seconds(1));
  ASSERT_GT(batches_sent.back(), 128U * 1024);
  ASSERT_GT(agent(kGuard).engine().status(now()).unaccepted_batches, 2U);
  agent(kGuard).disconnect(broker, now());
  batches_sent.clear();
  connect_all();
  pass(seconds(1));
  EXPECT_EQ(batches_sent.size(), 1U);
}

TEST_F(BatcherTest, FlashPassesAFullLine) {
  withhold_answers();
  submit_large(200, 4096, Lane::bulk);
  static_cast<void>(submit(kGuard, notice({kCustoms}, "In time", Lane::urgent)));
  static_cast<void>(submit(kGuard, notice({kCustoms}, "At once", Lane::flash)));
  pass(seconds(1));
  EXPECT_THAT(inbox(kCustoms), Contains("At once"));
  EXPECT_THAT(inbox(kCustoms), Not(Contains("In time")));
}

TEST_F(BatcherTest, AReceiptWaitsForNoMessage) {
  withhold_answers();
  submit_large(200, 4096, Lane::bulk);
  pass(seconds(1));
  const auto answered = submit(kCustoms, notice({kGuard}, "Received?", Lane::bulk));
  pass(seconds(1));
  EXPECT_EQ(at(kCustoms, answered, kGuard).state, store::RecipientState::delivered);
}

// Closed before the line broke, and not yet taken.
TEST_F(BatcherTest, WhatIsUrgentLeavesBeforeWhatIsNotWhenTheLineComesUp) {
  const auto patient = submit(kGuard, notice({kCustoms}, "Whenever", Lane::bulk));
  ASSERT_EQ(at(kGuard, patient, kCustoms).state, store::RecipientState::sealed);
  agent(kGuard).disconnect(broker, now());
  static_cast<void>(submit(kGuard, notice({kCustoms}, "At once", Lane::flash)));
  connect_all();
  pass(seconds(1));
  EXPECT_THAT(inbox(kCustoms), ElementsAre("At once", "Whenever"));
}

}  // namespace
}  // namespace keruen::engine
