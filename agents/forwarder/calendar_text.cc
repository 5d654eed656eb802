#include "agents/forwarder/calendar_text.h"

#include <algorithm>
#include <array>

#include "schemas/utf8.h"

namespace keruen::forwarder {
namespace {

constexpr std::size_t kFoldedBytesMax = 75;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

enum class ByteOrderMark : std::uint8_t { none = 1, there };

// windows-1251 from 0x80 on; 0: not defined. Source: Unicode, CP1251.TXT.
constexpr std::array<char16_t, 128> kWindows1251{
    0x0402, 0x0403, 0x201a, 0x0453, 0x201e, 0x2026, 0x2020, 0x2021, 0x20ac, 0x2030, 0x0409, 0x2039,
    0x040a, 0x040c, 0x040b, 0x040f, 0x0452, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x0000, 0x2122, 0x0459, 0x203a, 0x045a, 0x045c, 0x045b, 0x045f, 0x00a0, 0x040e, 0x045e, 0x0408,
    0x00a4, 0x0490, 0x00a6, 0x00a7, 0x0401, 0x00a9, 0x0404, 0x00ab, 0x00ac, 0x00ad, 0x00ae, 0x0407,
    0x00b0, 0x00b1, 0x0406, 0x0456, 0x0491, 0x00b5, 0x00b6, 0x00b7, 0x0451, 0x2116, 0x0454, 0x00bb,
    0x0458, 0x0405, 0x0455, 0x0457, 0x0410, 0x0411, 0x0412, 0x0413, 0x0414, 0x0415, 0x0416, 0x0417,
    0x0418, 0x0419, 0x041a, 0x041b, 0x041c, 0x041d, 0x041e, 0x041f, 0x0420, 0x0421, 0x0422, 0x0423,
    0x0424, 0x0425, 0x0426, 0x0427, 0x0428, 0x0429, 0x042a, 0x042b, 0x042c, 0x042d, 0x042e, 0x042f,
    0x0430, 0x0431, 0x0432, 0x0433, 0x0434, 0x0435, 0x0436, 0x0437, 0x0438, 0x0439, 0x043a, 0x043b,
    0x043c, 0x043d, 0x043e, 0x043f, 0x0440, 0x0441, 0x0442, 0x0443, 0x0444, 0x0445, 0x0446, 0x0447,
    0x0448, 0x0449, 0x044a, 0x044b, 0x044c, 0x044d, 0x044e, 0x044f,
};

void append_letter(std::string& text, char16_t letter) {
  if (letter < 0x80) {
    text.push_back(static_cast<char>(letter));
  } else if (letter < 0x800) {
    text.push_back(static_cast<char>(0xc0 | letter >> 6));
    text.push_back(static_cast<char>(0x80 | (letter & 0x3f)));
  } else {
    text.push_back(static_cast<char>(0xe0 | letter >> 12));
    text.push_back(static_cast<char>(0x80 | (letter >> 6 & 0x3f)));
    text.push_back(static_cast<char>(0x80 | (letter & 0x3f)));
  }
}

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool starts_with(std::string_view text, std::string_view start) {
  return text.size() >= start.size() &&
         std::ranges::equal(text.substr(0, start.size()), start, {}, upper, upper);
}

CalendarText unfold(std::string_view file) {
  CalendarText result;
  result.text.reserve(file.size() + 1);
  std::size_t number = 0;
  while (!file.empty()) {
    ++number;
    const std::size_t end = file.find_first_of("\r\n");
    const std::string_view line = file.substr(0, end);
    if (!line.empty() && (line.front() == ' ' || line.front() == '\t') && !result.text.empty()) {
      result.text.pop_back();  // the '\n' before
      result.text.append(line.substr(1)).push_back('\n');
    } else if (!line.empty()) {
      result.text.append(line).push_back('\n');
      result.line_numbers.push_back(number);
    }
    if (end == std::string_view::npos) break;
    file.remove_prefix(end + (file.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  return result;
}

std::string at_line(std::size_t number) { return "line " + std::to_string(number); }

std::size_t index_at(std::string_view text, std::size_t at) {
  return static_cast<std::size_t>(std::ranges::count(text.substr(0, at), '\n'));
}

// Of the letter that the text begins with; 0: it is no UTF-8.
std::size_t letter_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return 1;
  const std::size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return is_utf8(text.substr(0, bytes)) ? bytes : 0;
}

// What is not all UTF-8. A stray byte in it must not make other letters of all the others; a text
// in windows-1251 has hardly two neighbours that could be a letter.
Result<void> read_letters(CalendarText& calendar, ByteOrderMark mark) {
  std::size_t letters = 0;  // of several bytes
  std::size_t strays = 0;
  std::size_t first_stray = 0;
  const std::string_view text = calendar.text;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = letter_bytes(text.substr(at));
    if (bytes > 1) ++letters;
    if (bytes == 0 && ++strays == 1) first_stray = at;
    at += std::max<std::size_t>(bytes, 1);
  }
  if (strays == 0) return {};
  if (mark == ByteOrderMark::there || strays <= letters) {
    return fail(ErrorCode::malformed,
                at_line(calendar.line_numbers[index_at(text, first_stray)]) +
                    " holds a byte that is no UTF-8: correct that line and save the file as UTF-8");
  }
  auto converted = utf8_from_windows_1251(text);
  if (!converted) {
    return fail(ErrorCode::malformed,
                "the file's letters are neither UTF-8 nor windows-1251: save it as UTF-8");
  }
  calendar.text = std::move(*converted);
  return {};
}

// libical forgives what is not closed; a file cut short must not be taken for a whole one.
Result<void> check_components(const CalendarText& calendar) {
  std::vector<std::pair<std::string, std::size_t>> open;
  std::size_t index = 0;
  std::string_view rest = calendar.text;
  for (; !rest.empty(); ++index) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    const std::size_t number = calendar.line_numbers[index];
    if (starts_with(line, "BEGIN:")) {
      if (open.size() >= 8) {
        return fail(ErrorCode::malformed, at_line(number) + " opens too many components in others");
      }
      open.emplace_back(clean_line(line.substr(6)), number);
      if (open.size() == 1 && !starts_with(open.back().first, "VCALENDAR")) {
        return fail(ErrorCode::malformed, at_line(number) + " does not begin a VCALENDAR");
      }
    } else if (starts_with(line, "END:")) {
      const std::string name = clean_line(line.substr(4));
      if (open.empty() || !std::ranges::equal(open.back().first, name, {}, upper, upper)) {
        return fail(ErrorCode::malformed,
                    at_line(number) + " ends a \"" + name + "\" that is not open");
      }
      open.pop_back();
    } else if (open.empty()) {
      return fail(ErrorCode::malformed,
                  at_line(number) + " stands outside a calendar: BEGIN:VCALENDAR is missing");
    }
  }
  if (!open.empty()) {
    return fail(ErrorCode::malformed, "the " + open.back().first + " begun in " +
                                          at_line(open.back().second) +
                                          " has no end: the file was cut short");
  }
  return {};
}

}  // namespace

std::optional<std::size_t> CalendarText::line_of(std::string_view part) const {
  // Not std::ranges::search: clang 14, which the fuzz targets need, cannot compile its result.
  const auto found = std::search(text.begin(), text.end(), part.begin(), part.end(),
                                 [](char a, char b) { return upper(a) == upper(b); });
  if (part.empty() || found == text.end()) return std::nullopt;
  const auto index = index_at(text, static_cast<std::size_t>(found - text.begin()));
  return index < line_numbers.size() ? std::optional(line_numbers[index]) : std::nullopt;
}

std::optional<std::string> utf8_from_windows_1251(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && kWindows1251[byte - 0x80u] == 0) return std::nullopt;
    append_letter(text, byte < 0x80 ? char16_t{byte} : kWindows1251[byte - 0x80u]);
  }
  return text;
}

