// How much may be on the line to the other end: what is urgent must not wait minutes behind what is
// not. Both ends keep to it, the broker beside the credit that says what a recipient has room for.
// Shape: the rate at which what is sent gets stored, and the shortest time that took.
// Units: bytes.   Threads: values of one thread.
//
// A rate is what was stored between the word before a piece went out and the word that has it, so
// that words which come late, and together, are not taken for a fast line. What was not enough to
// fill the line tells how little there was, and lowers nothing.
// What is not stored may have arrived and wait there for a key: when no word comes it counts as off
// the line, slowly, for there may be no line at all just then.
// A recipient that claims to store faster than it does gets what it granted, and no more.
// Source: draft-cardwell-iccrg-bbr-congestion-control (delivery rate samples).
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "schemas/now.h"

namespace keruen::wire {

class Window {
 public:
  // A piece goes out; `under_way` before it.
  void sent(std::uint64_t bytes, std::uint64_t under_way, MonotonicTime now);
  // `under_way` afterwards.
  void stored(std::uint64_t bytes, std::uint64_t under_way, MonotonicTime now);

  [[nodiscard]] std::uint64_t bytes_max() const;
  // False before the first word: any line is thin until then.
  [[nodiscard]] bool is_measured() const { return is_measured_; }
  [[nodiscard]] double bytes_per_second() const { return bytes_per_second_; }
  // Nothing below a quarter: small slices are more proof than mail.
  [[nodiscard]] std::uint64_t left(std::uint64_t under_way, MonotonicTime now) const;

 private:
  using Seconds = std::chrono::duration<double>;
  struct Sent {
    std::uint64_t end = 0;  // of all that was sent
    MonotonicTime at;
    std::uint64_t stored = 0;  // of all, then
    MonotonicTime heard_at;    // of that
    bool fills = false;        // the window
  };
  void measure(const Sent& sent, MonotonicTime now);
  [[nodiscard]] std::uint64_t forgiven(std::uint64_t under_way, MonotonicTime now) const;

  double bytes_per_second_ = 8.0 * 1024;
  bool is_measured_ = false;
  std::optional<Seconds> delay_;  // the shortest from sending to the word
  std::deque<Sent> sent_;         // not stored; who sends bounds them
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t stored_bytes_ = 0;
  MonotonicTime heard_at_;      // a word, or the first piece when nothing was under way
  std::uint64_t forgiven_ = 0;  // then
};

}  // namespace keruen::wire
