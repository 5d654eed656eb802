#include "agents/forwarder/outgoing.h"

#include <algorithm>

#include "agents/forwarder/calendar_fields.h"
#include "agents/forwarder/calendar_times.h"
#include "agents/forwarder/settling.h"
#include "certs/hash.h"
#include "schemas/content/content.h"
#include "schemas/utf8.h"

namespace keruen::forwarder {
namespace {

using content::EventStatus;
using content::Override;
using content::ScheduleMethod;
using content::TrainingSchedule;

constexpr std::size_t kNamesShownMax = 40;

// Waiting cures these; everything else somebody must change.
bool is_passing(ErrorCode code) {
  return code == ErrorCode::overloaded || code == ErrorCode::no_space ||
         code == ErrorCode::io_failed || code == ErrorCode::corrupt;
}

// The engine's answers: without a registry in force it can send to nobody, and says not_found or
// expired.
bool is_passing_at_submit(ErrorCode code) {
  return is_passing(code) || code == ErrorCode::not_found || code == ErrorCode::expired;
}

std::string key_of(const PartyId& recipient, const std::string& uid) {
  return "schedule " + recipient.text() + " " + uid;
}

std::string parties_of(const certs::Registry& registry, const AgencyId& self) {
  std::vector<std::string> names;
  for (const auto& [id, group] : registry.groups()) names.push_back(id.text());
  for (const auto& [id, agency] : registry.agencies()) {
    if (id != self) names.push_back(id.text());
  }
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kNamesShownMax; ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kNamesShownMax) {
    text += " and " + std::to_string(names.size() - kNamesShownMax) + " more";
  }
  return text;
}

bool reached_all(const FileAnswer& answer) {
  return std::ranges::all_of(answer.schedules,
                             [](const ScheduleAnswer& one) { return one.left_out.empty(); });
}

// Cancels the series that was sent.
TrainingSchedule cancelled(TrainingSchedule series, const TrainingSchedule& cancellation) {
  series.method = ScheduleMethod::cancel;
  series.status = EventStatus::cancelled;
  series.sequence = cancellation.sequence;
  return series;
}

// Lays instances into the series that was sent.
Result<TrainingSchedule> with_instances(TrainingSchedule series, const TrainingSchedule& changes) {
  if (series.method == ScheduleMethod::cancel) {
    return fail(ErrorCode::malformed,
                "it changes instances of a series that was cancelled: export the whole series");
  }
  if (!series.recurrence) series.recurrence.emplace();
  auto& known = series.recurrence->overrides;
  for (const Override& one : changes.recurrence->overrides) {
    const auto same = std::ranges::find_if(known, [&](const Override& other) {
      return other.recurrence_id == one.recurrence_id && other.range == one.range;
    });
    if (same == known.end()) {
      known.push_back(one);
    } else if (one.sequence < same->sequence) {
      return fail(ErrorCode::duplicate,
                  "sequence " + std::to_string(one.sequence) + " of an instance is older than " +
                      std::to_string(same->sequence) + ", which was sent already");
    } else {
      *same = one;
    }
  }
  std::ranges::stable_sort(known, is_earlier, &Override::recurrence_id);
  return series;
}

Result<TrainingSchedule> completed(CalendarObject object, const Result<store::Message>& last_sent,
                                   const PartyId& recipient) {
  if (object.completeness == Completeness::whole) return std::move(object.schedule);
  const TrainingSchedule* series =
      last_sent ? std::get_if<TrainingSchedule>(&last_sent->content.body) : nullptr;
  if (series == nullptr) {
    const bool bare = object.completeness == Completeness::bare_cancellation;
    return fail(ErrorCode::denied, std::string(bare ? "is a cancellation without title and start"
                                                    : "is only an instance of a series") +
                                       ", and nothing that was sent to " + recipient.text() +
                                       " under this UID can be read here: export the whole series");
  }
  if (object.completeness == Completeness::bare_cancellation) {
    return cancelled(*series, object.schedule);
  }
  return with_instances(*series, object.schedule);
}

std::string next_step(const std::string& folder, ErrorCode code) {
  const std::string again =
      folder.empty() ? "drop it into a recipient's folder" : "drop it into " + folder + " again";
  switch (code) {
    case ErrorCode::duplicate:
      return "If the change is meant, save the event again in the calendar program, which raises "
             "its SEQUENCE, export it and " +
             again + ".";
    case ErrorCode::denied:
    case ErrorCode::io_failed:
      return "When this is settled, " + again + ".";
    case ErrorCode::unknown_agency:
      return "Drop the file into the folder of one that exists.";
    default:
      return "Correct the file or export it anew, and " + again + ".";
  }
}

FileAnswer failed(const std::string& folder, const std::string& name, Error error) {
  FileAnswer answer;
  answer.outcome =
      is_passing(error.code) ? FileAnswer::Outcome::later : FileAnswer::Outcome::refused;
  answer.error = std::move(error);
  if (answer.outcome == FileAnswer::Outcome::refused) {
    answer.reason = reason_text(folder, name, answer);
  }
  return answer;
}

}  // namespace

