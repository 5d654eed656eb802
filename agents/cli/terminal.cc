#include "agents/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "schemas/utf8.h"

namespace keruen::cli {
namespace {

constexpr std::size_t kColumnsMin = 20;
constexpr std::size_t kColumnsMax = 400;
// Of a table: between two columns, and what a column keeps however little room there is.
constexpr std::size_t kGapColumns = 2;
constexpr std::size_t kColumnNarrowest = 12;

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Columns of the character that begins there: two for those of East Asia and for pictures. Source:
// Unicode Standard Annex 11, the ranges of W and F without their gaps.
std::size_t columns_at(std::string_view text) {
  constexpr std::pair<char32_t, char32_t> kWide[] = {
      {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},  {0xac00, 0xd7a3},
      {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6},
      {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t bytes = first < 0xe0 ? 1 : first < 0xf0 ? 3 : 4;
  if (bytes == 1 || text.size() < bytes) return 1;  // of two bytes none is wide
  char32_t point = bytes == 3 ? first & 0x0fU : first & 0x07U;
  for (std::size_t i = 1; i < bytes; ++i) {
    point = point << 6U | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  const bool wide = std::ranges::any_of(
      kWide, [&](const auto& range) { return range.first <= point && point <= range.second; });
  return wide ? 2 : 1;
}

// Where in the text its first so many columns end; behind one character at least.
std::size_t end_of(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    if (continues_character(text[end])) continue;
    seen += columns_at(text.substr(end));
    if (seen > columns && end > 0) break;
  }
  return end;
}

void wrap_line(std::string_view text, std::size_t columns, std::vector<std::string>& lines) {
  const std::size_t before = lines.size();
  // Blanks at the end would make a line of nothing.
  while (text.ends_with(' ')) text.remove_suffix(1);
  while (width_of(text) > columns) {
    const std::size_t end = end_of(text, columns);
    // A blank just behind the line ends it as well as one inside.
    const std::size_t blank = text.rfind(' ', end);
    const bool breaks_word = blank == std::string_view::npos || blank == 0;
    lines.emplace_back(text.substr(0, breaks_word ? end : blank));
    text.remove_prefix(breaks_word ? end : blank + 1);
  }
  // A character that is wider than a line leaves nothing behind it.
  if (!text.empty() || lines.size() == before) lines.emplace_back(text);
}

const char* code_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::good:
      return "\033[32m";
    case Tone::warning:
      return "\033[33m";
    case Tone::bad:
      return "\033[31m";
    case Tone::quiet:
      return "\033[2m";
    case Tone::strong:
      return "\033[1m";
  }
  return "";
}

}  // namespace

Terminal::Terminal() {
  interactive_ = isatty(STDOUT_FILENO) == 1;
  const char* no_colour = std::getenv("NO_COLOR");
  colour_ = interactive_ && (no_colour == nullptr || *no_colour == '\0');
  winsize size{};
  if (interactive_ && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    columns_ = size.ws_col;
  } else if (const char* columns = std::getenv("COLUMNS")) {
    columns_ = std::strtoul(columns, nullptr, 10);
  } else if (!interactive_) {
    columns_ = kColumnsMax;  // a file or pipe is not cut
  }
  columns_ = std::clamp(columns_, kColumnsMin, kColumnsMax);
}

std::string Terminal::paint(Tone tone, std::string_view text) const {
  if (!colour_ || tone == Tone::plain) return std::string(text);
  return code_of(tone) + std::string(text) + "\033[0m";
}

void Terminal::print(std::string_view text) const {
  if (!can_print()) return;
  errno = 0;
  const bool is_whole = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (std::fflush(stdout) != 0 || !is_whole) print_error_ = errno != 0 ? errno : EIO;
}

Result<void> Terminal::printed() const {
  if (print_error_ == 0 || print_error_ == EPIPE) return {};
  const bool is_full = print_error_ == ENOSPC || print_error_ == EDQUOT;
  return fail(is_full ? ErrorCode::no_space : ErrorCode::io_failed,
              std::string("the output could not be written and is cut short: ") +
                  std::strerror(print_error_));
}

void Terminal::say(std::string_view text) const {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    wrap_line(text.substr(0, end), columns, lines);
    text.remove_prefix(end + 1);
  }
  wrap_line(text, columns, lines);
  return lines;
}

