// Which files of a folder are whole.
// Shape: a file is (folder, name) and the mark of its last change.   Threads: one.
//
// A calendar file is whole once its writer closed it or moved it in, an empty one (a program that
// makes it first and fills it later) once it is unchanged for `quiet`, and so is one of which the
// system tells nothing. Where it told that a file is being written, and not yet that it was closed,
// a slow link may have stalled: it has a minute without a change. Files that are no calendars may
// be another program's work in progress: they have a minute too.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "schemas/now.h"

namespace keruen::forwarder {

inline constexpr std::chrono::seconds kLongQuiet{60};

// Equal as long as nobody writes the file or puts another in its place.
struct FileMark {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::int64_t modified_nanoseconds = 0;

  bool operator==(const FileMark&) const = default;
};

// By the name's end, in any case.
[[nodiscard]] bool is_calendar_name(std::string_view name);

class Settling {
 public:
  explicit Settling(std::chrono::milliseconds quiet) : quiet_(quiet) {}

  // What the system tells, in the order it does.
  void being_written(const std::string& folder, const std::string& name);
  void closed(const std::string& folder, const std::string& name);
  // To be asked for each file of a scan.
  [[nodiscard]] bool is_whole(const std::string& folder, const std::string& name,
                              const FileMark& mark, Now now);
  // Files that were not asked for since the last call are forgotten.
  void end_scan();
  // When the next file will be whole, if nobody touches it.
  [[nodiscard]] std::optional<MonotonicTime> next_due(Now now) const;

 private:
  struct Seen {
    FileMark mark;
    MonotonicTime since;
    MonotonicTime whole_at;
    enum class Told : std::uint8_t { nothing = 1, being_written, closed } told = Told::nothing;
    bool looked_since = false;  // since it was closed
    bool asked = true;
  };
  const std::chrono::milliseconds quiet_;
  std::map<std::pair<std::string, std::string>, Seen> files_;
};

}  // namespace keruen::forwarder
