#include "agents/forwarder/calendar_properties.h"

#include <libical/ical.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>

namespace keruen::forwarder {
namespace {

struct FreeComponent {
  void operator()(icalcomponent* component) const { icalcomponent_free(component); }
};
using OwnedComponent = std::unique_ptr<icalcomponent, FreeComponent>;

struct FreeText {
  void operator()(char* text) const { icalmemory_free_buffer(text); }
};
using OwnedText = std::unique_ptr<char, FreeText>;

std::string copy_of(const OwnedText& text) { return text ? std::string(text.get()) : ""; }

// A schedule without one of these would be another schedule.
constexpr auto kNeeded = std::to_array<std::string_view>(
    {"DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "UID",
     "SEQUENCE", "METHOD", "STATUS", "TZID", "TZOFFSETFROM", "TZOFFSETTO", "data line"});

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string capitals(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), upper);
  return result;
}

std::string shown(std::string_view value) {
  constexpr std::size_t kShownBytesMax = 80;
  std::string line = clean_line(value);
  if (line.size() <= kShownBytesMax) return line;
  std::size_t size = kShownBytesMax;
  while (size > 0 && (static_cast<unsigned char>(line[size]) & 0xc0) == 0x80) --size;
  return line.substr(0, size) + "…";
}

// What libical could not read it names in a property of its own; the value stands at its end.
Result<void> check_error(std::string_view words, const CalendarText& text) {
  const auto needed = std::ranges::find_if(
      kNeeded, [&](std::string_view name) { return words.find(name) != std::string_view::npos; });
  if (needed == kNeeded.end()) return {};
  const std::string named(*needed == "data line" ? "a line" : *needed);
  if (words.starts_with("No value for")) {
    return fail(ErrorCode::malformed, named + " is empty: give it a value, or remove the line");
  }
  std::string_view value;
  if (const auto colon = words.find(": "); colon != std::string_view::npos) {
    value = words.substr(colon + 2);
  }
  std::string detail = named + " cannot be understood: \"" + shown(value) + "\"";
  if (const auto line = value.empty() ? std::nullopt : text.line_of(value)) {
    detail += " in line " + std::to_string(*line);
  }
  return fail(ErrorCode::malformed, detail + "; export the calendar again, or correct the line");
}

std::string value_of(icalproperty* property) {
  icalvalue* value = icalproperty_get_value(property);
  if (value != nullptr) {
    const char* text = nullptr;
    if (icalvalue_isa(value) == ICAL_TEXT_VALUE) text = icalvalue_get_text(value);
    if (icalvalue_isa(value) == ICAL_X_VALUE) text = icalvalue_get_x(value);
    if (text != nullptr) return text;
  }
  return copy_of(OwnedText(icalproperty_get_value_as_string_r(property)));
}

CalendarProperty property_of(icalproperty* source) {
  CalendarProperty property;
  property.name = capitals(copy_of(OwnedText(icalproperty_get_property_name_r(source))));
  property.value = value_of(source);
  for (icalparameter* one = icalproperty_get_first_parameter(source, ICAL_ANY_PARAMETER);
       one != nullptr; one = icalproperty_get_next_parameter(source, ICAL_ANY_PARAMETER)) {
    const std::string text = copy_of(OwnedText(icalparameter_as_ical_string_r(one)));
    const auto equals = text.find('=');
    if (equals == std::string::npos) continue;
    const char* value = icalparameter_get_xvalue(one);
    property.parameters.emplace_back(
        capitals(text.substr(0, equals)),
        value != nullptr ? std::string(value) : text.substr(equals + 1));
  }
  return property;
}

