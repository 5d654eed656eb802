// The one form of the desk's own files: lines `key: value` a person can read, check and compare.
// Shape: a first line that names the kind and version; then lines in a fixed order. Empty lines and
// lines that begin with # are comments. Bytes are base64, keys and hashes hexadecimal.
// Threads: values.
//
// Strict: a line too many, too few or out of order is malformed and named: `kz.customs.request:4:
// expected "agency", found "agancy"`. Nothing is skipped, so nothing can be smuggled past a reader.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/bytes.h"
#include "schemas/error.h"

namespace keruen::authority {

// Empty, or why `text` cannot be a value: control characters, not UTF-8, or blanks at its ends.
[[nodiscard]] std::optional<std::string> fault_of_value(std::string_view text);

class DocumentWriter {
 public:
  // `comment` may have several lines.
  DocumentWriter(std::string_view first_line, std::string_view comment);
  // A value with a fault_of_value is a bug: texts of people are checked where they enter.
  void add(std::string_view key, std::string_view value);
  void add_bytes(std::string_view key, BytesView bytes) { add(key, to_base64(bytes)); }
  void add_comment(std::string_view comment);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class DocumentReader {
 public:
  // malformed: another first line, or a line without a key. `path` is what faults are named by.
  [[nodiscard]] static Result<DocumentReader> open(std::string_view text, std::string path,
                                                   std::string_view first_line);

  // The next line's value; malformed unless its key is `key`.
  [[nodiscard]] Result<std::string> take(std::string_view key);
  // Empty, and nothing is taken, when the next line has another key.
  [[nodiscard]] std::optional<std::string> take_if(std::string_view key);
  [[nodiscard]] bool next_is(std::string_view key) const;
  [[nodiscard]] Result<Bytes> take_bytes(std::string_view key);
  [[nodiscard]] Result<std::uint64_t> take_number(std::string_view key);

  template <class Name>
  [[nodiscard]] Result<Name> take_id(std::string_view key) {
    KERUEN_TRY(const std::string value, take(key));
    return id_of<Name>(value);
  }
  template <class Name>
  [[nodiscard]] Result<Name> id_of(std::string_view value) const {
    auto name = Name::parse(value);
    if (!name) return fault(name.error().detail);
    return name;
  }
  template <class Fixed>
  [[nodiscard]] Result<Fixed> take_fixed(std::string_view key) {
    KERUEN_TRY(const std::string value, take(key));
    return fixed_of<Fixed>(value);
  }
  template <class Fixed>
  [[nodiscard]] Result<Fixed> fixed_of(std::string_view value) const {
    const auto fixed = Fixed::from_hex(value);
    if (!fixed) return fault("expected " + std::to_string(Fixed::kBytes) + " bytes in hexadecimal");
    return *fixed;
  }

  // malformed, at the line last taken.
  [[nodiscard]] tl::unexpected<Error> fault(std::string_view what) const;
  // malformed: lines are left.
  [[nodiscard]] Result<void> finish() const;

 private:
  struct Line {
    std::size_t number = 0;
    std::string key;
    std::string value;
  };
  [[nodiscard]] tl::unexpected<Error> unexpected_line(std::string_view wanted) const;

  std::string path_;
  std::vector<Line> lines_;
  std::size_t next_ = 0;
};

// Whether no two of `values` are equal: what counts towards k of n must not count twice.
template <class Value>
[[nodiscard]] bool all_distinct(const std::vector<Value>& values) {
  for (auto value = values.begin(); value != values.end(); ++value) {
    if (std::find(values.begin(), value, *value) != value) return false;
  }
  return true;
}

// The words of a value, at single blanks.
[[nodiscard]] std::vector<std::string> words_of(std::string_view value);

}  // namespace keruen::authority
