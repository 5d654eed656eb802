#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>

#include "schemas/content/bounds_check.h"
#include "schemas/content/fields.h"
#include "schemas/content/instant.h"
#include "schemas/content/json.h"
#include "schemas/content/json_document.h"
#include "schemas/content/place.h"
#include "schemas/content/words.h"

namespace keruen::content {
namespace {

using nlohmann::json;
using Names = std::vector<std::string_view>;

// How many letters must be changed, added or left out to make one word the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string joined(const Names& words) {
  std::string result;
  for (const std::string_view word : words) result.append(result.empty() ? "" : ", ").append(word);
  return result;
}

// ": did you mean "weight"?" or ": allowed here are a, b, c".
std::string advice(std::string_view found, const Names& allowed) {
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(2, found.size() / 3) + 1;
  if (found.size() <= kWordBytesMax) {
    for (const std::string_view candidate : allowed) {
      const std::size_t distance = edit_distance(found, candidate);
      if (distance < least) {
        least = distance;
        nearest = candidate;
      }
    }
  }
  if (!nearest.empty()) return ": did you mean \"" + std::string(nearest) + "\"?";
  return ": allowed here are " + joined(allowed);
}

std::string shortened(const std::string& text) {
  constexpr std::size_t kShownBytes = 60;
  if (text.size() <= kShownBytes) return text;
  std::size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::string found_in(const json& value) {
  if (value.is_null()) return "null (leave the field out instead)";
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_number()) return "the number " + value.dump();
  return shortened(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

template <Worded E>
Names words() {
  return {Words<E>::kAll.begin(), Words<E>::kAll.end()};
}

class JsonReader {
 public:
  [[nodiscard]] std::optional<Error>& error() { return error_; }

  // Reads the fields of all `targets` from one object; every other field in it is unknown.
  template <class... T>
  void read_object(const json& object, const Place& place, T&... targets) {
    if (!expect(object.is_object(), object, place, "an object")) return;
    Names known;
    (known.insert(known.end(), names_in_json<T>().begin(), names_in_json<T>().end()), ...);
    refuse_unknown(object, place, known);
    (read_fields(object, place, targets), ...);
  }

  void refuse_unknown(const json& object, const Place& place, const Names& known) {
    for (const auto& [name, value] : object.items()) {
      if (std::ranges::find(known, name) != known.end()) continue;
      const std::string shown = shortened(name);
      return refuse("unknown field " + Place(place, shown).quoted() + advice(name, known));
    }
  }

  // Null and said so when a required field is missing; null when an optional one is.
  const json* find(const json& object, const Place& place, std::string_view name,
                   Presence presence) {
    const auto found = object.find(std::string(name));
    if (found != object.end()) return &*found;
    if (presence == Presence::required) refuse("missing field " + Place(place, name).quoted());
    return nullptr;
  }

  template <Worded E>
  void read(const json& value, E& target, const Place& place, const Rule&) {
    const std::string* word = text_in(value, place, "one of " + joined(words<E>()));
    if (word == nullptr) return;
    if (const auto known = enumerator_of<E>(*word)) {
      target = *known;
    } else {
      refuse(place.quoted() + " is " + found_in(value) + advice(*word, words<E>()) +
             " Allowed: " + joined(words<E>()));
    }
  }

  template <class T>
  requires Described<T>
  void read(const json& value, T& target, const Place& place, const Rule&) {
    read_object(value, place, target);
  }

  void read(const json& value, PartsManifest& target, const Place& place, const Rule& rule) {
    read_list(value, target, place, rule);
  }

  bool expect(bool good, const json& found, const Place& place, std::string_view wanted) {
    if (!good) {
      refuse(place.quoted() + " must be " + std::string(wanted) + ", found " + found_in(found));
    }
    return good;
  }

 private:
  template <class T>
  static const Names& names_in_json() {
    return field_names<T>();
  }

  template <class T>
  void read_fields(const json& object, const Place& place, T& target) {
    visit_fields<T>([&](std::string_view name, auto member, const Rule& rule) {
      if (error_) return;
      const json* value = find(object, place, name, rule.presence);
      if (value != nullptr) read(*value, target.*member, Place(place, name), rule);
    });
  }

  const std::string* text_in(const json& value, const Place& place, std::string_view wanted) {
    if (!expect(value.is_string(), value, place, wanted)) return nullptr;
    return value.get_ptr<const std::string*>();
  }

  void read(const json& value, std::string& target, const Place& place, const Rule&) {
    if (const auto* text = text_in(value, place, "a text")) target = *text;
  }
  void read(const json& value, OfficerId& target, const Place& place, const Rule& rule) {
    read(value, target.text, place, rule);
  }
  void read(const json& value, AgencyId& target, const Place& place, const Rule&) {
    const auto* text = text_in(value, place, "an agency id like \"kz.customs\"");
    if (text == nullptr) return;
    auto agency = AgencyId::parse(*text);
    if (!agency) return refuse(place.quoted() + ": " + agency.error().detail);
    target = std::move(*agency);
  }
  void read(const json& value, MessageId& target, const Place& place, const Rule&) {
    constexpr std::string_view kWanted =
        "a message id like \"0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a\"";
    const auto* text = text_in(value, place, kWanted);
    if (text == nullptr) return;
    const auto id = message_id_from_text(*text);
    if (expect(id.has_value(), value, place, kWanted)) target = *id;
  }
  void read(const json& value, Digest& target, const Place& place, const Rule&) {
    constexpr std::string_view kWanted = "a SHA-256 of 64 hexadecimal digits";
    const auto* text = text_in(value, place, kWanted);
    if (text == nullptr) return;
    const auto digest = Digest::from_hex(*text);
    if (expect(digest.has_value(), value, place, kWanted)) target = *digest;
  }
  void read(const json& value, Bytes& target, const Place& place, const Rule&) {
    constexpr std::string_view kWanted = "bytes in base64";
    const auto* text = text_in(value, place, kWanted);
    if (text == nullptr) return;
    auto bytes = from_base64(*text);
    if (expect(bytes.has_value(), value, place, kWanted)) target = std::move(*bytes);
  }
  void read(const json& value, WallTime& target, const Place& place, const Rule&) {
    constexpr std::string_view kWanted = "an instant like \"2026-05-14T09:00:00Z\"";
    const auto* text = text_in(value, place, kWanted);
    if (text == nullptr) return;
    const auto time = instant_from_text(*text);
    if (expect(time.has_value(), value, place, kWanted)) target = *time;
  }

  template <class T>
  requires std::is_integral_v<T>
  void read(const json& value, T& target, const Place& place, const Rule&) {
    static_assert(std::is_unsigned_v<T>, "signed numbers have a form of their own");
    constexpr std::uint64_t kMost = std::numeric_limits<T>::max();
    const bool good = value.is_number_unsigned() && value.get<std::uint64_t>() <= kMost;
    const std::string wanted = "a whole number from 0 to " + std::to_string(kMost);
    if (expect(good, value, place, wanted)) target = static_cast<T>(value.get<std::uint64_t>());
  }

  void read(const json& value, CalendarTime& target, const Place& place, const Rule&) {
    static const Names known{"form", "local", "zone"};
    if (!expect(value.is_object(), value, place, "an object")) return;
    refuse_unknown(value, place, known);
    const json* form = find(value, place, "form", Presence::required);
    const json* local = find(value, place, "local", Presence::required);
    if (error_) return;
    read(*form, target.form, Place(place, "form"), kPlain);
    if (error_) return;
    const std::string_view wanted = target.form == TimeForm::date
                                        ? "a day like \"2026-05-14\""
                                        : "a local time like \"2026-05-14T14:00:00\"";
    const Place local_place(place, "local");
    const auto* text = text_in(*local, local_place, wanted);
    if (text == nullptr || !expect(read_local_text(*text, target), *local, local_place, wanted)) {
      return;
    }
    if (const json* zone = find(value, place, "zone", Presence::optional)) {
      read(*zone, target.zone, Place(place, "zone"), kWord);
    }
  }

  void read(const json& value, Coordinates& target, const Place& place, const Rule&) {
    static const Names known{"latitude", "longitude"};
    if (!expect(value.is_object(), value, place, "an object")) return;
    refuse_unknown(value, place, known);
    read_degrees(value, place, "latitude", 90, target.latitude_microdegrees);
    read_degrees(value, place, "longitude", 180, target.longitude_microdegrees);
  }

  void read_degrees(const json& object, const Place& place, std::string_view name, int most,
                    std::int32_t& target) {
    const json* value = find(object, place, name, Presence::required);
    if (value == nullptr) return;
    const bool good = value->is_number() && std::abs(value->get<double>()) <= most;
    const std::string limit = std::to_string(most);
    if (expect(good, *value, Place(place, name), "degrees from -" + limit + " to " + limit)) {
      target = static_cast<std::int32_t>(std::lround(value->get<double>() * 1e6));
    }
  }

  void read(const json& value, Texts& target, const Place& place, const Rule& rule) {
    const std::string_view wanted = R"(an object of texts per language, like {"en": "…"})";
    if (!expect(value.is_object(), value, place, wanted)) return;
    if (!expect_count(value.size(), place, rule)) return;
    for (const auto& [language, text] : value.items()) {
      LanguageText& one = target.emplace_back();
      one.language = language;
      const std::string shown = shortened(language);
      read(text, one.text, Place(place, shown), kEssay);
    }
  }

  template <class T>
  void read(const json& value, std::optional<T>& target, const Place& place, const Rule& rule) {
    read(value, target.emplace(), place, rule);
  }
  template <class T>
  void read(const json& value, std::vector<T>& target, const Place& place, const Rule& rule) {
    read_list(value, target, place, rule);
  }

  template <class T>
  void read_list(const json& value, std::vector<T>& target, const Place& place, const Rule& rule) {
    if (!expect(value.is_array(), value, place, "a list")) return;
    if (!expect_count(value.size(), place, rule)) return;
    target.resize(value.size());
    for (std::size_t i = 0; i < target.size() && !error_; ++i) {
      read(value[i], target[i], Place(place, i), rule);
    }
  }

  bool expect_count(std::size_t count, const Place& place, const Rule& rule) {
    if (count <= rule.count_max) return true;
    if (!error_) {
      error_ = Error{ErrorCode::too_large, place.quoted() + " has " + std::to_string(count) +
                                               " entries, at most " +
                                               std::to_string(rule.count_max) + " are allowed"};
    }
    return false;
  }

  void refuse(std::string what) {
    if (!error_) error_ = Error{ErrorCode::malformed, std::move(what)};
  }

  std::optional<Error> error_;
};

template <class T>
Result<T> read_alone(std::string_view text) {
  KERUEN_TRY(const json document, parse_document(text));
  T value;
  JsonReader reader;
  reader.read_object(document, Place(), value);
  if (reader.error()) return fail(std::move(*reader.error()));
  KERUEN_CHECK(check_bounds(value));
  KERUEN_CHECK(check_body(value));
  return value;
}

constexpr std::string_view kBodyNames[] = {"notice", "schedule", "receipt", "recall", "part"};

template <std::size_t Index = 0>
void read_body(JsonReader& reader, const json& value, const Place& place, std::size_t index,
               Body& body) {
  if constexpr (Index < std::variant_size_v<Body>) {
    if (index != Index) return read_body<Index + 1>(reader, value, place, index, body);
    reader.read_object(value, place, body.emplace<Index>());
  }
}

void read_content(JsonReader& reader, const json& document, Content& content) {
  const Place whole;
  const Names kinds(std::begin(kBodyNames), std::end(kBodyNames));
  if (!reader.expect(document.is_object(), document, whole, "an object")) return;
  const json* kind = reader.find(document, whole, "kind", Presence::required);
  if (kind == nullptr) return;
  const auto known =
      kind->is_string() ? std::ranges::find(kinds, kind->get<std::string>()) : kinds.end();
  const std::string wanted = "one of " + joined(kinds);
  if (!reader.expect(known != kinds.end(), *kind, Place(whole, "kind"), wanted)) return;
  const bool is_part = *known == "part";
  Names fields{"kind", *known};
  if (!is_part) fields.insert(fields.end(), {"header", "parts"});
  reader.refuse_unknown(document, whole, fields);
  if (!is_part) {
    if (const json* header = reader.find(document, whole, "header", Presence::required)) {
      reader.read_object(*header, Place(whole, "header"), content.header);
    }
    if (const json* parts = reader.find(document, whole, "parts", Presence::optional)) {
      reader.read(*parts, content.parts, Place(whole, "parts"), at_most(kAttachmentsMax));
    }
  }
  if (const json* body = reader.find(document, whole, *known, Presence::required)) {
    const auto index = static_cast<std::size_t>(known - kinds.begin());
    read_body(reader, *body, Place(whole, *known), index, content.body);
  }
}

}  // namespace

Result<Content> content_from_json(std::string_view text, std::span<const std::string> attached) {
  KERUEN_TRY(const json document, parse_document(text));
  Content content;
  JsonReader reader;
  read_content(reader, document, content);
  if (reader.error()) return fail(std::move(*reader.error()));
  KERUEN_CHECK(check_bounds(content));
  KERUEN_CHECK(check(content, attached));
  return content;
}

Result<Content> notice_from_json(std::string_view text) {
  KERUEN_TRY(const json document, parse_document(text));
  Content content;
  auto& notice = content.body.emplace<CooperationNotice>();
  JsonReader reader;
  reader.read_object(document, Place(), content.header, notice);
  if (reader.error()) return fail(std::move(*reader.error()));
  KERUEN_CHECK(check_bounds(content.header));
  KERUEN_CHECK(check_bounds(notice));
  KERUEN_CHECK(check_header(content.header));
  KERUEN_CHECK(check_body(content.body));
  return content;
}

Result<TrainingSchedule> schedule_from_json(std::string_view text) {
  return read_alone<TrainingSchedule>(text);
}

Result<OfficerReceipt> receipt_from_json(std::string_view text) {
  return read_alone<OfficerReceipt>(text);
}

}  // namespace keruen::content
