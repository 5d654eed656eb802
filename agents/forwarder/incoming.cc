#include "agents/forwarder/incoming.h"

#include <algorithm>
#include <charconv>

#include "agents/forwarder/calendar.h"
#include "agents/forwarder/file_name.h"
#include "schemas/host/disk.h"
#include "schemas/host/journal.h"

namespace keruen::forwarder {
namespace {

constexpr std::size_t kEventsTogetherMax = 100;
constexpr std::uint64_t kCursorBehindMax = 1000;  // events that are no schedules, read again
constexpr std::size_t kCursorBytesMax = 64;

// The disk's own trouble: waiting, or an operator, cures it.
bool is_passing(ErrorCode code) {
  return code == ErrorCode::io_failed || code == ErrorCode::no_space || code == ErrorCode::denied ||
         code == ErrorCode::overloaded;
}

// What stands in a file of ours; empty: nothing that could be newer.
std::optional<CalendarObject> written_before(host::Disk& disk, TimeZones& zones,
                                             const std::string& path, const std::string& uid) {
  const auto file = host::read_file(disk, path, kCalendarBytesMax);
  if (!file) return std::nullopt;
  auto objects = read_calendar(*file, zones);
  if (!objects) return std::nullopt;
  const auto same = std::ranges::find_if(
      *objects, [&](const CalendarObject& object) { return object.schedule.uid == uid; });
  if (same == objects->end()) return std::nullopt;
  return std::move(*same);
}

bool is_older(const content::TrainingSchedule& schedule, WallTime made,
              const CalendarObject& there) {
  const auto sequence = sequence_of(schedule);
  const auto known = sequence_of(there.schedule);
  if (sequence != known) return sequence < known;
  // A file's stamp has whole seconds.
  return there.stamp && std::chrono::floor<std::chrono::seconds>(made) < *there.stamp;
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
    return fail(ErrorCode::corrupt,
                options_.cursor_file +
                    " does not hold a number: remove it, and every schedule is written anew");
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

Result<void> Incoming::keep_cursor() {
  if (cursor_ == durable_) return {};
  const std::string text = std::to_string(cursor_) + "\n";
  KERUEN_CHECK(
      host::write_file_atomically(disk_, options_.cursor_file, bytes_of(text), host::kPrivateMode));
  durable_ = cursor_;
  return {};
}

Result<Incoming::Progress> Incoming::catch_up(std::uint64_t newest) {
  KERUEN_TRY(const auto events, reader_.events_after(cursor_, newest, kEventsTogetherMax));
  bool wrote = false;
  for (const store::Event& event : events) {
    KERUEN_TRY(const bool written, take(event));
    wrote = wrote || written;
    cursor_ = event.number;
  }
  if (wrote || cursor_ - durable_ >= kCursorBehindMax) KERUEN_CHECK(keep_cursor());
  return events.size() == kEventsTogetherMax ? Progress::more : Progress::all;
}

Result<bool> Incoming::take(const store::Event& event) {
  const bool matters =
      event.type == store::EventType::arrived || event.type == store::EventType::recalled;
  if (!matters || event.kind != MessageKind::schedule || !event.message) return false;
  const auto pass_over = [&](const Error& error) {
    // Not the detail, which quotes what was sealed.
    journal_.write(host::JournalLevel::warning, "schedule_not_written",
                   {{"message", to_text(*event.message)},
                    {"from", event.agency.text()},
                    {"code", name_of(error.code)}});
    return false;
  };
  const auto message = reader_.message(*event.message);
  if (!message) {
    if (is_passing(message.error().code)) return fail(message.error());
    return pass_over(message.error());
  }
  const auto* schedule = std::get_if<content::TrainingSchedule>(&message->content.body);
  if (schedule == nullptr || message->summary.from == options_.agency) return false;
  if (message->summary.from != event.agency) {
    return pass_over({ErrorCode::duplicate, "another sender's message has the same id"});
  }
  auto written = write(*message, *schedule, event.type);
  if (!written && !is_passing(written.error().code)) return pass_over(written.error());
  return written;
}

Result<bool> Incoming::write(const store::Message& message, content::TrainingSchedule schedule,
                             store::EventType why) {
  const store::Summary& summary = message.summary;
  const std::string folder = options_.directory + "/" + summary.from.text();
  const std::string path = folder + "/" + encode_file_name(schedule.uid, ".ics");
  const auto there = written_before(disk_, zones_, path, schedule.uid);
  if (why == store::EventType::recalled) {
    if (!there || there->message != summary.message) return false;  // replaced since
    schedule.method = content::ScheduleMethod::cancel;
  } else if (there && is_older(schedule, summary.created_at, *there)) {
    return false;
  }
  KERUEN_TRY(const std::string text,
             write_calendar(schedule, {summary.created_at, summary.message}, zones_));
  KERUEN_CHECK(disk_.make_directory(folder));
  KERUEN_CHECK(host::write_file_atomically(disk_, path, bytes_of(text), host::kSharedMode));
  // Not the file: its name is the UID, which was sealed.
  journal_.write(host::JournalLevel::info, "schedule_written",
                 {{"message", to_text(summary.message)}, {"from", summary.from.text()}});
  return true;
}

}  // namespace keruen::forwarder
