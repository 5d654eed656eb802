#include "schemas/content/instant.h"

#include <chrono>
#include <cstdint>
#include <cstdio>

namespace keruen::content {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::int64_t kLastInstant = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z

// Takes fixed-width fields off the front of a text; once something does not fit, all is refused.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}

  unsigned number(std::size_t digits) {
    unsigned value = 0;
    if (rest_.size() < digits) good_ = false;
    for (std::size_t i = 0; good_ && i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') good_ = false;
      value = value * 10 + static_cast<unsigned>(rest_[i] - '0');
    }
    if (good_) rest_.remove_prefix(digits);
    return value;
  }
  void mark(char expected) {
    if (!take(expected)) good_ = false;
  }
  bool take(char wanted) {
    if (!good_ || rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool good() const { return good_; }
  void refuse() { good_ = false; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

void read_date(Fields& fields, CalendarTime& time) {
  time.year = static_cast<std::uint16_t>(fields.number(4));
  fields.mark('-');
  time.month = static_cast<std::uint8_t>(fields.number(2));
  fields.mark('-');
  time.day = static_cast<std::uint8_t>(fields.number(2));
}

void read_time_of_day(Fields& fields, CalendarTime& time) {
  fields.mark('T');
  time.hour = static_cast<std::uint8_t>(fields.number(2));
  fields.mark(':');
  time.minute = static_cast<std::uint8_t>(fields.number(2));
  fields.mark(':');
  time.second = static_cast<std::uint8_t>(fields.number(2));
}

milliseconds read_fraction(Fields& fields) {
  if (!fields.take('.')) return milliseconds{0};
  int value = 0;
  int digits = 0;
  while (!fields.rest().empty() && fields.rest().front() >= '0' && fields.rest().front() <= '9') {
    if (++digits > 3) fields.refuse();  // finer than we can keep
    value = value * 10 + static_cast<int>(fields.number(1));
    if (!fields.good()) return milliseconds{0};
  }
  if (digits == 0) fields.refuse();
  for (; digits < 3; ++digits) value *= 10;
  return milliseconds{value};
}

minutes read_offset(Fields& fields) {
  if (fields.take('Z')) return minutes{0};
  const bool east = fields.take('+');
  if (!east) fields.mark('-');
  const unsigned hours = fields.number(2);
  fields.mark(':');
  const unsigned rest = fields.number(2);
  if (hours > 23 || rest > 59) fields.refuse();
  const minutes offset{static_cast<int>(hours * 60 + rest)};
  return east ? offset : -offset;
}

}  // namespace

bool is_instant(WallTime time) {
  const auto count = time.time_since_epoch().count();
  return count > 0 && count <= kLastInstant;
}

std::string instant_text(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  char text[48];
  int length = std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  std::string result(text, static_cast<std::size_t>(length));
  if (const auto fraction = clock.subseconds().count(); fraction != 0) {
    length = std::snprintf(text, sizeof text, ".%03d", static_cast<int>(fraction));
    result.append(text, static_cast<std::size_t>(length));
  }
  return result + "Z";
}

std::optional<WallTime> instant_from_text(std::string_view text) {
  Fields fields(text);
  CalendarTime time;
  read_date(fields, time);
  read_time_of_day(fields, time);
  const milliseconds fraction = read_fraction(fields);
  const minutes offset = read_offset(fields);
  if (!fields.good() || !fields.rest().empty() || time.second == 60 || !is_calendar_time(time)) {
    return std::nullopt;
  }
  const std::chrono::sys_days day = std::chrono::year{time.year} / time.month / time.day;
  const WallTime result = day + std::chrono::hours{time.hour} + minutes{time.minute} +
                          seconds{time.second} + fraction - offset;
  if (!is_instant(result)) return std::nullopt;
  return result;
}

std::string local_text(const CalendarTime& time) {
  char text[48];
  int length = 0;
  if (time.form == TimeForm::date) {
    length = std::snprintf(text, sizeof text, "%04u-%02u-%02u", unsigned{time.year},
                           unsigned{time.month}, unsigned{time.day});
  } else {
    length = std::snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02u", unsigned{time.year},
                           unsigned{time.month}, unsigned{time.day}, unsigned{time.hour},
                           unsigned{time.minute}, unsigned{time.second});
  }
  return {text, static_cast<std::size_t>(length)};
}

bool read_local_text(std::string_view text, CalendarTime& target) {
  Fields fields(text);
  CalendarTime time = target;
  time.hour = time.minute = time.second = 0;
  read_date(fields, time);
  if (time.form != TimeForm::date) read_time_of_day(fields, time);
  if (!fields.good() || !fields.rest().empty() || !is_calendar_time(time)) return false;
  target = time;
  return true;
}

bool is_calendar_time(const CalendarTime& time) {
  const std::chrono::year_month_day date{
      std::chrono::year{time.year}, std::chrono::month{time.month}, std::chrono::day{time.day}};
  if (time.year < 1 || time.year > 9999 || !date.ok()) return false;
  if (time.form == TimeForm::date) return time.hour == 0 && time.minute == 0 && time.second == 0;
  return time.hour <= 23 && time.minute <= 59 && time.second <= 60;
}

}  // namespace keruen::content