Result<PartyId> Outgoing::recipient_of(const std::string& folder,
                                       const certs::Registry& registry) const {
  if (folder.empty()) {
    return fail(ErrorCode::unknown_agency,
                "it lies beside the recipients' folders, not inside one; there are: " +
                    parties_of(registry, self_));
  }
  if (folder == self_.text()) {
    return fail(ErrorCode::unknown_agency,
                folder + " is this agency itself; there are: " + parties_of(registry, self_));
  }
  const auto agency = AgencyId::parse(folder);
  const auto group = GroupId::parse(folder);
  if ((agency && registry.agency(*agency) != nullptr) ||
      (group && registry.group(*group) != nullptr)) {
    return PartyId::parse(folder);
  }
  return fail(ErrorCode::unknown_agency, "no agency or group is called " + folder +
                                             "; there are: " + parties_of(registry, self_));
}

Result<engine::SubmitRequest> Outgoing::request_of(const PartyId& recipient,
                                                   CalendarObject object) {
  if (object.message) {
    return fail(ErrorCode::unsupported,
                "it came by Keruen already, as message " + to_text(*object.message) +
                    ". It is not sent round in circles: to pass it on, export it from a calendar "
                    "program without the line X-KERUEN-MESSAGE");
  }
  engine::SubmitRequest request;
  engine::DuplicateKey once;
  once.key = key_of(recipient, object.schedule.uid);
  const auto last = doors_.last_sent(once.key);
  // What is damaged stays so: who waited for it would wait for ever.
  if (!last && last.error().code != ErrorCode::not_found &&
      last.error().code != ErrorCode::corrupt) {
    return fail(last.error());
  }
  KERUEN_TRY(TrainingSchedule schedule, completed(std::move(object), last, recipient));

  // The schedule alone: DTSTAMP is not in it, and threads do not make a second message of it.
  KERUEN_TRY(const Bytes encoded, content::encode({{}, {}, schedule}));
  once.content = certs::sha256(encoded);
  once.sequence = sequence_of(schedule);
  auto& header = request.content.header;
  header.subject = schedule.title;
  header.language = schedule.title.front().language;
  if (header.language == kNoLanguage) header.language.clear();
  if (last) {
    header.supersedes = last->summary.message;
    header.thread = last->content.header.thread.value_or(last->summary.message);
  }
  request.content.body = std::move(schedule);
  request.to = {recipient};
  // A course lies weeks ahead, and posts lose their link for days.
  request.expires_in = kExpiryMax;
  request.once = std::move(once);
  return request;
}

ScheduleAnswer Outgoing::answer(const PartyId& recipient, CalendarObject object) {
  ScheduleAnswer answer;
  answer.uid = object.schedule.uid;
  auto request = request_of(recipient, std::move(object));
  if (!request) {
    answer.outcome = is_passing(request.error().code) ? ScheduleAnswer::Outcome::later
                                                      : ScheduleAnswer::Outcome::refused;
    answer.error = request.error();
    return answer;
  }
  auto submitted = doors_.submit(std::move(*request));
  if (!submitted) {
    answer.outcome = is_passing_at_submit(submitted.error().code)
                         ? ScheduleAnswer::Outcome::later
                         : ScheduleAnswer::Outcome::refused;
    answer.error = submitted.error();
    return answer;
  }
  answer.message = submitted->message;
  answer.left_out = std::move(submitted->left_out);
  if (submitted->outcome == engine::Submitted::Outcome::already_sent) {
    answer.outcome = ScheduleAnswer::Outcome::known;
  }
  return answer;
}

