#include "schemas/host/journal.h"

#include <rapidcheck.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "schemas/bytes.h"
#include "schemas/host/clock.h"
#include "schemas/host/journal_sink.h"
#include "schemas/utf8.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_journal.h"
#include "tests/support/temporary_directory.h"

namespace keruen::host {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::string line_of(std::string_view event, std::initializer_list<JournalField> fields) {
  return encode_journal_line({wall_time_of(1'772'366'400'123),
                              JournalLevel::info,
                              event,
                              {fields.begin(), fields.size()}});
}

TEST(JournalLine, IsOneJsonObject) {
  EXPECT_EQ(line_of("batch_accepted", {{"agency", "kz.customs"},
                                       {"index", std::uint64_t{7}},
                                       {"late", true},
                                       {"seconds", 1.5},
                                       {"change", -3}}),
            R"({"time":"2026-03-01T12:00:00.123Z","level":"info","event":"batch_accepted",)"
            R"("agency":"kz.customs","index":7,"late":true,"seconds":1.5,"change":-3})");
}

TEST(JournalLine, HoldsTheWholeRangeOfNumbers) {
  EXPECT_THAT(line_of("x", {{"n", std::numeric_limits<std::uint64_t>::max()}}),
              HasSubstr("18446744073709551615"));
  EXPECT_THAT(line_of("x", {{"n", std::numeric_limits<double>::infinity()}}),
              HasSubstr("\"n\":null"));
}

TEST(JournalLine, EscapesWhatWouldEndTheStringOrTheLine) {
  EXPECT_THAT(line_of("x", {{"t", "a\"b\\c\nd\re\tf\x01g\x1b[0m\x7f"}}),
              HasSubstr(R"("t":"a\"b\\c\nd\re\tf\u0001g\u001b[0m\u007f")"));
}

TEST(JournalLine, ReplacesBytesThatAreNotUtf8) {
  EXPECT_THAT(line_of("x", {{"t", "Қазақ \xff\xc0\xaf\xed\xa0\x80 end"}}),
              HasSubstr("Қазақ \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                        "\xEF\xBF\xBD end"));
}

TEST(JournalLine, CutsAValueThatIsTooLong) {
  const std::string line = line_of("x", {{"t", std::string(10'000, 'a')}, {"last", 1}});
  EXPECT_LT(line.size(), kJournalValueBytesMax + 200);
  EXPECT_THAT(line, EndsWith("aa…\",\"last\":1}"));
}

TEST(JournalLine, CountsFieldsThatDoNotFit) {
  const std::string text(2'000, 'a');
  const std::string line =
      line_of("x", {{"a", text}, {"b", text}, {"c", text}, {"d", text}, {"e", text}, {"f", 6}});
  EXPECT_LE(line.size(), kJournalLineBytesMax);
  EXPECT_THAT(line, HasSubstr("\"f\":6"));
  EXPECT_TRUE(line.ends_with(",\"left_out\":1}"));
}

TEST(JournalLine, IsBoundedUtf8OnOneLineWhateverItIsGiven) {
  EXPECT_TRUE(
      rc::check([](const std::vector<std::uint8_t>& event, const std::vector<std::string>& texts) {
        std::vector<JournalField> fields;
        for (const std::string& text : texts) fields.emplace_back(text, text);
        const std::string line =
            encode_journal_line({WallTime{}, JournalLevel::error, text_of(event), fields});
        RC_ASSERT(line.size() <= kJournalLineBytesMax);
        RC_ASSERT(is_utf8(line));
        RC_ASSERT(line.find('\n') == std::string::npos);
        RC_ASSERT(line.front() == '{');
        RC_ASSERT(line.back() == '}');
      }));
}

TEST(JournalLevel, HasANameAndBack) {
  for (const auto level :
       {JournalLevel::debug, JournalLevel::info, JournalLevel::warning, JournalLevel::error}) {
    EXPECT_EQ(journal_level_named(name_of(level)), level);
  }
  EXPECT_EQ(journal_level_named("loud"), std::nullopt);
}

TEST(Journal, WritesAnErrorAsCodeAndDetail) {
  MemoryJournal journal;
  journal.write_error(JournalLevel::warning, "record_refused",
                      {ErrorCode::expired, "the window has passed"}, {{"agency", "kz.customs"}});
  journal.write(JournalLevel::info, "started");
  EXPECT_EQ(journal.count("record_refused"), 1u);
  EXPECT_EQ(journal.count("started"), 1u);
  EXPECT_TRUE(journal.mentions(
      R"("agency":"kz.customs","code":"expired","detail":"the window has passed")"));
  EXPECT_FALSE(journal.mentions("kz.prosecutor"));
}

TEST(SystemClock, DoesNotGoBackAndIsInThisCentury) {
  const SystemClock clock;
  const Now first = clock.now();
  const Now second = clock.now();
  EXPECT_LE(first.monotonic, second.monotonic);
  EXPECT_THAT(to_text(second.wall), ::testing::StartsWith("20"));
}

// While no file can be opened.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST(JournalFile, IsFoundAgainOnceItCouldNotBeTurnedOver) {
  const TemporaryDirectory directory;
  const std::string path = (directory / "journal").string();
  const SystemClock clock;
  KERUEN_ASSERT_OK(const auto journal,
                   open_journal({JournalLevel::info, path}, clock, {.bytes_max = 1000}));
  journal->write(JournalLevel::info, "before", {{"filler", std::string(800, 'x')}});
  {
    const NoDescriptors none;
    journal->write(JournalLevel::info, "lost", {{"filler", std::string(300, 'x')}});
    journal->write(JournalLevel::info, "lost_too", {});
  }
  journal->write(JournalLevel::info, "after", {});
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("\"after\""));
}

TEST(JournalFile, SaysWhichFileCannotBeOpened) {
  const TemporaryDirectory directory;
  const std::string folder = (directory / "no_folder").string();
  std::ofstream(folder) << "a file";
  const SystemClock clock;
  EXPECT_THAT(open_journal({JournalLevel::info, folder + "/journal"}, clock),
              FailsWith(ErrorCode::io_failed, HasSubstr(folder + "/journal")));
}

}  // namespace
}  // namespace keruen::host
