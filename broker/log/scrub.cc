#include "broker/log/scrub.h"

#include "schemas/host/journal.h"

namespace keruen::log {

Scrub::Scrub(const Log& log, host::Journal& journal, LogIndex first)
    : log_(log), journal_(journal), next_(first), pass_size_(log.size()) {
  if (first.value > 0) leaves_ = Leaves::some;
}

void Scrub::begin_pass() {
  next_ = {};
  pass_size_ = log_.size();
  frontier_ = {};
  leaves_ = Leaves::all;
}

Result<Scrub::Progress> Scrub::finish_pass() {
  const TreeSize size = pass_size_;
  const Leaves leaves = leaves_;
  const Digest root = frontier_.root();
  begin_pass();
  if (leaves == Leaves::some || size.value == 0) return Progress::pass_done;
  KERUEN_TRY(const Digest expected, log_.root_at(size));
  if (root != expected) {
    Error error{ErrorCode::corrupt, "the first " + std::to_string(size.value) +
                                        " records of the log do not lead to its root"};
    journal_.write(host::JournalLevel::error, "log_damaged", {{"detail", error.detail}});
    return fail(std::move(error));
  }
  return Progress::pass_done;
}

Result<Scrub::Progress> Scrub::step(std::size_t bytes_max) {
  if (next_.value == 0) begin_pass();
  if (next_.value >= pass_size_.value) return finish_pass();
  auto records = log_.read(next_, bytes_max);
  if (!records && records.error().code == ErrorCode::corrupt) records = log_.read(next_, 0);
  if (!records) {
    // Alone, so that one bad record hides none of its neighbours.
    leaves_ = Leaves::some;
    journal_.write(host::JournalLevel::error, "log_damaged",
                   {{"index", next_.value}, {"detail", records.error().detail}});
    next_ = next_.next();
    return fail(std::move(records).error());
  }
  for (const Record& record : *records) {
    if (next_.value == pass_size_.value) break;
    frontier_.append(certs::log_leaf_hash(record.kind, record.accepted_at, record.hash));
    next_ = next_.next();
  }
  return next_.value >= pass_size_.value ? finish_pass() : Result<Progress>(Progress::more);
}

}  // namespace keruen::log
