// All that happened in a run, in order, as one hash; two runs of a seed must have the same.
// Shape: XXH3-128 over every note and frame with its length; lines are kept only where wanted.
// Threads: one.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/bytes.h"
#include "schemas/host/journal.h"

namespace keruen::simulation {

class Trace {
 public:
  enum class Lines : std::uint8_t { none, kept };
  explicit Trace(Lines lines);
  ~Trace();

  // What happened, in plain words.
  void note(std::string_view words);
  // A frame or a file: hashed whole, named in the lines by its size.
  void bytes(std::string_view what, BytesView bytes);
  [[nodiscard]] bool keeps_lines() const { return lines_wanted_ == Lines::kept; }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  // Of everything so far, 32 hexadecimal digits.
  [[nodiscard]] std::string hash() const;

 private:
  void update(std::string_view text);
  struct State;
  std::unique_ptr<State> state_;
  const Lines lines_wanted_;
  std::vector<std::string> lines_;
};

// A process's journal, every line of it in the trace.
class TraceJournal final : public host::Journal {
 public:
  TraceJournal(Trace& trace, std::string process) : trace_(trace), process_(std::move(process)) {}
  using host::Journal::write;
  void write(host::JournalLevel level, std::string_view event, Fields fields) override;

 private:
  Trace& trace_;
  const std::string process_;
};

}  // namespace keruen::simulation
