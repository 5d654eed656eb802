#include "schemas/content/bounds_check.h"

#include <algorithm>
#include <optional>
#include <string>

#include "schemas/content/fields.h"
#include "schemas/content/instant.h"
#include "schemas/content/place.h"
#include "schemas/content/words.h"
#include "schemas/utf8.h"

namespace keruen::content {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// BCP 47 in outline: two or three letters, then subtags of one to eight letters and digits.
bool is_language(std::string_view text) {
  const auto dash = std::min(text.find('-'), text.size());
  const std::string_view first = text.substr(0, dash);
  if (dash < 2 || dash > 3 || !std::ranges::all_of(first, is_letter)) return false;
  for (std::string_view rest = text.substr(dash); !rest.empty();) {
    rest.remove_prefix(1);  // the dash
    const std::string_view subtag = rest.substr(0, rest.find('-'));
    if (subtag.empty() || subtag.size() > 8 ||
        !std::ranges::all_of(subtag, [](char c) { return is_letter(c) || is_digit(c); })) {
      return false;
    }
    rest.remove_prefix(subtag.size());
  }
  return true;
}

bool breaks_or_turns_line(std::string_view text) {
  for (auto at = text.find('\xe2'); at != std::string_view::npos; at = text.find('\xe2', at + 1)) {
    if (line_turner_bytes(text.substr(at)) > 0) return true;
  }
  return false;
}

// C0 and C1 controls and DEL: in a terminal they are commands, in a calendar file a new line.
bool has_control(std::string_view text, Lines lines) {
  for (std::size_t i = plain_bytes(text, 0); i < text.size(); ++i, i += plain_bytes(text, i)) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n' || byte == '\r' || byte == '\t') {
      if (lines == Lines::one) return true;
    } else if (byte < 0x20 || byte == 0x7f) {
      return true;
    } else if (byte == 0xc2 && i + 1 < text.size() &&
               static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      return true;
    }
  }
  return false;
}

enum class Age : std::uint8_t { any, is_new };

class BoundsChecker {
 public:
  explicit BoundsChecker(Age age = Age::any) : age_(age) {}
  [[nodiscard]] Result<void> result() && {
    if (error_) return fail(std::move(*error_));
    return {};
  }

  template <class T>
  requires Described<T>
  void check(const T& value, const Place& place, const Rule&) {
    if constexpr (std::is_same_v<T, CalendarTime>) check_time(value, place);
    visit_fields<T>([&](std::string_view name, auto member, const Rule& rule) {
      if (!error_) check(value.*member, Place(place, name), rule);
    });
  }

  void check(const std::string& text, const Place& place, const Rule& rule) {
    if (text.empty() && rule.presence == Presence::required) {
      refuse(ErrorCode::malformed, place, "must not be empty");
    } else if (text.size() > rule.bytes_max) {
      refuse(ErrorCode::too_large, place, bound("bytes", text.size(), rule.bytes_max));
    } else if (!is_utf8(text)) {
      refuse(ErrorCode::malformed, place, "is not well-formed UTF-8");
    } else if (has_control(text, rule.lines) ||
               (age_ == Age::is_new && rule.lines == Lines::one && breaks_or_turns_line(text))) {
      refuse(ErrorCode::malformed, place,
             rule.lines == Lines::one ? "must be one line without control characters"
                                      : "must not hold control characters");
    }
  }
  void check(const OfficerId& officer, const Place& place, const Rule& rule) {
    check(officer.text, place, rule);
  }
  void check(const AgencyId& agency, const Place& place, const Rule&) {
    if (agency.empty()) refuse(ErrorCode::malformed, place, "must name an agency");
  }
  void check(const Bytes& bytes, const Place& place, const Rule& rule) {
    if (bytes.empty()) refuse(ErrorCode::malformed, place, "must not be empty");
    if (bytes.size() > rule.bytes_max) {
      refuse(ErrorCode::too_large, place, bound("bytes", bytes.size(), rule.bytes_max));
    }
  }
  void check(WallTime time, const Place& place, const Rule&) {
    if (!is_instant(time)) refuse(ErrorCode::malformed, place, "must be an instant after 1970");
  }
  void check(const MessageId&, const Place&, const Rule&) {}
  void check(const Digest&, const Place&, const Rule&) {}

