#include "agents/engine/desk.h"

#include "agents/engine/held.h"

namespace keruen::engine {

bool LinkState::is_overdue(MonotonicTime asked_at, MonotonicTime::duration patience,
                           MonotonicTime now) const {
  const auto waited = now - asked_at;
  return waited >= patience && (asked_at < answered_until || waited >= kAnswerWaitMax);
}

bool Desk::is_suspended() const {
  const auto registry = directory.newest_registry();
  return registry && !registry->is_active(self());
}

void Desk::remember_warning(std::string text) {
  std::erase(warnings, text);
  if (warnings.size() == kWarningsMax) warnings.erase(warnings.begin());
  warnings.push_back(std::move(text));
}

void Turn::send(const wire::Frame& frame) {
  effects_.push_back(SendFrame{SharedBytes(wire::encode_frame(frame))});
}

void Turn::drop_frames() {
  std::erase_if(effects_, [](const Effect& one) { return std::holds_alternative<SendFrame>(one); });
}

void Turn::alert(std::string text) {
  desk_.remember_warning(text);
  inform(std::move(text));
}

void Turn::warn(store::Note note, std::vector<store::Evidence> evidence) {
  desk_.remember_warning(note.text);
  tell(std::move(note), std::move(evidence));
}

void Turn::tell(store::Note note, std::vector<store::Evidence> evidence) {
  inform(note.text);
  store::Learned learned;
  learned.at = now_.wall;
  learned.notes.push_back(std::move(note));
  learned.evidence = std::move(evidence);
  (void)checked(desk_.store.learn(learned));
}

void Turn::halt(std::string text, std::vector<store::Evidence> evidence) {
  if (desk_.halted) return;
  Halt& halt = desk_.halted.emplace(Halt{std::move(text)});
  halt.evidence = std::move(evidence);
  halt.note.code = ErrorCode::chain_fork;
  halt.note.text = words_of_halt(halt.why);
  alert(halt.note.text);
  store_halt();
}

void Turn::store_halt() {
  if (!desk_.halted || desk_.halted->is_stored) return;
  const Halt& halt = *desk_.halted;
  store::Learned learned;
  learned.at = now_.wall;
  learned.notes.push_back(halt.note);
  learned.evidence = halt.evidence;
  desk_.halted->is_stored = checked(desk_.store.together([&]() -> Result<void> {
    KERUEN_CHECK(desk_.store.learn(learned));
    return desk_.store.save_fact(kFactHalted, bytes_of(halt.why));
  }));
}

void Turn::store_failed(const Error& error) {
  if (error.code == ErrorCode::no_space) {
    desk_.disk_full = true;
    if (!desk_.disk_full_told) inform("The disk is full: " + error.detail);
    desk_.disk_full_told = true;
    return;
  }
  if (desk_.stopped) return;
  desk_.stopped = true;
  desk_.journal.write_error(host::JournalLevel::error, "store_failed", error);
  effects_.push_back(StopNow{error});
}

void Turn::store_works() {
  desk_.disk_full = false;
  desk_.disk_full_told = false;
}

}  // namespace keruen::engine