// As deep as check_components() of calendar_text.cc lets a file nest.
Result<CalendarComponent> component_of(icalcomponent* source, const CalendarText& text) {
  CalendarComponent component;
  // Null for a component of a name libical never heard.
  const char* name = icalcomponent_kind_to_string(icalcomponent_isa(source));
  component.name = name != nullptr ? name : "X";
  for (icalproperty* one = icalcomponent_get_first_property(source, ICAL_ANY_PROPERTY);
       one != nullptr; one = icalcomponent_get_next_property(source, ICAL_ANY_PROPERTY)) {
    if (icalproperty_isa(one) == ICAL_XLICERROR_PROPERTY) {
      KERUEN_CHECK(check_error(value_of(one), text));
    } else {
      component.properties.push_back(property_of(one));
    }
  }
  for (icalcomponent* one = icalcomponent_get_first_component(source, ICAL_ANY_COMPONENT);
       one != nullptr; one = icalcomponent_get_next_component(source, ICAL_ANY_COMPONENT)) {
    KERUEN_TRY(auto inner, component_of(one, text));
    component.components.push_back(std::move(inner));
  }
  return component;
}

Result<void> check_counts(const std::string& text) {
  std::size_t lines = 0;
  std::size_t components = 0;
  std::size_t zones = 0;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    ++lines;
    const std::string line = capitals(std::string_view(text).substr(at, 15));
    if (line.starts_with("BEGIN:")) ++components;
    if (line.starts_with("BEGIN:VTIMEZONE")) ++zones;
  }
  if (lines > kLinesMax) {
    return fail(ErrorCode::too_large, "the file has " + std::to_string(lines) + " lines, at most " +
                                          std::to_string(kLinesMax) + " are allowed: split it");
  }
  if (components > kComponentsMax) {
    return fail(ErrorCode::too_large, "the file has " + std::to_string(components) +
                                          " components, at most " + std::to_string(kComponentsMax) +
                                          " are allowed: split it");
  }
  if (zones > kZonesPerFileMax) {
    return fail(ErrorCode::too_large, "the file describes " + std::to_string(zones) +
                                          " time zones, at most " +
                                          std::to_string(kZonesPerFileMax) + " are allowed");
  }
  return {};
}

// libical makes another number of one that is too large for it: of 4294967296 it makes 0.
Result<void> check_sequences(const CalendarText& calendar) {
  std::string_view rest = calendar.text;
  for (const std::size_t number : calendar.line_numbers) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    const std::string start = capitals(line.substr(0, 9));
    if (start != "SEQUENCE:" && start != "SEQUENCE;") continue;
    const std::string value = clean_line(line.substr(line.rfind(':') + 1));
    std::int32_t sequence = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), sequence);
    if (read.ec == std::errc::result_out_of_range) {
      return fail(ErrorCode::malformed, "SEQUENCE \"" + shown(value) + "\" in line " +
                                            std::to_string(number) +
                                            " is too large: at most 2147483647 is allowed");
    }
  }
  return {};
}

}  // namespace

const std::string* CalendarProperty::parameter(std::string_view wanted) const {
  for (const auto& [one, text] : parameters) {
    if (one == wanted) return &text;
  }
  return nullptr;
}

const CalendarProperty* CalendarComponent::property(std::string_view wanted) const {
  const auto found = std::ranges::find(properties, wanted, &CalendarProperty::name);
  return found == properties.end() ? nullptr : &*found;
}

std::string_view CalendarComponent::value(std::string_view wanted) const {
  const auto* found = property(wanted);
  return found == nullptr ? std::string_view() : std::string_view(found->value);
}

Result<std::vector<CalendarComponent>> parse_calendar(const CalendarText& text) {
  KERUEN_CHECK(check_counts(text.text));
  KERUEN_CHECK(check_sequences(text));
  const OwnedComponent root(icalparser_parse_string(text.text.c_str()));
  if (!root) return fail(ErrorCode::malformed, "the file is not a calendar");
  KERUEN_TRY(auto whole, component_of(root.get(), text));
  std::vector<CalendarComponent> calendars;
  if (whole.name == "VCALENDAR") {
    calendars.push_back(std::move(whole));
    return calendars;
  }
  // Several calendars in one file stand in a root of libical's own.
  for (auto& one : whole.components) {
    if (one.name == "VCALENDAR") calendars.push_back(std::move(one));
  }
  if (calendars.empty()) return fail(ErrorCode::malformed, "the file holds no VCALENDAR");
  return calendars;
}

}  // namespace keruen::forwarder
