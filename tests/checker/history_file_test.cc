// A history as a file: what is written is read back, and what is no history is refused.
#include "tests/checker/history_file.h"

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace keruen::checker {
namespace {

using ::testing::HasSubstr;

History full_history() {
  History history{"kz.customs", {}};
  const auto add = [&](decltype(Record::what) what) {
    history.records.push_back({history.records.size(), std::move(what)});
  };
  add(SendInvoked{"c-1", {"kz.guard", "kz.court"}, "urgent", "a \"text\"\nof two lines", 60'000});
  add(SendEnded{"c-1", HowEnded::ok});
  add(SendInvoked{"c-2", {"kz.guard"}, "bulk", "", {}});
  add(SendEnded{"c-2", HowEnded::unknown});
  add(SendEnded{"c-2", HowEnded::failed});
  add(Received{"g-7", "kz.guard", "flash", "text", true});
  for (const auto outcome : {Outcome::delivered, Outcome::refused, Outcome::undeliverable,
                             Outcome::expired, Outcome::recalled, Outcome::disregarded}) {
    add(OutcomeSeen{"c-1", "kz.guard", outcome});
  }
  add(Restarted{});
  add(Restored{4});
  add(AbsenceNamed{"a gap"});
  add(Ended{true, false});
  return history;
}

TEST(HistoryFile, IsReadBackAsItWasWritten) {
  const auto read = decode_history(encode(full_history()));
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(*read, full_history());
}

TEST(HistoryFile, LeavesOutALineItsWriterDidNotFinish) {
  const std::string whole = encode(full_history());
  const auto read = decode_history(whole.substr(0, whole.size() - 3));
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->records.size() + 1, full_history().records.size());
}

TEST(HistoryFile, TellsADigestFromTheTextThatReadsTheSame) {
  const std::string begin = encode_begin("kz.customs") + "\n";
  const std::string as_digest =
      R"({"event":"receive","value":"g","from":"a","lane":"bulk","digest":"ab"})";
  const std::string as_text =
      R"({"event":"receive","value":"g","from":"a","lane":"bulk","text":"ab"})";
  EXPECT_NE(*decode_history(begin + as_digest + "\n"), *decode_history(begin + as_text + "\n"));
}

TEST(HistoryFile, RefusesWhatIsNoHistory) {
  EXPECT_THAT(decode_history(""), FailsWith(ErrorCode::malformed, HasSubstr("empty")));
  EXPECT_THAT(decode_history("no JSON\n"), FailsWith(ErrorCode::malformed, HasSubstr("line 1")));
  EXPECT_THAT(decode_history("{\"event\":\"end\",\"healed\":true,\"drained\":true}\n"),
              FailsWith(ErrorCode::malformed, HasSubstr("begins")));
  const std::string begin = encode_begin("kz.customs") + "\n";
  for (const char* line : {R"({"event":"dream"})", R"({"event":"ok"})", R"({"event":"invoke"})",
                           R"({"event":"outcome","value":"a","recipient":"b","outcome":"maybe"})",
                           R"({"event":"restored","records":"many"})"}) {
    EXPECT_THAT(decode_history(begin + line + "\n"),
                FailsWith(ErrorCode::malformed, HasSubstr("line 2")))
        << line;
  }
}

}  // namespace
}  // namespace keruen::checker
