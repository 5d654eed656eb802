#include "agents/authority/text_document.h"

#include <charconv>

#include "schemas/utf8.h"

namespace keruen::authority {
namespace {

constexpr std::string_view kBetween = ": ";

// A line of a hostile file is shown shortened and without what could move a cursor.
std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 40;
  std::string result;
  for (const char c : text.substr(0, kShownMax)) {
    result.push_back(c >= 0x20 && c < 0x7f ? c : '?');
  }
  return text.size() > kShownMax ? result + "…" : result;
}

}  // namespace

std::optional<std::string> fault_of_value(std::string_view text) {
  if (text.empty()) return "a value is empty";
  if (!is_utf8(text)) return "a value is not UTF-8";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return "a value holds a line end or another control character";
    }
  }
  if (text.front() == ' ' || text.back() == ' ') return "a value begins or ends with a blank";
  return std::nullopt;
}

DocumentWriter::DocumentWriter(std::string_view first_line, std::string_view comment)
    : text_(std::string(first_line) + "\n") {
  add_comment(comment);
}

void DocumentWriter::add(std::string_view key, std::string_view value) {
  ensure(!fault_of_value(value), "a value was checked before it is written");
  text_.append(key).append(kBetween).append(value).append("\n");
}

void DocumentWriter::add_comment(std::string_view comment) {
  while (!comment.empty()) {
    const auto end = comment.find('\n');
    text_.append("# ").append(comment.substr(0, end)).append("\n");
    comment.remove_prefix(end == std::string_view::npos ? comment.size() : end + 1);
  }
}

Result<DocumentReader> DocumentReader::open(std::string_view text, std::string path,
                                            std::string_view first_line) {
  DocumentReader reader;
  reader.path_ = std::move(path);
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (number == 1) {
      if (line == first_line) continue;
      return fail(ErrorCode::malformed, reader.path_ + " does not begin with \"" +
                                            std::string(first_line) + "\": it is another file");
    }
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(kBetween);
    const std::string where = reader.path_ + ":" + std::to_string(number) + ": ";
    if (colon == std::string_view::npos) {
      return fail(ErrorCode::malformed, where + "\"" + shown(line) + "\" is not key: value");
    }
    const std::string_view value = line.substr(colon + kBetween.size());
    if (const auto fault = fault_of_value(value)) return fail(ErrorCode::malformed, where + *fault);
    reader.lines_.push_back({number, std::string(line.substr(0, colon)), std::string(value)});
  }
  if (number == 0) return fail(ErrorCode::malformed, reader.path_ + " is empty");
  return reader;
}

tl::unexpected<Error> DocumentReader::fault(std::string_view what) const {
  const std::size_t line = next_ == 0 ? 1 : lines_[next_ - 1].number;
  return fail(ErrorCode::malformed, path_ + ":" + std::to_string(line) + ": " + std::string(what));
}

tl::unexpected<Error> DocumentReader::unexpected_line(std::string_view wanted) const {
  if (next_ == lines_.size()) {
    return fail(ErrorCode::malformed,
                path_ + " ends where \"" + std::string(wanted) + "\" is expected");
  }
  return fail(ErrorCode::malformed, path_ + ":" + std::to_string(lines_[next_].number) +
                                        ": expected \"" + std::string(wanted) + "\", found \"" +
                                        shown(lines_[next_].key) + "\"");
}

bool DocumentReader::next_is(std::string_view key) const {
  return next_ < lines_.size() && lines_[next_].key == key;
}

Result<std::string> DocumentReader::take(std::string_view key) {
  if (!next_is(key)) return unexpected_line(key);
  return lines_[next_++].value;
}

std::optional<std::string> DocumentReader::take_if(std::string_view key) {
  if (!next_is(key)) return std::nullopt;
  return lines_[next_++].value;
}

Result<Bytes> DocumentReader::take_bytes(std::string_view key) {
  KERUEN_TRY(const std::string value, take(key));
  auto bytes = from_base64(value);
  if (!bytes) return fault("expected base64; the line was changed or cut");
  return std::move(*bytes);
}

Result<std::uint64_t> DocumentReader::take_number(std::string_view key) {
  KERUEN_TRY(const std::string value, take(key));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) {
    return fault("expected a whole number");
  }
  return number;
}

Result<void> DocumentReader::finish() const {
  if (next_ < lines_.size()) return unexpected_line("the end");
  return {};
}

std::vector<std::string> words_of(std::string_view value) {
  std::vector<std::string> words;
  while (!value.empty()) {
    const auto end = value.find(' ');
    words.emplace_back(value.substr(0, end));
    value.remove_prefix(end == std::string_view::npos ? value.size() : end + 1);
  }
  return words;
}

}  // namespace keruen::authority
