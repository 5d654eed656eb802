#include "agents/forwarder/incoming.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "agents/forwarder/file_name.h"
#include "schemas/host/disk.h"
#include "schemas/host/journal.h"

namespace keruen::forwarder {
namespace {

constexpr std::size_t kEventsTogetherMax = 100;
constexpr std::uint64_t kCursorBehindMax = 1000;  // events that are no schedules, read again
constexpr std::size_t kCursorBytesMax = 64;
constexpr std::size_t kReadsPerMessage = 128;
// A few bytes that decompress to a megabyte of commas would be two of them on the disk.
constexpr std::size_t kWrittenBytesMax = 512 * 1024;
constexpr int kSupersededMax = 32;  // changes of one schedule, looked through one by one

// The disk's own trouble: waiting, or an operator, cures it.
bool is_passing(ErrorCode code) {
  return code == ErrorCode::io_failed || code == ErrorCode::no_space || code == ErrorCode::denied ||
         code == ErrorCode::overloaded;
}

// What stands in a file of ours; empty: nothing that could be newer. Errors: passing ones.
Result<std::optional<CalendarObject>> written_before(host::Disk& disk, TimeZones& zones,
                                                     const std::string& path,
                                                     const std::string& uid) {
  const auto nothing = std::optional<CalendarObject>();
  // A pipe put there would hold us until somebody writes to it.
  const auto status = disk.status(path);
  if (status && status->kind != host::EntryKind::file) return nothing;
  const auto file = host::read_file(disk, path, kCalendarBytesMax);
  if (!file && is_passing(file.error().code)) return fail(file.error());
  if (!file) return nothing;
  auto objects = read_calendar(*file, zones);
  if (!objects) return nothing;
  const auto same = std::ranges::find_if(
      *objects, [&](const CalendarObject& object) { return object.schedule.uid == uid; });
  return same == objects->end() ? nothing : std::optional(std::move(*same));
}

}  // namespace

Result<std::unique_ptr<Incoming>> Incoming::open(IncomingOptions options, store::Reader& reader,
                                                 TimeZones& zones, host::Disk& disk,
                                                 host::Journal& journal) {
  std::unique_ptr<Incoming> incoming(
      new Incoming(std::move(options), reader, zones, disk, journal));
  KERUEN_CHECK(incoming->load_cursor());
  return incoming;
}

Result<void> Incoming::load_cursor() {
  const auto file = host::read_file(disk_, options_.cursor_file, kCursorBytesMax);
  if (!file) {
    if (file.error().code == ErrorCode::not_found) return {};  // everything is still to be written
    return fail(file.error());
  }
  std::string_view text = text_of(*file);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cursor_);
  if (error != std::errc() || std::string_view(end, text.data() + text.size()) != "\n") {
    // Every schedule is written anew, which changes no file that is right.
    journal_.write(host::JournalLevel::warning, "forwarder_cursor_damaged",
                   {{"file", options_.cursor_file}});
    cursor_ = 0;
  }
  durable_ = cursor_;
  if (options_.newest_event < cursor_) {
    // Another store, or an older copy of it: its events are counted anew.
    journal_.write(host::JournalLevel::warning, "forwarder_cursor_ahead",
                   {{"cursor", cursor_}, {"newest_event", options_.newest_event}});
    cursor_ = durable_ = 0;
  }
  return {};
}

// Up to here nothing waits.
std::uint64_t Incoming::place() const {
  std::uint64_t place = cursor_;
  for (const auto& [sender, first] : waiting_) place = std::min(place, first - 1);
  return place;
}

Result<void> Incoming::keep_cursor() {
  if (place() == durable_) return {};
  const std::string text = std::to_string(place()) + "\n";
  KERUEN_CHECK(
      host::write_file_atomically(disk_, options_.cursor_file, bytes_of(text), host::kPrivateMode));
  durable_ = place();
  return {};
}

Result<Incoming::Progress> Incoming::catch_up(std::uint64_t newest) {
  KERUEN_TRY(bool wrote, try_again());
  KERUEN_TRY(const auto events, reader_.events_after(cursor_, newest, kEventsTogetherMax));
  for (const store::Event& event : events) {
    // Behind what waits: in order, or a recall would come before its schedule.
    if (!waiting_.contains(event.agency)) {
      KERUEN_TRY(const Taken taken, take(event));
      if (taken == Taken::put_aside) waiting_[event.agency] = event.number;
      wrote = wrote || taken == Taken::written;
    }
    cursor_ = event.number;
  }
  if (wrote || place() - durable_ >= kCursorBehindMax) KERUEN_CHECK(keep_cursor());
  return events.size() == kEventsTogetherMax ? Progress::more : Progress::all;
}

