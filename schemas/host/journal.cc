#include "schemas/host/journal.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <vector>

namespace keruen::host {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";     // U+2026
// Behind the fields: `,"left_out":` with its number, and the closing brace.
constexpr std::size_t kTailBytes = 40;

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Bytes of the well-formed sequence `text` begins with (Unicode 15, table 3-7); 0 for none.
std::size_t sequence_bytes(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(at(i))) return 0;
  }
  // Overlong forms, surrogates, and what lies above U+10FFFF.
  const unsigned char second = at(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
    return 0;
  }
  return length;
}

void append_ascii(std::string& line, char c) {
  switch (c) {
    case '"':
      line += "\\\"";
      return;
    case '\\':
      line += "\\\\";
      return;
    case '\n':
      line += "\\n";
      return;
    case '\r':
      line += "\\r";
      return;
    case '\t':
      line += "\\t";
      return;
    default:
      break;
  }
  // A terminal that shows the journal must not obey what a peer wrote: no control bytes, DEL too.
  if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
    line += c;
    return;
  }
  std::array<char, 8> escaped{};
  std::snprintf(escaped.data(), escaped.size(), "\\u%04x",
                static_cast<unsigned>(static_cast<unsigned char>(c)));
  line += escaped.data();
}

void append_string(std::string& line, std::string_view text) {
  line += '"';
  const std::size_t begin = line.size();
  while (!text.empty()) {
    if (line.size() - begin > kJournalValueBytesMax) {
      line += kEllipsis;
      break;
    }
    const std::size_t length = sequence_bytes(text);
    if (length == 1) {
      append_ascii(line, text.front());
    } else if (length == 0) {
      line += kReplacement;
    } else {
      line += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  line += '"';
}

void append_value(std::string& line, const JournalField::Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    append_string(line, *text);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    line += *flag ? "true" : "false";
  } else if (const auto* fraction = std::get_if<double>(&value)) {
    // JSON knows neither infinity nor not-a-number.
    if (!std::isfinite(*fraction)) {
      line += "null";
      return;
    }
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *fraction);
    line.append(digits.data(), end.ptr);
  } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
    line += std::to_string(*number);
  } else {
    line += std::to_string(std::get<std::uint64_t>(value));
  }
}

void append_member(std::string& line, std::string_view name, const JournalField::Value& value) {
  if (line.size() > 1) line += ',';
  append_string(line, name);
  line += ':';
  append_value(line, value);
}

}  // namespace

std::string_view name_of(JournalLevel level) {
  return kLevelNames[static_cast<std::size_t>(level) - 1];
}

std::optional<JournalLevel> journal_level_named(std::string_view name) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == name) return static_cast<JournalLevel>(i + 1);
  }
  return std::nullopt;
}

std::string to_text(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text.data();
}

std::string encode_journal_line(const JournalLine& line) {
  const std::string time = to_text(line.time);
  std::string text = "{";
  append_member(text, "time", std::string_view(time));
  append_member(text, "level", name_of(line.level));
  append_member(text, "event", line.event);
  std::uint64_t left_out = 0;
  for (const JournalField& field : line.fields) {
    const std::size_t before = text.size();
    append_member(text, field.name, field.value);
    if (text.size() + kTailBytes > kJournalLineBytesMax) {
      text.resize(before);
      ++left_out;
    }
  }
  if (left_out != 0) append_member(text, "left_out", left_out);
  text += '}';
  return text;
}

void Journal::write_error(JournalLevel level, std::string_view event, const Error& error,
                          std::initializer_list<JournalField> fields) {
  std::vector<JournalField> all(fields);
  all.emplace_back("code", keruen::name_of(error.code));
  all.emplace_back("detail", error.detail);
  write(level, event, all);
}

}  // namespace keruen::host
