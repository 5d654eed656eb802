#include "agents/forwarder/settling.h"

#include <algorithm>

namespace keruen::forwarder {

bool is_calendar_name(std::string_view name) {
  constexpr std::string_view kEnd = ".ics";
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return name.size() > kEnd.size() &&
         std::ranges::equal(name.substr(name.size() - kEnd.size()), kEnd, {}, lower);
}

void Settling::being_written(const std::string& folder, const std::string& name) {
  Seen& seen = files_[{folder, name}];
  seen.told = Seen::Told::being_written;
  seen.asked = true;
}

void Settling::closed(const std::string& folder, const std::string& name) {
  Seen& seen = files_[{folder, name}];
  seen.told = Seen::Told::closed;
  seen.looked_since = false;
  seen.asked = true;
}

bool Settling::is_whole(const std::string& folder, const std::string& name, const FileMark& mark,
                        Now now) {
  auto [place, is_new] = files_.try_emplace({folder, name});
  Seen& seen = place->second;
  seen.asked = true;
  const bool is_calendar = is_calendar_name(name);
  if (is_new || seen.mark != mark) {
    // Changed after its writer closed it: somebody has opened it again.
    if (seen.looked_since && seen.told == Seen::Told::closed) seen.told = Seen::Told::nothing;
    seen.mark = mark;
    seen.since = now.monotonic;
  }
  seen.looked_since = true;
  const bool is_patient = !is_calendar || seen.told == Seen::Told::being_written;
  seen.whole_at = seen.since + (is_patient ? kLongQuiet : quiet_);
  if (seen.told == Seen::Told::closed && is_calendar && mark.bytes > 0) return true;
  return seen.whole_at <= now.monotonic;
}

void Settling::end_scan() {
  std::erase_if(files_, [](const auto& file) { return !file.second.asked; });
  for (auto& [name, seen] : files_) seen.asked = false;
}

std::optional<MonotonicTime> Settling::next_due(Now now) const {
  std::optional<MonotonicTime> due;
  for (const auto& [name, seen] : files_) {
    if (seen.whole_at > now.monotonic && (!due || seen.whole_at < *due)) due = seen.whole_at;
  }
  return due;
}

}  // namespace keruen::forwarder