std::string printable(std::string_view text, LineEnds line_ends) {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (const std::size_t bytes = line_turner_bytes(text.substr(i)); bytes > 0) {
      shown += "?";
      i += bytes - 1;
    } else if (c == '\n') {
      shown.push_back(line_ends == LineEnds::keep ? '\n' : ' ');
    } else if (byte == 0xc2 && i + 1 < text.size() &&
               static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      // C1 controls in UTF-8: some terminals obey them as they do ESC.
      shown += "?";
      ++i;
    } else if (byte < 0x20 || byte == 0x7f) {
      if (c == '\t')
        shown.push_back(' ');
      else if (c != '\r')
        shown.push_back('?');
    } else {
      shown.push_back(c);
    }
  }
  return shown;
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!continues_character(text[i])) width += columns_at(text.substr(i));
  }
  return width;
}

std::string cut_to(std::string_view text, std::size_t columns) {
  if (width_of(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  return std::string(text.substr(0, end_of(text, columns - 1))) + "…";
}

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

void Table::add(std::vector<Cell> row) {
  row.resize(headings_.size());
  for (Cell& cell : row) cell.text = printable(cell.text, LineEnds::fold);
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < headings_.size(); ++i) {
    std::size_t width = width_of(headings_[i]);
    for (const auto& row : rows_) width = std::max(width, width_of(row[i].text));
    widths.push_back(width);
  }
  return widths;
}

std::string Table::paragraphs(const Terminal& terminal) const {
  std::size_t name_columns = 0;
  for (const auto& heading : headings_) name_columns = std::max(name_columns, width_of(heading));
  const std::size_t before_value = name_columns + kGapColumns;
  const std::size_t room =
      terminal.columns() > before_value ? terminal.columns() - before_value : 1;
  std::string text;
  for (const auto& row : rows_) {
    if (!text.empty()) text += "\n";
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i].text.empty()) continue;
      text += terminal.paint(Tone::quiet, headings_[i]);
      text.append(before_value - width_of(headings_[i]), ' ');
      std::size_t margin = 0;
      for (const std::string& line : wrapped(row[i].text, room)) {
        text.append(margin, ' ');
        text += terminal.paint(row[i].tone, line) + "\n";
        margin = before_value;
      }
    }
  }
  return text;
}

std::string Table::render(const Terminal& terminal) const {
  std::vector<std::size_t> widths = this->widths();
  std::size_t total = kGapColumns * (widths.size() - 1);
  for (const std::size_t width : widths) total += width;
  while (total > terminal.columns()) {
    const auto widest = std::ranges::max_element(widths);
    if (*widest <= kColumnNarrowest) return paragraphs(terminal);
    --*widest;
    --total;
  }

  std::string text;
  const auto add_row = [&](const std::vector<Cell>& row) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      const std::string shown = cut_to(row[i].text, widths[i]);
      text += terminal.paint(row[i].tone, shown);
      text.append(widths[i] - width_of(shown) + kGapColumns, ' ');
    }
    std::size_t margin = 0;
    for (const std::string& line : wrapped(row.back().text, widths.back())) {
      text.append(margin, ' ');
      text += terminal.paint(row.back().tone, line);
      while (text.ends_with(' ')) text.pop_back();
      text += "\n";
      margin = total - widths.back();
    }
  };
  std::vector<Cell> heads;
  for (const auto& heading : headings_) heads.push_back({heading, Tone::quiet});
  add_row(heads);
  for (const auto& row : rows_) add_row(row);
  return text;
}

ProgressBar::ProgressBar(const Terminal& terminal, std::string label)
    : terminal_(terminal), label_(std::move(label)) {}

ProgressBar::~ProgressBar() {
  if (percent_ >= 0) std::fputs("\r\033[K", stderr);
}

void ProgressBar::show(std::uint64_t done, std::uint64_t total) {
  if (isatty(STDERR_FILENO) != 1 || total == 0) return;
  const int percent = static_cast<int>(done * 100 / total);
  if (percent == percent_) return;
  percent_ = percent;
  constexpr int kBarColumns = 20;
  std::string bar(static_cast<std::size_t>(percent * kBarColumns / 100), '#');
  bar.resize(kBarColumns, ' ');
  const std::size_t room = terminal_.columns() > 32 ? terminal_.columns() - 32 : 8;
  std::fprintf(stderr, "\r[%s] %3d %%  %s", bar.c_str(), percent, cut_to(label_, room).c_str());
  std::fflush(stderr);
}

}  // namespace keruen::cli
