// The engine on its own thread, asked by others.
#include "agents/engine/engine_thread.h"

#include "tests/journey/engine_thread_journey.h"

namespace keruen::engine {
namespace {

class EngineThreadTest : public EngineThreadJourney {
 protected:
  void SetUp() override { start_engine_thread(); }

  static bool is_refused(std::size_t place) { return place % 7 == 3; }
};

TEST_F(EngineThreadTest, ManyHandedOverTogetherAreAnsweredEachInItsPlace) {
  std::vector<SubmitRequest> requests;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < 2000; ++i) {
    requests.push_back(notice({is_refused(i) ? "kz.unknown" : kCustoms}, std::to_string(i)));
  }
  KERUEN_ASSERT_OK(const auto answers, engine->submit_all(requests));
  ASSERT_EQ(answers.size(), requests.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (is_refused(i)) {
      EXPECT_THAT(answers[i], FailsWith(ErrorCode::unknown_agency)) << i;
      ++refused;
    } else {
      EXPECT_THAT(answers[i], IsOk()) << i;
    }
  }
  EXPECT_EQ(engine->status()->waiting_messages, requests.size() - refused);
}

// Though the flash one makes short rounds of what else there is.
TEST_F(EngineThreadTest, AnswersStandInTheirPlacesWhateverTheLanes) {
  std::vector<SubmitRequest> requests;
  for (std::size_t i = 0; i < 100; ++i) {
    const Lane lane = i == 70 ? Lane::flash : Lane::bulk;
    requests.push_back(notice({is_refused(i) ? "kz.unknown" : kCustoms}, std::to_string(i), lane));
  }
  KERUEN_ASSERT_OK(const auto answers, engine->submit_all(requests));
  ASSERT_EQ(answers.size(), requests.size());
  for (std::size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(!answers[i], is_refused(i)) << i;
}

TEST_F(EngineThreadTest, NothingHandedOverIsAnsweredAtOnce) {
  KERUEN_ASSERT_OK(const auto answers, engine->submit_all({}));
  EXPECT_TRUE(answers.empty());
}

}  // namespace
}  // namespace keruen::engine
