// What a person sees: colour and progress on a terminal, plain text elsewhere, columns that fit.
// Shape: data goes to stdout, words about it to stderr.   Threads: one.
//
// Text from others is shown with control characters replaced, those among them that change the
// direction of writing: a subject must not move the cursor, nor a name read as another.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/error.h"

namespace keruen::cli {

enum class Tone : std::uint8_t { plain, good, warning, bad, quiet, strong };

class Terminal {
 public:
  // Colour only where stdout is a terminal and NO_COLOR is not set.
  Terminal();

  [[nodiscard]] std::string paint(Tone tone, std::string_view text) const;
  [[nodiscard]] std::size_t columns() const { return columns_; }
  // Of text that is read: a file or pipe may be looked at in any terminal.
  [[nodiscard]] std::size_t text_columns() const {
    return interactive_ ? columns_ : std::min(columns_, std::size_t{80});
  }
  [[nodiscard]] bool is_interactive() const { return interactive_; }

  // Data; none any more behind what did not get through.
  void print(std::string_view text) const;
  [[nodiscard]] bool can_print() const { return print_error_ == 0; }
  // no_space, io_failed: something that was printed did not get through. A pipe whose reader has
  // enough (`| head`) is no failure.
  [[nodiscard]] Result<void> printed() const;
  // Words to the person, on stderr.
  void say(std::string_view text) const;

 private:
  bool interactive_ = false;
  bool colour_ = false;
  std::size_t columns_ = 80;
  mutable int print_error_ = 0;  // the errno of the first that failed
};

// Rows under headings, in the terminal's columns: the widest ones give way and are cut with "…",
// but for the last, which goes on below itself: who acted, and with which result, must be seen.
// Where that is not enough, each row is a paragraph of its own: a heading and its value, whole.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);
  struct Cell {
    std::string text;
    Tone tone = Tone::plain;
  };
  void add(std::vector<Cell> row);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string render(const Terminal& terminal) const;

 private:
  [[nodiscard]] std::vector<std::size_t> widths() const;
  [[nodiscard]] std::string paragraphs(const Terminal& terminal) const;

  std::vector<std::string> headings_;
  std::vector<std::vector<Cell>> rows_;
};

// "[#####     ]  50 %  photo.jpg", drawn on stderr of a terminal, nothing elsewhere.
class ProgressBar {
 public:
  ProgressBar(const Terminal& terminal, std::string label);
  ~ProgressBar();
  void show(std::uint64_t done, std::uint64_t total);

 private:
  const Terminal& terminal_;
  std::string label_;
  int percent_ = -1;
};

// Replaces control characters but line ends, which are kept or become blanks.
enum class LineEnds : std::uint8_t { keep, fold };
[[nodiscard]] std::string printable(std::string_view text, LineEnds line_ends);
// In lines of at most so many columns (1 at least), and one line at least; broken where it has a
// line end, at blanks, and inside a word that is longer than a line.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t columns);
// Columns a UTF-8 text takes, near enough for tables: one or two per code point.
[[nodiscard]] std::size_t width_of(std::string_view text);
[[nodiscard]] std::string cut_to(std::string_view text, std::size_t columns);

}  // namespace keruen::cli
