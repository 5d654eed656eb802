#include <nlohmann/json.hpp>
#include <string>

#include "schemas/content/fields.h"
#include "schemas/content/instant.h"
#include "schemas/content/json.h"
#include "schemas/content/words.h"

namespace keruen::content {
namespace {

// Fields stay in the order of fields.h: people read this.
using Json = nlohmann::ordered_json;

template <class T>
void write_fields(Json& target, const T& value);

Json json_of(const std::string& text) { return text; }
Json json_of(const OfficerId& officer) { return officer.text; }
Json json_of(const AgencyId& agency) { return agency.text(); }
Json json_of(const Bytes& bytes) { return to_base64(bytes); }
Json json_of(const MessageId& id) { return to_text(id); }
Json json_of(const Digest& digest) { return digest.hex(); }
Json json_of(WallTime time) { return instant_text(time); }

template <class T>
requires std::is_integral_v<T> Json json_of(T number) { return number; }

template <Worded E>
Json json_of(E value) {
  return std::string(word_of(value));
}

Json json_of(const CalendarTime& time) {
  Json result{{"form", word_of(time.form)}, {"local", local_text(time)}};
  if (!time.zone.empty()) result["zone"] = time.zone;
  return result;
}

Json json_of(const Coordinates& place) {
  return {{"latitude", place.latitude_microdegrees / 1e6},
          {"longitude", place.longitude_microdegrees / 1e6}};
}

Json json_of(const Texts& texts) {
  Json result = Json::object();
  for (const LanguageText& one : texts) result[one.language] = one.text;
  return result;
}

template <Described T>
Json json_of(const T& value) {
  Json result = Json::object();
  write_fields(result, value);
  return result;
}

template <class T>
Json json_of(const std::vector<T>& values) {
  Json result = Json::array();
  for (const T& value : values) result.push_back(json_of(value));
  return result;
}

bool is_absent(const std::string& text) { return text.empty(); }
template <class T>
bool is_absent(const std::vector<T>& values) {
  return values.empty();
}
template <class T>
bool is_absent(const std::optional<T>& value) {
  return !value.has_value();
}
template <class T>
bool is_absent(const T&) {
  return false;
}

template <class T>
Json json_of(const std::optional<T>& value) {
  return json_of(*value);
}

template <class T>
void write_fields(Json& target, const T& value) {
  visit_fields<T>([&](std::string_view name, auto member, const Rule&) {
    if (!is_absent(value.*member)) target[std::string(name)] = json_of(value.*member);
  });
}

std::string text_of_json(const Json& document) {
  // Checked values hold valid UTF-8; others are shown rather than thrown about.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string_view body_name(const Body& body) {
  constexpr std::string_view kNames[] = {"notice", "schedule", "receipt", "recall", "part"};
  static_assert(std::size(kNames) == std::variant_size_v<Body>);
  return kNames[body.index()];
}

}  // namespace

std::string to_json(const Content& content) {
  const std::string name(body_name(content.body));
  Json document{{"kind", name}};
  if (!std::holds_alternative<Part>(content.body)) {
    document["header"] = json_of(content.header);
    if (!content.parts.empty()) document["parts"] = json_of(content.parts);
  }
  document[name] = std::visit([](const auto& body) { return json_of(body); }, content.body);
  return text_of_json(document);
}

std::string notice_to_json(const Content& content) {
  const auto* notice = std::get_if<CooperationNotice>(&content.body);
  ensure(notice != nullptr, "notice_to_json is given a notice");
  Json document = Json::object();
  write_fields(document, content.header);
  write_fields(document, *notice);
  return text_of_json(document);
}

std::string to_json(const TrainingSchedule& schedule) { return text_of_json(json_of(schedule)); }
std::string to_json(const OfficerReceipt& receipt) { return text_of_json(json_of(receipt)); }

}  // namespace keruen::content
