// Tables in few columns: which text gives way, and which is never lost.
#include "agents/cli/terminal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <stdio_ext.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include "tests/support/matchers.h"

namespace keruen::cli {
namespace {

constexpr std::string_view kWhen = "read 29 Nov 15:41 by officer-7, processed by officer-7: done";

// Where stdout is no terminal its width is what COLUMNS says; captured it is none, whoever runs
// this.
std::string rendered(const char* columns, std::string_view last,
                     const std::string& first = "kz.customs") {
  ::setenv("COLUMNS", columns, 1);
  Table table({"RECIPIENT", "STATE", "WHEN"});
  table.add({{first}, {"processed"}, {std::string(last)}});
  ::testing::internal::CaptureStdout();
  const Terminal terminal;
  static_cast<void>(::testing::internal::GetCapturedStdout());
  return table.render(terminal);
}

TEST(Table, TakesOneLineWhereThereIsRoom) {
  EXPECT_EQ(
      rendered("120", kWhen),
      "RECIPIENT   STATE      WHEN\n"
      "kz.customs  processed  read 29 Nov 15:41 by officer-7, processed by officer-7: done\n");
}

TEST(Table, TheLastColumnGoesOnBelowItself) {
  EXPECT_EQ(rendered("60", kWhen),
            "RECIPIENT   STATE      WHEN\n"
            "kz.customs  processed  read 29 Nov 15:41 by officer-7,\n"
            "                       processed by officer-7: done\n");
}

TEST(Table, ColumnsBeforeTheLastAreCut) {
  EXPECT_THAT(rendered("60", kWhen, std::string(90, 'x')), ::testing::HasSubstr("x…  processed  "));
}

TEST(Table, AParagraphHoldsEveryValueWhole) {
  EXPECT_EQ(rendered("30", kWhen, "kz.border-guard.west"),
            "RECIPIENT  kz.border-guard.wes\n"
            "           t\n"
            "STATE      processed\n"
            "WHEN       read 29 Nov 15:41\n"
            "           by officer-7,\n"
            "           processed by\n"
            "           officer-7: done\n");
}

TEST(Table, BreaksBetweenCharactersAndNotInsideThem) {
  // A word of two bytes a letter, longer than the seventeen columns that are left.
  EXPECT_EQ(rendered("40", "задокументированно, да"),
            "RECIPIENT   STATE      WHEN\n"
            "kz.customs  processed  задокументированн\n"
            "                       о, да\n");
}

TEST(Printable, TurnsNoLine) {
  EXPECT_EQ(printable("photo_\u202egpj.exe", LineEnds::fold), "photo_?gpj.exe");
  EXPECT_EQ(printable("\u2066a\u2069\u2028b\u2029", LineEnds::keep), "?a??b?");
  // What Dari and Pashto are written with stays.
  EXPECT_EQ(printable("می\u200cخواهم\u200f…", LineEnds::fold), "می\u200cخواهم\u200f…");
}

TEST(Width, CountsWideCharactersTwice) {
  EXPECT_EQ(width_of("海关 a"), 6U);
  EXPECT_EQ(width_of("таможня"), 7U);
  EXPECT_EQ(cut_to("海关海关", 5), "海关…");
  EXPECT_THAT(wrapped("海关海关", 5), ::testing::ElementsAre("海关", "海关"));
  EXPECT_THAT(wrapped("海", 1), ::testing::ElementsAre("海"));
}

TEST(Wrapped, KeepsLineEndsAndBreaksWhatIsLonger) {
  using ::testing::ElementsAre;
  EXPECT_THAT(wrapped("one\n\ntwo three", 7), ElementsAre("one", "", "two", "three"));
  EXPECT_THAT(wrapped("a" + std::string(20, ' ') + "from: kz.prosecutor", 12),
              ElementsAre("a           ", "       ", "from:", "kz.prosecuto", "r"));
}

// What is printed goes there while this lives; what did not get through is forgotten with it.
class StandardOutput {
 public:
  explicit StandardOutput(int descriptor) {
    std::fflush(stdout);
    ::dup2(descriptor, STDOUT_FILENO);
    ::close(descriptor);
  }
  ~StandardOutput() {
    ::__fpurge(stdout);
    std::clearerr(stdout);
    ::dup2(before_, STDOUT_FILENO);
    ::close(before_);
  }
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;

 private:
  int before_ = ::dup(STDOUT_FILENO);
};

TEST(Output, ThatDidNotFitOnTheDiskIsAFailure) {
  const Terminal terminal;
  EXPECT_THAT(terminal.printed(), IsOk());
  Result<void> printed;
  {
    const StandardOutput full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    terminal.print("a report\n");
    printed = terminal.printed();
  }
  EXPECT_FALSE(terminal.can_print());
  EXPECT_THAT(printed, FailsWith(ErrorCode::no_space, ::testing::HasSubstr("cut short")));
}

TEST(Output, GoesOnNoMoreBehindAGap) {
  const Terminal terminal;
  {
    const StandardOutput full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    terminal.print("a report\n");
  }
  ::testing::internal::CaptureStdout();
  terminal.print("its end\n");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
}

TEST(Output, ThatAReaderHasEnoughOfIsNoFailure) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ::close(ends[0]);
  const auto before = std::signal(SIGPIPE, SIG_IGN);  // as a service's processes have it
  const Terminal terminal;
  {
    const StandardOutput closed(ends[1]);
    terminal.print("a report\n");
  }
  std::signal(SIGPIPE, before);
  EXPECT_FALSE(terminal.can_print());
  EXPECT_THAT(terminal.printed(), IsOk());
}

}  // namespace
}  // namespace keruen::cli
