#include "agents/engine/missing.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

namespace keruen::engine {
namespace {

// The broker keeps no more than a few questions of one agency, and refuses the rest.
constexpr std::size_t kOpenMax = 8;
constexpr std::chrono::seconds kLookEvery{1};
// The first, second and third time.
constexpr std::array<std::chrono::seconds, 3> kPatience = {
    std::chrono::seconds(10), std::chrono::seconds(60), std::chrono::seconds(60)};

std::chrono::seconds patience_with(const store::Missing& missing) {
  return kPatience[std::min<std::size_t>(missing.asked, kPatience.size() - 1)];
}

std::string words_for(const store::Missing& missing) {
  if (missing.gap) {
    return "Numbers " + std::to_string(missing.gap->first.value) + " to " +
           std::to_string(missing.gap->last.value) + " from " + missing.gap->agency.text() +
           " did not come although they were asked for three times. Ask them by another way.";
  }
  return "Log entry " + std::to_string(missing.from.index.value) + " (leaves " +
         std::to_string(missing.from.leaf) + " to " + std::to_string(missing.to.leaf) +
         ") does not verify, after asking three times: " +
         std::string(cause_of(missing.code.value_or(ErrorCode::malformed)));
}

}  // namespace

Result<void> MissingLeaves::load() {
  KERUEN_TRY(all_, desk_.store.missing());
  due_ = {};
  std::set<store::MissingNumber> numbers;
  bool some_unproved = false;
  for (const store::Missing& missing : all_) {
    numbers.insert(missing.number);
    some_unproved = some_unproved || (!missing.gap && missing.code == store::kUnproved);
  }
  std::erase_if(asked_at_, [&](const auto& asked) { return !numbers.contains(asked.first); });
  // There may be more of them than are looked at here.
  std::set<LogIndex> entries;
  if (some_unproved) {
    KERUEN_TRY(entries, desk_.store.entries_to_prove());
  }
  checkpoints_.keep_proved(entries);
  return {};
}

std::vector<store::MissingNumber> MissingLeaves::settled_by(Lane lane, LogIndex index,
                                                            std::uint32_t first,
                                                            std::uint32_t last) const {
  std::vector<store::MissingNumber> settled;
  for (const auto& missing : all_) {
    if (missing.gap || missing.lane != lane || missing.from.index != index) continue;
    // One whose leaves nobody could read (up to the greatest number) is settled by any that came.
    const bool unread = missing.to.leaf + 1 == kLeavesPerBatchMax;
    if (unread || (first <= missing.from.leaf && missing.to.leaf <= last)) {
      settled.push_back(missing.number);
    }
  }
  return settled;
}

std::optional<store::MissingNumber> MissingLeaves::known(Lane lane,
                                                         const wire::Cursor& from) const {
  const auto found = std::ranges::find_if(all_, [&](const store::Missing& missing) {
    return !missing.gap && missing.lane == lane && missing.from == from;
  });
  return found == all_.end() ? std::nullopt : std::optional(found->number);
}

void MissingLeaves::give_up(LogIndex refuted, Turn& turn) {
  for (const auto& missing : all_) {
    if (missing.gap || missing.code != store::kUnproved || missing.from.index != refuted) continue;
    store::Note note;
    note.code = store::kUnproved;
    note.text = "Log entry " + std::to_string(refuted.value) +
                " is not what the broker delivered as that; what it delivered is not shown.";
    if (!turn.checked(desk_.store.give_up(missing, note, turn.now().wall))) return;
  }
  (void)turn.checked(load());
}

// It could not be taken when it came, and could not now.
bool MissingLeaves::is_postponed(const store::Missing& missing) const {
  if (missing.gap) return false;
  return (missing.code == store::kUnjudged && desk_.directory.lacks_revocations()) ||
         (missing.code == store::kUnproved && checkpoints_.awaits(missing.from.index));
}

void MissingLeaves::tick(Turn& turn) {
  const auto now = turn.now().monotonic;
  if (!desk_.link.welcomed || desk_.halted || all_.empty() || now < due_) return;
  if (desk_.is_suspended()) {
    asked_at_.clear();
  } else if (count_unanswered(turn) && give_up_hopeless(turn)) {
    ask(turn);
  }
  due_ = now + kLookEvery;
}

bool MissingLeaves::count_unanswered(Turn& turn) {
  std::vector<store::MissingNumber> unanswered;
  for (const auto& missing : all_) {
    const auto asked = asked_at_.find(missing.number);
    if (asked == asked_at_.end()) continue;
    if (is_postponed(missing)) {
      asked_at_.erase(asked);
    } else if (desk_.link.is_overdue(asked->second, patience_with(missing), turn.now().monotonic)) {
      unanswered.push_back(missing.number);
    }
  }
  if (unanswered.empty()) return true;
  if (!turn.checked(desk_.store.count_asked(unanswered))) return false;
  for (const auto& number : unanswered) asked_at_.erase(number);
  return turn.checked(load());
}

bool MissingLeaves::give_up_hopeless(Turn& turn) {
  std::vector<store::Missing> hopeless;
  std::ranges::copy_if(all_, std::back_inserter(hopeless), [this](const store::Missing& missing) {
    return missing.asked >= kPatience.size() && !is_postponed(missing);
  });
  for (const auto& missing : hopeless) {
    store::Note note;
    note.code = missing.code.value_or(ErrorCode::out_of_sequence);
    if (missing.gap) note.agency = missing.gap->agency;
    note.text = words_for(missing);
    // On a full disk it is given up later.
    if (!turn.checked(desk_.store.give_up(missing, note, turn.now().wall))) return false;
    turn.alert(note.text);
  }
  return hopeless.empty() || turn.checked(load());
}

void MissingLeaves::ask(Turn& turn) {
  for (const auto& missing : all_) {
    if (asked_at_.size() >= kOpenMax) return;
    if (asked_at_.contains(missing.number) || is_postponed(missing)) continue;
    asked_at_[missing.number] = turn.now().monotonic;
    wire::AskAgain ask{missing.lane, missing.from, missing.to};
    // What others sent meanwhile came, and what this one sent in other streams.
    if (missing.gap) ask.stream = wire::StreamName{missing.gap->agency, missing.gap->stream};
    turn.send(ask);
  }
}

std::optional<MonotonicTime> MissingLeaves::due() const {
  return all_.empty() ? std::nullopt : std::optional(due_);
}

}  // namespace keruen::engine
