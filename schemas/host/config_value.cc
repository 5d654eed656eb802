#include "schemas/host/config_value.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <vector>

namespace keruen::host {
namespace {

// How many letters must change to make `a` of `b` (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string place(const ConfigFile& file, unsigned line) {
  return line == 0 ? file.path + ": " : file.path + ":" + std::to_string(line) + ": ";
}

std::string_view type_of(const ConfigValue& value) {
  if (const auto* other = std::get_if<OtherValue>(&value.value)) return other->type;
  constexpr std::array<std::string_view, 5> kTypes = {"a text", "a number", "true or false", "",
                                                      "a section"};
  return kTypes[value.value.index()];
}

}  // namespace

std::string ConfigSection::full_name(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
}

const ConfigValue* ConfigSection::find(std::string_view key) {
  asked_.emplace(key);
  const auto found = table_.find(std::string(key));
  return found == table_.end() ? nullptr : &found->second;
}

tl::unexpected<Error> ConfigSection::fault_at(std::string_view key, std::string_view what) const {
  const auto found = table_.find(std::string(key));
  const unsigned line = found == table_.end() ? line_ : found->second.line;
  return fail(ErrorCode::malformed, place(file_, line) + full_name(key) + ": " + std::string(what));
}

tl::unexpected<Error> ConfigSection::lacks(std::string_view key) const {
  return fail(ErrorCode::malformed, place(file_, line_) + "\"" + full_name(key) + "\" is missing");
}

tl::unexpected<Error> ConfigSection::wrong_type(std::string_view key, const ConfigValue& found,
                                                std::string_view wanted) const {
  return fault_at(key,
                  "must be " + std::string(wanted) + ", and is " + std::string(type_of(found)));
}

Result<std::optional<std::string>> ConfigSection::optional_text(std::string_view key,
                                                                std::size_t bytes_max) {
  const ConfigValue* found = find(key);
  if (found == nullptr) return std::optional<std::string>();
  const auto* read = std::get_if<std::string>(&found->value);
  if (read == nullptr) return wrong_type(key, *found, "a text in quotes");
  if (read->empty()) return fault_at(key, "must not be empty");
  if (read->size() > bytes_max) {
    return fault_at(key, "is longer than " + std::to_string(bytes_max) + " bytes");
  }
  const bool has_control =
      std::ranges::any_of(*read, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (has_control) return fault_at(key, "holds a control character");
  return std::optional<std::string>(*read);
}

Result<std::string> ConfigSection::text(std::string_view key, std::size_t bytes_max) {
  KERUEN_TRY(auto read, optional_text(key, bytes_max));
  if (!read) return lacks(key);
  return std::move(*read);
}

Result<std::string> ConfigSection::optional_path(std::string_view key) {
  KERUEN_TRY(const auto read, optional_text(key, kPathBytesMax));
  if (!read) return std::string();
  const std::filesystem::path folder = std::filesystem::path(file_.path).parent_path();
  return (folder / *read).string();
}

Result<std::string> ConfigSection::path(std::string_view key) {
  KERUEN_TRY(auto read, optional_path(key));
  if (read.empty()) return lacks(key);
  return read;
}

Result<std::uint64_t> ConfigSection::number(std::string_view key, std::uint64_t least,
                                            std::uint64_t most, std::uint64_t otherwise) {
  const ConfigValue* found = find(key);
  if (found == nullptr) return otherwise;
  const auto* read = std::get_if<std::int64_t>(&found->value);
  if (read == nullptr) return wrong_type(key, *found, "a whole number");
  if (*read < 0 || static_cast<std::uint64_t>(*read) < least ||
      static_cast<std::uint64_t>(*read) > most) {
    return fault_at(key, "must lie between " + std::to_string(least) + " and " +
                             std::to_string(most) + ", and is " + std::to_string(*read));
  }
  return static_cast<std::uint64_t>(*read);
}

Result<std::optional<ConfigSection>> ConfigSection::optional_section(std::string_view key) {
  const ConfigValue* found = find(key);
  if (found == nullptr) return std::optional<ConfigSection>();
  const auto* read = std::get_if<ConfigTable>(&found->value);
  if (read == nullptr) {
    return wrong_type(key, *found, "a section, written [" + full_name(key) + "]");
  }
  return std::optional<ConfigSection>(ConfigSection(file_, full_name(key), *read, found->line));
}

Result<ConfigSection> ConfigSection::section(std::string_view key) {
  KERUEN_TRY(auto read, optional_section(key));
  if (!read) {
    return fail(ErrorCode::malformed,
                place(file_, line_) + "the section [" + full_name(key) + "] is missing");
  }
  return std::move(*read);
}

Result<void> ConfigSection::finish() const {
  // In the order of the file: the first mistake a reader meets is the one named.
  const ConfigTable::value_type* first = nullptr;
  for (const auto& entry : table_) {
    if (asked_.contains(entry.first)) continue;
    if (first == nullptr || entry.second.line < first->second.line) first = &entry;
  }
  if (first == nullptr) return {};
  std::string text =
      place(file_, first->second.line) + "unknown key \"" + full_name(first->first) + "\"";
  const auto nearest = std::ranges::min_element(
      asked_, {}, [&](const std::string& known) { return distance(known, first->first); });
  if (nearest != asked_.end() &&
      distance(*nearest, first->first) <= std::max<std::size_t>(2, nearest->size() / 3)) {
    text += ": did you mean \"" + *nearest + "\"?";
  } else if (!asked_.empty()) {
    text += ": known here are";
    for (const std::string& known : asked_) text += " " + known;
  }
  return fail(ErrorCode::malformed, std::move(text));
}

std::string quoted_toml(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04X",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      result += escaped.data();
    } else {
      result += c;
    }
  }
  return result + '"';
}

}  // namespace keruen::host
