// INTERNAL to agents/forwarder: the properties of ours that carry what iCalendar has no name for.
// Shape: X-KERUEN-… of type TEXT on the VEVENT.   Threads: constants.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "schemas/content/schedule.h"

namespace keruen::forwarder {

enum class TextLines : std::uint8_t { one = 1, many = 2 };

struct TextProperty {
  std::string_view name;
  std::string content::TrainingSchedule::*field;
  TextLines lines = TextLines::many;
};

inline constexpr auto kTextProperties = std::to_array<TextProperty>({
    {"X-KERUEN-PROGRAMME", &content::TrainingSchedule::programme, TextLines::one},
    {"X-KERUEN-COMPONENT", &content::TrainingSchedule::component, TextLines::one},
    {"X-KERUEN-TOPIC", &content::TrainingSchedule::topic, TextLines::one},
    {"X-KERUEN-HOST", &content::TrainingSchedule::host_institution, TextLines::one},
    {"X-KERUEN-INTERPRETATION", &content::TrainingSchedule::interpretation, TextLines::many},
    {"X-KERUEN-AUDIENCE", &content::TrainingSchedule::audience, TextLines::many},
    {"X-KERUEN-LEVEL", &content::TrainingSchedule::level, TextLines::many},
    {"X-KERUEN-PREREQUISITES", &content::TrainingSchedule::prerequisites, TextLines::many},
    {"X-KERUEN-OUTCOMES", &content::TrainingSchedule::learning_outcomes, TextLines::many},
    {"X-KERUEN-ASSESSMENT", &content::TrainingSchedule::assessment, TextLines::many},
    {"X-KERUEN-CERTIFICATE", &content::TrainingSchedule::certificate, TextLines::many},
    {"X-KERUEN-COSTS", &content::TrainingSchedule::costs_covered, TextLines::many},
    {"X-KERUEN-LOGISTICS", &content::TrainingSchedule::logistics, TextLines::many},
});

// Further languages of SUMMARY and DESCRIPTION, which a VEVENT may hold but once.
inline constexpr std::string_view kSummaryProperty = "X-KERUEN-SUMMARY";
inline constexpr std::string_view kDescriptionProperty = "X-KERUEN-DESCRIPTION";
inline constexpr std::string_view kFormatProperty = "X-KERUEN-FORMAT";
inline constexpr std::string_view kSeatsProperty = "X-KERUEN-SEATS";
inline constexpr std::string_view kLanguageProperty = "X-KERUEN-LANGUAGE";
inline constexpr std::string_view kMessageProperty = "X-KERUEN-MESSAGE";
inline constexpr std::string_view kOrganisationParameter = "X-KERUEN-ORGANISATION";
inline constexpr std::string_view kCountryParameter = "X-KERUEN-COUNTRY";
// The language of a text whose file does not say (BCP 47: undetermined).
inline constexpr std::string_view kNoLanguage = "und";

}  // namespace keruen::forwarder
