// Tables in few columns: which text gives way, and which is never lost.
#include "agents/cli/terminal.h"

#include <gmock/gmock.h>

#include <cstdlib>

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

}  // namespace
}  // namespace keruen::cli
