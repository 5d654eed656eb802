// INTERNAL to the .cc files of this directory: a TOML file as values that know their line.
// Shape: a tree of tables, texts, whole numbers and flags.   Units: lines count from 1.
// Threads: values.
//
// Read through ConfigSection, every key must be asked for: what nobody asked for is a mistake of
// the person who wrote the file, and is named with its line and what was probably meant.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "schemas/error.h"

namespace keruen::host {

struct ConfigValue;
using ConfigTable = std::map<std::string, ConfigValue>;

// Anything the product's files do not use: dates, fractions, lists.
struct OtherValue {
  std::string_view type;
};

struct ConfigValue {
  std::variant<std::string, std::int64_t, bool, OtherValue, ConfigTable> value;
  unsigned line = 0;
};

// Where a file is and what is in it.
struct ConfigFile {
  std::string path;  // as the operator named it; relative paths inside start at its folder
  ConfigTable root;
};

inline constexpr std::size_t kConfigBytesMax = 1024 * 1024;
inline constexpr std::size_t kPathBytesMax = 4096;

// malformed: not TOML, `broker.toml:7: …`.
[[nodiscard]] Result<ConfigFile> parse_config(std::string_view text, const std::string& path);

// One table of a file, read key by key. `name` is empty for the file's top.
// Lifetime: borrows the file.
class ConfigSection {
 public:
  ConfigSection(const ConfigFile& file, std::string name, const ConfigTable& table, unsigned line)
      : file_(file), name_(std::move(name)), table_(table), line_(line) {}
  [[nodiscard]] static ConfigSection top(const ConfigFile& file) {
    return {file, "", file.root, 0};
  }

  // malformed: absent where it must not be, of another type, empty, or outside its bounds.
  [[nodiscard]] Result<std::string> text(std::string_view key, std::size_t bytes_max);
  [[nodiscard]] Result<std::optional<std::string>> optional_text(std::string_view key,
                                                                 std::size_t bytes_max);
  // Made absolute by the file's folder where it is relative.
  [[nodiscard]] Result<std::string> path(std::string_view key);
  // Empty where the key is absent.
  [[nodiscard]] Result<std::string> optional_path(std::string_view key);
  [[nodiscard]] Result<std::uint64_t> number(std::string_view key, std::uint64_t least,
                                             std::uint64_t most, std::uint64_t otherwise);
  [[nodiscard]] Result<ConfigSection> section(std::string_view key);
  [[nodiscard]] Result<std::optional<ConfigSection>> optional_section(std::string_view key);

  // `Name::parse` of a text.
  template <class Name>
  [[nodiscard]] Result<Name> id(std::string_view key) {
    KERUEN_TRY(const std::string read, text(key, kPathBytesMax));
    auto name = Name::parse(read);
    if (!name) return fault_at(key, name.error().detail);
    return name;
  }

  [[nodiscard]] const ConfigTable& table() const { return table_; }
  // Of a key that is there: `broker.toml:7: log.directory: what`.
  [[nodiscard]] tl::unexpected<Error> fault_at(std::string_view key, std::string_view what) const;
  // Call last: malformed, naming the first key that was never asked for.
  [[nodiscard]] Result<void> finish() const;

 private:
  [[nodiscard]] const ConfigValue* find(std::string_view key);
  [[nodiscard]] std::string full_name(std::string_view key) const;
  [[nodiscard]] tl::unexpected<Error> lacks(std::string_view key) const;
  [[nodiscard]] tl::unexpected<Error> wrong_type(std::string_view key, const ConfigValue& found,
                                                 std::string_view wanted) const;

  const ConfigFile& file_;
  std::string name_;
  const ConfigTable& table_;
  unsigned line_;
  std::set<std::string, std::less<>> asked_;
};

// `text` as a TOML basic string, quotes included.
[[nodiscard]] std::string quoted_toml(std::string_view text);

}  // namespace keruen::host
