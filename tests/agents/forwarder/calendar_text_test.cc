#include "agents/forwarder/calendar_text.h"

#include "tests/support/matchers.h"

namespace keruen::forwarder {
namespace {

using testing::HasSubstr;

std::string calendar_with(std::string_view lines) {
  return "BEGIN:VCALENDAR\r\n" + std::string(lines) + "END:VCALENDAR\r\n";
}

TEST(CalendarText, UnfoldsBeforeItReadsLetters) {
  // A folded line may break inside a letter: "Ж" is D0 96.
  KERUEN_ASSERT_OK(const auto text,
                   read_calendar_text(bytes_of(calendar_with("SUMMARY:\xd0\r\n \x96\r\n"))));
  EXPECT_EQ(text.text, "BEGIN:VCALENDAR\nSUMMARY:Ж\nEND:VCALENDAR\n");
}

TEST(CalendarText, CountsLinesAsTheFileHasThem) {
  KERUEN_ASSERT_OK(
      const auto text,
      read_calendar_text(bytes_of(calendar_with("SUMMARY:a\r\n b\r\n\r\nLOCATION:here\r\n"))));
  EXPECT_EQ(text.line_of("summary:AB"), 2u);
  EXPECT_EQ(text.line_of("LOCATION"), 5u);
  EXPECT_EQ(text.line_of("nowhere"), std::nullopt);
}

TEST(CalendarText, TakesLineEndsOfEveryKind) {
  for (const std::string_view end : {"\n", "\r\n", "\r"}) {
    std::string file = "BEGIN:VCALENDAR";
    file.append(end).append("END:VCALENDAR").append(end);
    KERUEN_ASSERT_OK(const auto text, read_calendar_text(bytes_of(file)));
    EXPECT_EQ(text.text, "BEGIN:VCALENDAR\nEND:VCALENDAR\n");
  }
}

TEST(CalendarText, DropsTheByteOrderMark) {
  const std::string file = "\xef\xbb\xbf" + calendar_with("");
  KERUEN_ASSERT_OK(const auto text, read_calendar_text(bytes_of(file)));
  EXPECT_TRUE(text.text.starts_with("BEGIN:VCALENDAR"));
}

TEST(CalendarText, DecodesWindows1251) {
  const std::string file = calendar_with(
      "SUMMARY:\xca\xf3\xf0\xf1 \xb9"
      "1\r\n");
  KERUEN_ASSERT_OK(const auto text, read_calendar_text(bytes_of(file)));
  EXPECT_THAT(text.text, HasSubstr("SUMMARY:Курс №1\n"));
}

// A line pasted from an old program, or a disk that lost a bit: all other letters would be lost.
TEST(CalendarText, NamesTheLineOfAByteThatIsNoUtf8) {
  const std::string file = calendar_with("SUMMARY:Курс\r\nLOCATION:\xca\r\n");
  for (const std::string& text : {file, "\xef\xbb\xbf" + file}) {
    EXPECT_THAT(read_calendar_text(bytes_of(text)),
                FailsWith(ErrorCode::malformed, HasSubstr("line 3 holds a byte that is no UTF-8")));
  }
}

TEST(CalendarText, WhatSaysItIsUtf8IsNoWindows1251) {
  const std::string file = "\xef\xbb\xbf" + calendar_with("SUMMARY:\xca\xf3\xf0\xf1\r\n");
  EXPECT_THAT(read_calendar_text(bytes_of(file)),
              FailsWith(ErrorCode::malformed, HasSubstr("line 2")));
}

// "Я»" in windows-1251 are the bytes of one UTF-8 letter.
TEST(CalendarText, Windows1251MayHoldWhatCouldBeUtf8) {
  const std::string file = calendar_with("SUMMARY:\xab\xd2\xc0\xcc\xce\xc6\xcd\xdf\xbb\r\n");
  KERUEN_ASSERT_OK(const auto text, read_calendar_text(bytes_of(file)));
  EXPECT_THAT(text.text, HasSubstr("SUMMARY:«ТАМОЖНЯ»\n"));
}

TEST(CalendarText, RefusesBytesOfNoLetters) {
  const std::string file = calendar_with("SUMMARY:\x98\xca\r\n");  // 0x98 is no letter there
  EXPECT_THAT(read_calendar_text(bytes_of(file)), FailsWith(ErrorCode::malformed));
}

TEST(CalendarText, RefusesWhatIsNoCalendar) {
  using namespace std::string_literals;
  EXPECT_THAT(read_calendar_text({}), FailsWith(ErrorCode::malformed, HasSubstr("empty")));
  EXPECT_THAT(read_calendar_text(bytes_of(" \r\n\r\n")), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(read_calendar_text(bytes_of("PK\x03\x04\0\0"s)),
              FailsWith(ErrorCode::malformed, HasSubstr("zero bytes")));
  EXPECT_THAT(read_calendar_text(bytes_of("\xff\xfe"
                                          "B\0E\0"s)),
              FailsWith(ErrorCode::malformed, HasSubstr("UTF-16")));
  EXPECT_THAT(read_calendar_text(bytes_of("dear colleagues\r\n")),
              FailsWith(ErrorCode::malformed, HasSubstr("line 1")));
  EXPECT_THAT(read_calendar_text(bytes_of("BEGIN:VCARD\r\nEND:VCARD\r\n")),
              FailsWith(ErrorCode::malformed));
}

TEST(CalendarText, RefusesAFileCutShort) {
  EXPECT_THAT(read_calendar_text(bytes_of("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n")),
              FailsWith(ErrorCode::malformed, HasSubstr("cut short")));
  EXPECT_THAT(read_calendar_text(bytes_of("BEGIN:VCALENDAR\r\nEND:VEVENT\r\n")),
              FailsWith(ErrorCode::malformed, HasSubstr("line 2")));
}

TEST(CalendarText, RefusesComponentsNestedWithoutEnd) {
  std::string file;
  for (int i = 0; i < 100'000; ++i) file += "BEGIN:VCALENDAR\r\n";
  EXPECT_THAT(read_calendar_text(bytes_of(file)), FailsWith(ErrorCode::malformed));
}

TEST(CalendarText, CleansControlCharactersAway) {
  EXPECT_EQ(clean_lines("a\x1b[31m\x07\r\nb\rc\xc2\x85 d \n"), "a[31m\nb\nc d");
  EXPECT_EQ(clean_line(" a\t b\n\nc "), "a b c");
}

TEST(CalendarText, FoldsBetweenLettersOnly) {
  std::string line = "SUMMARY:";
  for (int i = 0; i < 100; ++i) line += "Ж";
  const std::string folded = folded_line(line);
  std::string unfolded;
  for (std::size_t at = 0; at < folded.size();) {
    const auto end = folded.find("\r\n", at);
    EXPECT_LE(end - at, 75u);
    const std::string row = folded.substr(at, end - at);
    EXPECT_NE(static_cast<unsigned char>(row[at == 0 ? 0 : 1]) & 0xc0, 0x80);
    unfolded += at == 0 ? row : row.substr(1);
    at = end + 2;
  }
  EXPECT_EQ(unfolded, line);
}

}  // namespace
}  // namespace keruen::forwarder
