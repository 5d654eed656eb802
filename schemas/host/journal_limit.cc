#include "schemas/host/journal_limit.h"

#include <algorithm>
#include <utility>

#include "schemas/host/clock.h"

namespace keruen::host {
namespace {

std::string party_in(Journal::Fields fields) {
  for (const JournalField& field : fields) {
    const auto* text = std::get_if<std::string_view>(&field.value);
    const bool is_party =
        std::ranges::find(kJournalPartyFields, field.name) != kJournalPartyFields.end();
    if (is_party && text != nullptr) return std::string(*text);
  }
  return {};
}

}  // namespace

void JournalLimit::begin_minute(MonotonicTime now) {
  minute_ = now;
  for (const auto& [subject, lines] : std::exchange(lines_, {})) {
    if (lines <= kJournalLinesAMinuteMax) continue;
    const auto& [level, event, party] = subject;
    behind_.write(level, "lines_left_out",
                  {{"of", event}, {"party", party}, {"lines", lines - kJournalLinesAMinuteMax}});
  }
}

void JournalLimit::write(JournalLevel level, std::string_view event, Fields fields) {
  const MonotonicTime now = clock_.now().monotonic;
  {
    const std::lock_guard lock(mutex_);
    if (now - minute_ >= std::chrono::minutes(1)) begin_minute(now);
    Subject subject(level, event, party_in(fields));
    if (lines_.size() >= kJournalPartiesMax && !lines_.contains(subject)) std::get<2>(subject) = "";
    if (++lines_[subject] > kJournalLinesAMinuteMax) return;
  }
  behind_.write(level, event, fields);
}

}  // namespace keruen::host
