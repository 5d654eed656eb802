#include "broker/log/scrub.h"

#include "tests/broker/log/log_fixture.h"

namespace keruen::log {
namespace {

class ScrubTest : public LogTest {
 protected:
  struct Pass {
    std::size_t steps = 0;
    std::vector<Error> found;
  };
  [[nodiscard]] Pass whole_pass(Scrub& scrub, std::size_t bytes_max = 4096) {
    Pass pass;
    while (true) {
      const auto step = scrub.step(bytes_max);
      ++pass.steps;
      ensure(pass.steps < 10'000, "a pass ends");
      if (!step) pass.found.push_back(step.error());
      if (step && *step == Scrub::Progress::pass_done) return pass;
    }
  }
};

TEST_F(ScrubTest, FindsNothingInASoundLog) {
  open_log();
  append_singly(200);
  Scrub scrub(*log_, journal_);
  const Pass pass = whole_pass(scrub);
  EXPECT_TRUE(pass.found.empty());
  EXPECT_GT(pass.steps, 10u) << "a bounded piece each";
  EXPECT_TRUE(whole_pass(scrub).found.empty()) << "and begins again";
}

TEST_F(ScrubTest, PassesOverAnEmptyLog) {
  open_log();
  Scrub scrub(*log_, journal_);
  EXPECT_EQ(scrub.step(4096), Scrub::Progress::pass_done);
}

TEST_F(ScrubTest, BeginsWhereItIsToldAndComesToTheRestLater) {
  open_log();
  append_singly(200);
  disk_.damage(std::string(kFirstSegment), kSegmentHeadBytes + 200, 1);
  Scrub scrub(*log_, journal_, LogIndex{150});
  EXPECT_TRUE(whole_pass(scrub).found.empty());
  EXPECT_EQ(whole_pass(scrub).found.size(), 1u);
}

TEST_F(ScrubTest, NamesEveryDamagedRecordAndGoesOn) {
  open_log();
  append_singly(200);
  const std::size_t second = kSegmentHeadBytes + padded_size(make_record(0));
  disk_.damage(std::string(kFirstSegment), kSegmentHeadBytes + 200, 1);
  disk_.damage(std::string(kFirstSegment), second + 200, 1);
  Scrub scrub(*log_, journal_);
  const Pass pass = whole_pass(scrub);
  ASSERT_EQ(pass.found.size(), 2u);
  EXPECT_EQ(pass.found[0].code, ErrorCode::corrupt);
  EXPECT_THAT(pass.found[1].detail, ::testing::HasSubstr("at byte " + std::to_string(second)));
  EXPECT_EQ(journal_.count("log_damaged"), 2u);
}

}  // namespace
}  // namespace keruen::log