Result<CalendarText> read_calendar_text(BytesView file) {
  std::string_view bytes = text_of(file);
  if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff")) {
    return fail(ErrorCode::malformed, "the file is in UTF-16: save it as UTF-8");
  }
  const auto mark = bytes.starts_with(kByteOrderMark) ? ByteOrderMark::there : ByteOrderMark::none;
  if (mark == ByteOrderMark::there) bytes.remove_prefix(kByteOrderMark.size());
  if (bytes.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return fail(ErrorCode::malformed, "the file is empty");
  }
  if (bytes.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::malformed, "the file holds zero bytes: it is no calendar file");
  }
  CalendarText calendar = unfold(bytes);
  if (!is_utf8(calendar.text)) KERUEN_CHECK(read_letters(calendar, mark));
  KERUEN_CHECK(check_components(calendar));
  return calendar;
}

std::string clean_lines(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\r') {
      if (!text.substr(i + 1).starts_with('\n')) clean.push_back('\n');
    } else if (byte == 0xc2 && i + 1 < text.size() &&
               static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      ++i;  // a C1 control
    } else if (const std::size_t bytes = line_turner_bytes(text.substr(i)); bytes > 0) {
      i += bytes - 1;  // others' programs leave them around telephone numbers
    } else if (byte == '\n' || byte == '\t' || (byte >= 0x20 && byte != 0x7f)) {
      clean.push_back(text[i]);
    }
  }
  const std::size_t first = clean.find_first_not_of(" \t\n");
  if (first == std::string::npos) return {};
  return clean.substr(first, clean.find_last_not_of(" \t\n") + 1 - first);
}

std::string clean_line(std::string_view text) {
  std::string line;
  for (const char c : clean_lines(text)) {
    const bool blank = c == ' ' || c == '\t' || c == '\n';
    if (!blank) {
      line.push_back(c);
    } else if (!line.empty() && line.back() != ' ') {
      line.push_back(' ');
    }
  }
  return line;
}

bool is_mail_address(std::string_view text) {
  return text.find('@') != std::string_view::npos &&
         text.find_first_of(" <>\",;") == std::string_view::npos;
}

std::string escaped_text(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    if (c == '\n') {
      escaped += "\\n";
    } else if (c == '\\' || c == ';' || c == ',') {
      escaped.push_back('\\');
      escaped.push_back(c);
    } else if (c != '\r') {
      escaped.push_back(c);
    }
  }
  return escaped;
}

std::string quoted_value(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) quoted.push_back(c == '"' ? '\'' : c);
  return quoted + "\"";
}

std::string folded_line(std::string_view line) {
  std::string folded;
  std::size_t room = kFoldedBytesMax;
  while (line.size() > room) {
    std::size_t size = room;
    while ((static_cast<unsigned char>(line[size]) & 0xc0) == 0x80) --size;
    folded.append(line.substr(0, size)).append("\r\n ");
    line.remove_prefix(size);
    room = kFoldedBytesMax - 1;
  }
  return folded.append(line).append("\r\n");
}

}  // namespace keruen::forwarder
