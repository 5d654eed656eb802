// The journal: what a process tells its operator, one JSON object a line.
// Shape: {"time":"2026-03-01T12:00:00.123Z","level":"info","event":"batch_accepted","index":7,…}
// Units: times in UTC to the millisecond.   Threads: write() from any.
// Lifetime: views in events and fields live until write() returns.
//
// `event` is a fixed word of the code (snake_case), so that operators can search and count by it;
// what varies stands in fields. Content, keys and passphrases never stand in a journal.
// A line is whole, valid UTF-8 and at most kJournalLineBytesMax: a value that is not UTF-8 has its
// bad bytes replaced, one too long is cut and ends in "…", and what still does not fit is left out
// and counted in "left_out".
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "schemas/error.h"
#include "schemas/now.h"

namespace keruen::host {

enum class JournalLevel : std::uint8_t { debug = 1, info = 2, warning = 3, error = 4 };

[[nodiscard]] std::string_view name_of(JournalLevel level);
[[nodiscard]] std::optional<JournalLevel> journal_level_named(std::string_view name);

inline constexpr std::size_t kJournalLineBytesMax = 8 * 1024;
inline constexpr std::size_t kJournalValueBytesMax = 2 * 1024;

// `{"agency", id.text()}`, `{"index", index.value}`, `{"late", true}`.
struct JournalField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  JournalField(std::string_view field_name, std::string_view text)
      : name(field_name), value(text) {}
  JournalField(std::string_view field_name, const char* text)
      : name(field_name), value(std::string_view(text)) {}
  JournalField(std::string_view field_name, const std::string& text)
      : name(field_name), value(std::string_view(text)) {}
  template <class Number>
  requires std::is_arithmetic_v<Number> JournalField(std::string_view field_name, Number number)
      : name(field_name), value(value_of(number)) {}
  JournalField(std::string_view field_name, WallTime time)
      : name(field_name), value(static_cast<std::int64_t>(time.time_since_epoch().count())) {}

  std::string_view name;
  Value value;

 private:
  template <class Number>
  static Value value_of(Number number) {
    if constexpr (std::is_same_v<Number, bool>) {
      return number;
    } else if constexpr (std::is_floating_point_v<Number>) {
      return static_cast<double>(number);
    } else if constexpr (std::is_signed_v<Number>) {
      return static_cast<std::int64_t>(number);
    } else {
      return static_cast<std::uint64_t>(number);
    }
  }
};

struct JournalLine {
  WallTime time;
  JournalLevel level = JournalLevel::info;
  std::string_view event;
  std::span<const JournalField> fields;
};

// Without a line end.
[[nodiscard]] std::string encode_journal_line(const JournalLine& line);
// "2026-03-01T12:00:00.123Z", RFC 3339.
[[nodiscard]] std::string to_text(WallTime time);

class Journal {
 public:
  using Fields = std::span<const JournalField>;

  Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  virtual ~Journal() = default;

  // Never fails and never blocks for long: a journal that cannot be written stops nobody.
  virtual void write(JournalLevel level, std::string_view event, Fields fields) = 0;
  void write(JournalLevel level, std::string_view event,
             std::initializer_list<JournalField> fields = {}) {
    write(level, event, Fields(fields.begin(), fields.size()));
  }
  // The error's code and detail as fields, beside others.
  void write_error(JournalLevel level, std::string_view event, const Error& error,
                   std::initializer_list<JournalField> fields = {});
};

}  // namespace keruen::host
