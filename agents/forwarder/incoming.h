// What arrives, as files where calendars find it: INCOMING/SENDER/UID.ics.
// Threads: one.   Lifetime: reader, zones, disk and journal outlive it.
//
// A reader of the store's events with a cursor of its own: a file is durable before the cursor
// passes its event, so a crash writes a file twice, never not at all. A newer schedule replaces an
// older one of its sender and UID (SEQUENCE, then what the message says it supersedes, then the
// time it was made), never the other way round. The store tells which is newer: a file may be a
// colleague's work, and only names the message it was written from. Where it names none, or there
// is no file, only a later message of the thread keeps an older one from being written. A
// cancellation, or a recall of what stands there, is written as one: the file stays, and the
// calendar shows it as cancelled. Errors: io_failed, no_space, denied (the event comes again). One
// sender's folder that cannot be written keeps nobody else's schedules waiting. What cannot be
// written as a calendar is named in the journal and passed over.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agents/forwarder/calendar.h"
#include "agents/store/reader.h"

namespace keruen::host {
class Journal;
}

namespace keruen::forwarder {

struct IncomingOptions {
  AgencyId agency;  // ours: what it sent itself does not arrive
  std::string directory;
  // Makes a sender's folder there; nothing to do where it is.
  std::function<Result<void>(const std::string& sender)> make_folder;
  std::string cursor_file;
  std::uint64_t newest_event = 0;  // there is, whether readers see it yet or not
};

class Incoming {
 public:
  // corrupt: the cursor file is not what was written; denied, io_failed: it cannot be read.
  [[nodiscard]] static Result<std::unique_ptr<Incoming>> open(IncomingOptions options,
                                                              store::Reader& reader,
                                                              TimeZones& zones, host::Disk& disk,
                                                              host::Journal& journal);

  enum class Progress : std::uint8_t { all = 1, more = 2 };
  // Takes on some events up to `newest`, the last that is on the disk; `more`: there are others.
  [[nodiscard]] Result<Progress> catch_up(std::uint64_t newest);
  // Why some schedules wait while others were written; empty: none does.
  [[nodiscard]] const std::optional<Error>& put_aside() const { return fault_; }
  // Makes the place in the events durable; catch_up() does so only after it wrote a file.
  [[nodiscard]] Result<void> keep_cursor();

 private:
  Incoming(IncomingOptions options, store::Reader& reader, TimeZones& zones, host::Disk& disk,
           host::Journal& journal)
      : options_(std::move(options)),
        reader_(reader),
        zones_(zones),
        disk_(disk),
        journal_(journal) {}

  [[nodiscard]] Result<void> load_cursor();
  enum class Taken : std::uint8_t { passed = 1, written, put_aside };
  [[nodiscard]] Result<bool> try_again();
  [[nodiscard]] Result<bool> try_again(const AgencyId& sender, std::uint64_t first);
  [[nodiscard]] Result<Taken> take(const store::Event& event);
  [[nodiscard]] Result<bool> write(const store::Message& message,
                                   content::TrainingSchedule schedule, store::EventType why);
  [[nodiscard]] Result<std::optional<content::Content>> find(const MessageId& id,
                                                             const AgencyId& from);
  [[nodiscard]] Result<bool> leads_to(std::optional<MessageId> from_here, const MessageId& wanted,
                                      const AgencyId& sender);
  [[nodiscard]] Result<bool> is_over(const store::Message& message,
                                     const content::TrainingSchedule& schedule,
                                     store::EventType why,
                                     const std::optional<CalendarObject>& there);
  [[nodiscard]] Result<bool> is_older(const store::Message& message,
                                      const content::TrainingSchedule& schedule,
                                      const CalendarObject& there);
  [[nodiscard]] Result<bool> is_replaced(const store::Message& message,
                                         const content::TrainingSchedule& schedule);
  [[nodiscard]] std::uint64_t place() const;

  const IncomingOptions options_;
  store::Reader& reader_;
  TimeZones& zones_;
  host::Disk& disk_;
  host::Journal& journal_;
  std::map<AgencyId, std::uint64_t> waiting_;  // whose events were put aside, from this one on
  std::optional<Error> fault_;                 // of the last of them
  std::uint64_t cursor_ = 0;                   // events up to this one were taken
  std::uint64_t durable_ = 0;                  // as the cursor file says
  std::size_t reads_left_ = 0;                 // of other messages, for the one at hand
};

}  // namespace keruen::forwarder
