// A calendar file as text: its letters, its content lines and where they stand.
// Shape: UTF-8, one content line per '\n', unfolded.   Threads: pure functions.
// Source: RFC 5545 §3.1.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/bytes.h"
#include "schemas/error.h"

namespace keruen::forwarder {

struct CalendarText {
  std::string text;
  std::vector<std::size_t> line_numbers;  // in the file, from 1, of each content line

  // Where `part` (any case) first stands; empty: nowhere.
  [[nodiscard]] std::optional<std::size_t> line_of(std::string_view part) const;
};

// Unfolds, then reads the letters: a file may be folded inside a letter. windows-1251 is what has
// no byte order mark and more bytes that are no UTF-8 than letters that are. malformed: UTF-16, NUL
// bytes, UTF-8 with bytes that are none, neither, no calendar, a component that is not closed.
[[nodiscard]] Result<CalendarText> read_calendar_text(BytesView file);

// Empty: a byte windows-1251 does not define.
[[nodiscard]] std::optional<std::string> utf8_from_windows_1251(std::string_view bytes);

// What content takes: no control characters; line breaks as '\n' …
[[nodiscard]] std::string clean_lines(std::string_view text);
// … or, with them, folded into single spaces.
[[nodiscard]] std::string clean_line(std::string_view text);

// Whether it can stand behind "mailto:".
[[nodiscard]] bool is_mail_address(std::string_view text);

// TEXT and quoted parameter values as they stand in a file.
[[nodiscard]] std::string escaped_text(std::string_view text);
[[nodiscard]] std::string quoted_value(std::string_view text);
// One content line, at most 75 bytes a row, never broken inside a letter.
[[nodiscard]] std::string folded_line(std::string_view line);

}  // namespace keruen::forwarder