Result<bool> Incoming::try_again() {
  fault_.reset();
  bool wrote = false;
  const auto senders = waiting_;
  for (const auto& [sender, first] : senders) {
    KERUEN_TRY(const bool written, try_again(sender, first));
    wrote = wrote || written;
  }
  return wrote;
}

// All of this sender's up to the cursor, until one has to wait again.
Result<bool> Incoming::try_again(const AgencyId& sender, std::uint64_t first) {
  bool wrote = false;
  for (std::uint64_t before = first - 1; before < cursor_;) {
    KERUEN_TRY(const auto events, reader_.events_after(before, cursor_, kEventsTogetherMax));
    for (const store::Event& event : events) {
      if (event.agency != sender) continue;
      waiting_[sender] = event.number;
      KERUEN_TRY(const Taken taken, take(event));
      if (taken == Taken::put_aside) return wrote;
      wrote = wrote || taken == Taken::written;
    }
    if (events.empty()) break;
    before = events.back().number;
  }
  waiting_.erase(sender);
  return wrote;
}

Result<Incoming::Taken> Incoming::take(const store::Event& event) {
  const bool is_recall = event.type == store::EventType::recalled;
  const bool matters = is_recall || event.type == store::EventType::arrived;
  if (!matters || event.kind != MessageKind::schedule || !event.message) return Taken::passed;
  if (event.agency == options_.agency) return Taken::passed;
  const auto pass_over = [&](const Error& error) {
    // Not the detail, which quotes what was sealed.
    journal_.write(host::JournalLevel::warning, "schedule_not_written",
                   {{"message", to_text(*event.message)},
                    {"from", event.agency.text()},
                    {"code", name_of(error.code)}});
    return Taken::passed;
  };
  const auto message = reader_.message(*event.message, event.agency);
  if (!message) {
    if (is_passing(message.error().code)) return fail(message.error());
    // One of ours that was taken back before it left.
    if (is_recall && message.error().code == ErrorCode::not_found) return Taken::passed;
    return pass_over(message.error());
  }
  const auto* schedule = std::get_if<content::TrainingSchedule>(&message->content.body);
  if (schedule == nullptr) return Taken::passed;
  auto written = write(*message, *schedule, event.type);
  if (written) return *written ? Taken::written : Taken::passed;
  if (!is_passing(written.error().code)) return pass_over(written.error());
  const bool is_of_its_place =
      written.error().code == ErrorCode::io_failed || written.error().code == ErrorCode::denied;
  if (!is_of_its_place) return fail(std::move(written).error());
  fault_ = std::move(written).error();
  return Taken::put_aside;
}

// Empty: it is not here, or its content is gone; or enough was read for one message, whose sender
// may have made a thread of five hundred that lead to each other.
Result<std::optional<content::Content>> Incoming::find(const MessageId& id, const AgencyId& from) {
  if (reads_left_ == 0) return std::optional<content::Content>();
  --reads_left_;
  auto content = reader_.content(id, from);
  if (content) return std::optional(std::move(*content));
  if (is_passing(content.error().code)) return fail(content.error());
  return std::optional<content::Content>();
}

// Whether what is superseded from here on, one by the other, is `wanted`.
Result<bool> Incoming::leads_to(std::optional<MessageId> from_here, const MessageId& wanted,
                                const AgencyId& sender) {
  for (int steps = 0; from_here && steps < kSupersededMax; ++steps) {
    if (*from_here == wanted) return true;
    KERUEN_TRY(const auto content, find(*from_here, sender));
    from_here = content ? content->header.supersedes : std::nullopt;
  }
  return false;
}

