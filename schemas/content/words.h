// The word of each enumerator, as JSON and the command line spell it, and back.
// Shape: enumerators count from 1 without gaps, in the order of these lists.   Threads: constants.
//
//   word_of(Handling::h1) == "H1"      enumerator_of<Handling>("H1") == Handling::h1
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "schemas/content/notice.h"
#include "schemas/content/receipt.h"
#include "schemas/content/schedule.h"
#include "schemas/content/sealed_header.h"
#include "schemas/names.h"

namespace keruen::content {

template <class Enumeration>
struct Words;

#define KERUEN_WORDS(Enumeration, last, ...)                                     \
  template <>                                                                    \
  struct Words<Enumeration> {                                                    \
    static constexpr auto kAll = std::to_array<std::string_view>({__VA_ARGS__}); \
    static_assert(kAll.size() == static_cast<std::size_t>(Enumeration::last));   \
  }

KERUEN_WORDS(MessageKind, receipt, "notice", "schedule", "evidence", "part", "receipt");

KERUEN_WORDS(MessageStatus, test, "actual", "exercise", "test");
KERUEN_WORDS(Handling, h3, "H0", "H1", "H2", "H3");
KERUEN_WORDS(TrafficLight, clear, "red", "amber", "green", "clear");
KERUEN_WORDS(SourceGrade, x, "A", "B", "C", "X");
KERUEN_WORDS(InformationGrade, four, "1", "2", "3", "4");
KERUEN_WORDS(OnwardSharing, ask, "none", "own_agency", "group", "ask");
KERUEN_WORDS(AnswerKind, decision, "acknowledgement", "information", "action", "decision");

KERUEN_WORDS(NoticeType, cancel, "warning", "request", "feedback", "seizure", "alert", "missing",
             "modus_operandi", "information", "joint_operation", "correction", "cancel");
KERUEN_WORDS(Action, contact, "inform", "check", "control", "stop", "controlled_delivery",
             "identify", "provide_records", "contact");
KERUEN_WORDS(Urgency, routine, "flash", "urgent", "routine");
KERUEN_WORDS(Direction, internal, "entry", "exit", "transit", "internal");
KERUEN_WORDS(SubjectKind, location, "person", "organisation", "vehicle", "document", "firearm",
             "goods", "cargo", "account", "location");
KERUEN_WORDS(Confidence, possible, "confirmed", "probable", "possible");
KERUEN_WORDS(ConveyanceMode, foot, "road", "rail", "air", "sea", "river", "pipeline", "post",
             "foot");
KERUEN_WORDS(DetectionMethod, other, "risk_profile", "document_check", "search", "x_ray", "dog",
             "chemical_test", "detector", "intelligence", "random_check", "other");
KERUEN_WORDS(AnswerTime, date, "hours_8", "days_3", "days_7", "date");
KERUEN_WORDS(Permission, other, "use_in_court", "share_onward", "take_part", "contact_source",
             "other");
KERUEN_WORDS(ReplyOutcome, refused, "hit", "no_hit", "done", "partly", "refused");
KERUEN_WORDS(CourtConsent, on_request, "given", "refused", "on_request");

KERUEN_WORDS(ScheduleMethod, cancel, "publish", "request", "cancel");
KERUEN_WORDS(CourseFormat, training_of_trainers, "classroom", "online", "study_visit", "exercise",
             "training_of_trainers");
KERUEN_WORDS(EventStatus, cancelled, "tentative", "confirmed", "cancelled");
KERUEN_WORDS(TimeForm, zoned, "date", "floating", "utc", "zoned");
KERUEN_WORDS(InstanceRange, this_and_future, "this_one", "this_and_future");

KERUEN_WORDS(ReceiptKind, processed, "read", "processed");
KERUEN_WORDS(ProcessResult, forwarded, "done", "refused", "forwarded");

#undef KERUEN_WORDS

template <class Enumeration>
concept Worded = requires {
  Words<Enumeration>::kAll;
};

// Whether a number is that of an enumerator.
template <Worded Enumeration>
[[nodiscard]] constexpr bool is_enumerator(std::uint64_t number) {
  return number >= 1 && number <= Words<Enumeration>::kAll.size();
}

template <Worded Enumeration>
[[nodiscard]] constexpr std::string_view word_of(Enumeration value) {
  const auto number = static_cast<std::uint64_t>(value);
  return is_enumerator<Enumeration>(number) ? Words<Enumeration>::kAll[number - 1] : "?";
}

template <Worded Enumeration>
[[nodiscard]] constexpr std::optional<Enumeration> enumerator_of(std::string_view word) {
  for (std::size_t i = 0; i < Words<Enumeration>::kAll.size(); ++i) {
    if (Words<Enumeration>::kAll[i] == word) return static_cast<Enumeration>(i + 1);
  }
  return std::nullopt;
}

}  // namespace keruen::content
