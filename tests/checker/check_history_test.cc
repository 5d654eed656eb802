// The program: its words, its JSON, and its exit code for each verdict.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/checker/history_file.h"
#include "tests/checker/sample_run.h"
#include "tests/support/run_process.h"
#include "tests/support/temporary_directory.h"

namespace keruen::checker {
namespace {

using ::testing::HasSubstr;

class CheckHistory : public ::testing::Test {
 protected:
  // The program on one file for each process.
  ProcessResult run(SampleRun& run, std::vector<std::string> options = {}) {
    std::vector<std::string> arguments{KERUEN_CHECK_HISTORY};
    arguments.insert(arguments.end(), options.begin(), options.end());
    for (const History& history : run.histories()) {
      const auto path = directory / (history.process + ".jsonl");
      std::ofstream(path) << encode(history);
      arguments.push_back(path.string());
    }
    return run_process(arguments);
  }
  TemporaryDirectory directory;
};

TEST_F(CheckHistory, EndsWithZeroWhenAllIsWell) {
  SampleRun good;
  good.send("g-1");
  good.receive("g-1");
  good.end();
  const auto result = run(good);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("passed: 1 sends, 1 deliveries"));
}

TEST_F(CheckHistory, EndsWithThreeAndSaysWhatIsLost) {
  SampleRun bad;
  bad.send("g-1");
  bad.send("g-2");
  bad.receive("g-1");
  bad.end();
  const auto result = run(bad);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output, HasSubstr("lost: g-2 from kz.guard to kz.customs (routine): missing "
                                       "at the end of its pair's sequence"));
  const auto as_json = run(bad, {"--json"});
  EXPECT_EQ(as_json.exit_code, 3);
  const auto parsed = nlohmann::json::parse(as_json.output);
  EXPECT_EQ(parsed.at("verdict"), "failed");
  EXPECT_EQ(parsed.at("findings").at(0).at("kind"), "lost");
  EXPECT_EQ(parsed.at("findings").at(0).at("where"), "end");
}

TEST_F(CheckHistory, EndsWithFourWhenTooLittleWasSeen) {
  SampleRun idle;
  idle.end();
  const auto result = run(idle);
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.output, HasSubstr("barely run"));
}

TEST_F(CheckHistory, EndsWithTwoOnWrongUse) {
  EXPECT_EQ(run_process({KERUEN_CHECK_HISTORY}).exit_code, 2);
  EXPECT_EQ(run_process({KERUEN_CHECK_HISTORY, "--loud"}).exit_code, 2);
  EXPECT_EQ(run_process({KERUEN_CHECK_HISTORY, (directory / "none").string()}).exit_code, 2);
}

}  // namespace
}  // namespace keruen::checker