// `there` names a message. Calendar programs raise SEQUENCE and DTSTAMP of what somebody edits:
// they count only where that message is not here any more.
Result<bool> Incoming::is_older(const store::Message& message,
                                const content::TrainingSchedule& schedule,
                                const CalendarObject& there) {
  const store::Summary& summary = message.summary;
  if (*there.message == summary.message) return false;
  const auto written = reader_.message(*there.message, summary.from);
  if (!written && is_passing(written.error().code)) return fail(written.error());
  const auto* before =
      written ? std::get_if<content::TrainingSchedule>(&written->content.body) : nullptr;
  const auto sequence = sequence_of(schedule);
  const auto known = sequence_of(before != nullptr ? *before : there.schedule);
  if (sequence != known) return sequence < known;
  // What the sender says goes before what its clock said.
  KERUEN_TRY(const bool supersedes,
             leads_to(message.content.header.supersedes, *there.message, summary.from));
  if (supersedes) return false;
  if (before != nullptr) {
    KERUEN_TRY(const bool is_superseded,
               leads_to(written->content.header.supersedes, summary.message, summary.from));
    return is_superseded || summary.created_at < written->summary.created_at;
  }
  // A file's stamp has whole seconds.
  return there.stamp && std::chrono::floor<std::chrono::seconds>(summary.created_at) < *there.stamp;
}

// By a later one of its thread that is here.
Result<bool> Incoming::is_replaced(const store::Message& message,
                                   const content::TrainingSchedule& schedule) {
  // The newest are the likeliest, and there may be more than may be read.
  for (auto id = message.thread.rbegin(); id != message.thread.rend(); ++id) {
    if (*id == message.summary.message) continue;
    KERUEN_TRY(const auto other, find(*id, message.summary.from));
    if (!other) continue;
    const auto* change = std::get_if<content::TrainingSchedule>(&other->body);
    if (change == nullptr || change->uid != schedule.uid) continue;
    if (sequence_of(*change) > sequence_of(schedule)) return true;
    KERUEN_TRY(const bool is_later,
               leads_to(other->header.supersedes, message.summary.message, message.summary.from));
    if (is_later) return true;
  }
  return false;
}

// Whether what is there, or came since, keeps it from being written.
Result<bool> Incoming::is_over(const store::Message& message,
                               const content::TrainingSchedule& schedule, store::EventType why,
                               const std::optional<CalendarObject>& there) {
  // Whoever took the file away, or wrote another, may have the course in a calendar.
  if (!there || !there->message) return is_replaced(message, schedule);
  if (why == store::EventType::recalled) return there->message != message.summary.message;
  return is_older(message, schedule, *there);
}

Result<bool> Incoming::write(const store::Message& message, content::TrainingSchedule schedule,
                             store::EventType why) {
  reads_left_ = kReadsPerMessage;
  const store::Summary& summary = message.summary;
  const std::string folder = options_.directory + "/" + summary.from.text();
  const std::string path = folder + "/" + encode_file_name(schedule.uid, ".ics");
  KERUEN_TRY(const auto there, written_before(disk_, zones_, path, schedule.uid));
  const bool is_recall = why == store::EventType::recalled;
  KERUEN_TRY(const bool is_over_here, is_over(message, schedule, why, there));
  if (is_over_here) {
    if (!is_recall) {
      journal_.write(host::JournalLevel::info, "older_schedule_not_written",
                     {{"message", to_text(summary.message)}, {"from", summary.from.text()}});
    }
    return false;
  }
  if (is_recall) schedule.method = content::ScheduleMethod::cancel;
  KERUEN_TRY(const std::string text,
             write_calendar(schedule, {summary.created_at, summary.message}, zones_));
  if (text.size() > kWrittenBytesMax) {
    return fail(ErrorCode::too_large,
                "the course fills " + std::to_string(text.size()) + " bytes of calendar, at most " +
                    std::to_string(kWrittenBytesMax) + " are written; read it with keruen show");
  }
  auto kept = options_.make_folder(summary.from.text());
  if (kept) kept = host::write_file_atomically(disk_, path, bytes_of(text), host::kSharedMode);
  if (!kept) {
    // Somebody moved the folder away: it will be there again.
    const bool is_gone = kept.error().code == ErrorCode::not_found;
    return fail(is_gone ? ErrorCode::io_failed : kept.error().code, kept.error().detail);
  }
  // Not the file: its name is the UID, which was sealed.
  journal_.write(host::JournalLevel::info, "schedule_written",
                 {{"message", to_text(summary.message)}, {"from", summary.from.text()}});
  return true;
}

}  // namespace keruen::forwarder