  template <class T>
  requires std::is_integral_v<T>
  void check(T, const Place&, const Rule&) {}

  template <Worded E>
  void check(E value, const Place& place, const Rule&) {
    if (!is_enumerator<E>(static_cast<std::uint64_t>(value))) {
      refuse(ErrorCode::malformed, place, "is not a known enumerator");
    }
  }

  template <class T>
  void check(const std::optional<T>& value, const Place& place, const Rule& rule) {
    if (value) check(*value, place, rule);
  }

  template <class T>
  void check(const std::vector<T>& values, const Place& place, const Rule& rule) {
    if (values.empty() && rule.presence == Presence::required) {
      refuse(ErrorCode::malformed, place, "must not be empty");
    }
    if (values.size() > rule.count_max) {
      refuse(ErrorCode::too_large, place, bound("entries", values.size(), rule.count_max));
    }
    Rule element = rule;
    element.presence = Presence::optional;
    for (std::size_t i = 0; i < values.size() && !error_; ++i) {
      check(values[i], Place(place, i), element);
    }
    if constexpr (std::is_same_v<T, LanguageText>) check_languages(values, place);
  }

 private:
  void check_time(const CalendarTime& time, const Place& place) {
    if (!is_calendar_time(time)) {
      refuse(ErrorCode::malformed, place, "is not a date and time that exists");
    } else if ((time.form == TimeForm::zoned) == time.zone.empty()) {
      refuse(ErrorCode::malformed, place, "must name a zone exactly when its form is zoned");
    }
  }

  void check_languages(const Texts& texts, const Place& place) {
    for (std::size_t i = 0; i < texts.size() && !error_; ++i) {
      const std::string& language = texts[i].language;
      if (!is_language(language)) {
        refuse(ErrorCode::malformed, Place(place, i),
               "must name a language by its tag, like en, ru or uz-Latn");
      }
      for (std::size_t j = 0; j < i; ++j) {
        if (texts[j].language == language) {
          refuse(ErrorCode::malformed, Place(place, i),
                 "names the language " + language + " again");
        }
      }
    }
  }

  static std::string bound(std::string_view what, std::size_t found, std::size_t most) {
    return "has " + std::to_string(found) + " " + std::string(what) + ", at most " +
           std::to_string(most) + " are allowed";
  }

  // The first fault is the one reported.
  void refuse(ErrorCode code, const Place& place, std::string_view what) {
    if (!error_) error_ = Error{code, place.quoted() + " " + std::string(what)};
  }

  const Age age_;
  std::optional<Error> error_;
};

template <class T>
Result<void> check_value(const T& value) {
  BoundsChecker checker;
  checker.check(value, Place(), kPlain);
  return std::move(checker).result();
}

Result<void> check_whole(const Content& content, Age age) {
  const Place whole;
  BoundsChecker checker(age);
  checker.check(content.header, Place(whole, "header"), kPlain);
  checker.check(content.parts, Place(whole, "parts"), at_most(kAttachmentsMax));
  std::visit([&](const auto& body) { checker.check(body, Place(whole, "body"), kPlain); },
             content.body);
  return std::move(checker).result();
}

}  // namespace

Result<void> check_bounds(const CooperationNotice& notice) { return check_value(notice); }
Result<void> check_bounds(const TrainingSchedule& schedule) { return check_value(schedule); }
Result<void> check_bounds(const OfficerReceipt& receipt) { return check_value(receipt); }
Result<void> check_bounds(const SealedHeader& header) { return check_value(header); }

Result<void> check_bounds(const Content& content) { return check_whole(content, Age::any); }
Result<void> check_bounds_of_new(const Content& content) {
  return check_whole(content, Age::is_new);
}

}  // namespace keruen::content