FileAnswer Outgoing::answer(const std::string& folder, const std::string& name,
                            const Result<Bytes>& file, const certs::Registry& registry) {
  const auto recipient = recipient_of(folder, registry);
  if (!recipient) return failed(folder, name, recipient.error());
  if (!file) return failed(folder, name, file.error());
  if (!is_calendar_name(name)) {
    return failed(
        folder, name,
        {ErrorCode::unsupported, "only calendar files are sent, and their names end in .ics"});
  }
  auto objects = read_calendar(*file, zones_);
  if (!objects) return failed(folder, name, objects.error());
  FileAnswer result;
  for (CalendarObject& object : *objects) {
    auto one = answer(*recipient, std::move(object));
    using enum ScheduleAnswer::Outcome;
    if (one.outcome == later && result.outcome != FileAnswer::Outcome::later) {
      result.outcome = FileAnswer::Outcome::later;
      result.error = one.error;
    } else if (one.outcome == refused && result.outcome == FileAnswer::Outcome::done) {
      result.outcome = FileAnswer::Outcome::refused;
      result.error = one.error;
    }
    result.schedules.push_back(std::move(one));
  }
  if (result.outcome == FileAnswer::Outcome::refused ||
      (result.outcome == FileAnswer::Outcome::done && !reached_all(result))) {
    result.reason = reason_text(folder, name, result);
  }
  return result;
}

FileAnswer given_up(const std::string& folder, const std::string& name, FileAnswer answer) {
  answer.outcome = FileAnswer::Outcome::refused;
  for (ScheduleAnswer& one : answer.schedules) {
    if (one.outcome == ScheduleAnswer::Outcome::later) {
      one.outcome = ScheduleAnswer::Outcome::refused;
    }
  }
  answer.reason = reason_text(folder, name, answer);
  return answer;
}

std::string reason_text(const std::string& folder, const std::string& name,
                        const FileAnswer& answer) {
  const std::string to = folder.empty() ? "" : " to " + folder;
  std::string text =
      clean_line(is_utf8(name) ? name : utf8_from_windows_1251(name).value_or("The file"));
  if (answer.schedules.empty()) {
    return text + " was not sent" + to + ".\n\nWhat happened: " + answer.error.detail +
           ".\n\nWhat to do: " + next_step(folder, answer.error.code) + "\n";
  }
  std::size_t refused = 0;
  std::string lines;
  for (const ScheduleAnswer& one : answer.schedules) {
    if (one.outcome != ScheduleAnswer::Outcome::refused) {
      const bool known = one.outcome == ScheduleAnswer::Outcome::known;
      lines += "  " + one.uid + (known ? ": was sent before" : ": was sent") + ", message " +
               to_text(one.message);
      if (!one.left_out.empty()) {
        lines += ", but not to those who are suspended: " + engine::names_of(one.left_out);
      }
      lines += "\n";
      continue;
    }
    ++refused;
    lines += "  " + one.uid + ": NOT SENT. " + one.error.detail + ".\n";
  }
  std::string steps = refused > 0 ? " " + next_step(folder, answer.error.code) : "";
  if (!reached_all(answer)) {
    steps += " Those who are suspended get it when that is over and it is dropped into " + folder +
             " again.";
  }
  if (refused == answer.schedules.size()) {
    text += " was not sent" + to;
  } else {
    text += refused > 0 ? " was sent only in part" + to
                        : " was sent" + to + ", but not to all of its members";
  }
  return text + ".\n\nWhat happened:\n" + lines + "\nWhat to do:" + steps + "\n";
}

}  // namespace keruen::forwarder
