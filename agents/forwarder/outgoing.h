// What becomes of a dropped calendar file: bytes in, messages submitted, an answer out.
// Threads: one.   Lifetime: zones outlive it; its doors are called inside answer() only.
//
// One message per UID. The same content again is not sent again, a higher SEQUENCE or other content
// is an update, a lower SEQUENCE is refused. What a cancellation or a changed instance leaves out
// is taken from what was last sent to this recipient under this UID. Where that is gone or damaged,
// a whole event is sent without it, and what needs it is refused. A file Keruen wrote is refused:
// two agencies that pass on what they get would send it round for ever.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agents/engine/requests.h"
#include "agents/forwarder/calendar.h"
#include "agents/store/views.h"
#include "certs/registry.h"

namespace keruen::forwarder {

struct ScheduleAnswer {
  enum class Outcome : std::uint8_t { sent = 1, known, refused, later } outcome = Outcome::sent;
  std::string uid;
  MessageId message;               // sent, known
  std::vector<AgencyId> left_out;  // sent: of a group, because they are suspended
  Error error{};                   // refused, later
};

struct FileAnswer {
  // later: waiting cures it; the file stays, and answering again sends nothing twice.
  enum class Outcome : std::uint8_t { done = 1, refused, later } outcome = Outcome::done;
  std::vector<ScheduleAnswer> schedules;  // of a file that could be read
  Error error{};                          // refused, later: the first
  std::string reason;  // refused, or somebody was left out: for people, in plain words
};

class Outgoing {
 public:
  struct Doors {
    std::function<Result<engine::Submitted>(engine::SubmitRequest)> submit;
    // The message last sent under this DuplicateKey; not_found: none; corrupt: it is damaged.
    std::function<Result<store::Message>(const std::string& key)> last_sent;
  };
  Outgoing(AgencyId self, TimeZones& zones, Doors doors)
      : self_(std::move(self)), zones_(zones), doors_(std::move(doors)) {}

  // `file`: its bytes, or why they cannot be had.
  [[nodiscard]] FileAnswer answer(const std::string& folder, const std::string& name,
                                  const Result<Bytes>& file, const certs::Registry& registry);

 private:
  [[nodiscard]] Result<PartyId> recipient_of(const std::string& folder,
                                             const certs::Registry& registry) const;
  [[nodiscard]] ScheduleAnswer answer(const PartyId& recipient, CalendarObject object);
  [[nodiscard]] Result<engine::SubmitRequest> request_of(const PartyId& recipient,
                                                         CalendarObject object);

  const AgencyId self_;
  TimeZones& zones_;
  const Doors doors_;
};

// Of a file that answered later and is waited for no more: what is still to be sent is refused.
[[nodiscard]] FileAnswer given_up(const std::string& folder, const std::string& name,
                                  FileAnswer answer);

// What happened, to what, what to do next.
[[nodiscard]] std::string reason_text(const std::string& folder, const std::string& name,
                                      const FileAnswer& answer);

}  // namespace keruen::forwarder
