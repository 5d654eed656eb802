#include "tests/simulation/application.h"

#include "certs/hash.h"

namespace keruen::simulation {
namespace {

using checker::HowEnded;
using checker::Outcome;
using checker::Record;
using std::chrono::milliseconds;

constexpr std::size_t kEventsAtOnce = 200;
constexpr const char* kFilesFolder = "/files";
constexpr const char* kFileName = "photo.jpg";

// What is asked for and cannot be had: nothing happened, or nobody knows.
HowEnded how_ended(ErrorCode code) {
  return code == ErrorCode::io_failed || code == ErrorCode::corrupt ? HowEnded::unknown
                                                                    : HowEnded::failed;
}

Bytes bytes_for(const std::string& name, std::size_t size) {
  std::uint64_t seed = size;
  for (const char letter : name) seed = seed * 31 + static_cast<std::uint8_t>(letter);
  SeededRandomness randomness(seed);
  Bytes bytes(size);
  randomness.fill(bytes);
  return bytes;
}

// Letters no compression shortens much: what is large stays large on the way.
std::string filler(const std::string& value, std::size_t size) {
  Bytes bytes = bytes_for(value, size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>('0' + byte % 64);
  return {bytes.begin(), bytes.end()};
}

engine::SubmitRequest request_of(const Letter& letter, const std::string& value,
                                 const std::string& text) {
  engine::SubmitRequest request;
  content::CooperationNotice body;
  body.what = text;
  request.content.header.subject = {{"en", value}};
  request.content.body = std::move(body);
  for (const std::string& party : letter.to) request.to.push_back(party_named(party));
  request.lane = letter.lane;
  request.expires_in = letter.lives;
  return request;
}

// A file is a value of its own. Nobody promises an order of files: they have no lane.
std::string file_of(const std::string& value) { return value + "/file"; }

checker::Content digest_of(BytesView bytes) {
  return std::to_string(bytes.size()) + " bytes " + certs::sha256(bytes).hex();
}

Result<void> put_file(host::Disk& disk, const std::string& path, BytesView bytes) {
  KERUEN_CHECK(disk.make_directory(kFilesFolder));
  KERUEN_TRY(const auto file, disk.create(path));
  return file->write(0, bytes);
}

std::string subject_of(const content::Content& content) {
  return content.header.subject.empty() ? std::string() : content.header.subject.front().text;
}

}  // namespace

void Application::see(std::vector<Record> seen) {
  if (defect_) defect_(seen);
  for (Record& record : seen) history_.records.push_back(std::move(record));
}

HowEnded Application::send(TestAgent& agent, host::Disk& disk, const Letter& letter, Now now,
                           std::uint64_t at) {
  const std::string value = history_.process + "-" + std::to_string(++sent_);
  const std::string text = "text of " + value + " " + filler(value, letter.padding);
  // By clocks that differ it expires so much too early, and nobody can tell.
  const milliseconds life = letter.lives.value_or(kExpiryDefault) - clocks_off_max_;
  std::optional<std::uint64_t> lives;
  if (life.count() > 0) lives = static_cast<std::uint64_t>(life.count());
  see({{at,
        checker::SendInvoked{value, letter.to, std::string(name_of(letter.lane)), text, lives}}});
  auto request = request_of(letter, value, text);
  const std::string path = std::string(kFilesFolder) + "/" + value;
  if (letter.file_bytes > 0) {
    const Bytes bytes = bytes_for(history_.process, letter.file_bytes);
    see({{at, checker::SendInvoked{file_of(value), letter.to, {}, digest_of(bytes), lives}}});
    sent_files_[value] = {{letter.to.begin(), letter.to.end()},
                          content::part_count_of(bytes.size()),
                          lives ? std::optional(at + *lives) : std::nullopt};
    request.attachments.push_back({kFileName, "image/jpeg", path});
    if (!put_file(disk, path, bytes)) {
      static_cast<void>(disk.remove(path));
      return end_send(value, HowEnded::failed, at);
    }
  }
  const auto submitted = agent.submit(request, now);
  // Whatever is left of it is in nobody's way.
  if (letter.file_bytes > 0) static_cast<void>(disk.remove(path));
  if (submitted) {
    values_[submitted->message] = value;
    under_way_[value] = {letter.to.begin(), letter.to.end()};
    if (letter.file_bytes > 0) under_way_[file_of(value)] = under_way_[value];
  }
  return end_send(value, submitted ? HowEnded::ok : how_ended(submitted.error().code), at);
}

HowEnded Application::end_send(const std::string& value, HowEnded how, std::uint64_t at) {
  if (sent_files_.contains(value)) see({{at, checker::SendEnded{file_of(value), how}}});
  see({{at, checker::SendEnded{value, how}}});
  return how;
}

void Application::recall(TestAgent& agent, Now now, std::uint64_t at) {
  for (const auto& [id, value] : values_) {
    if (!under_way_.contains(value) && !under_way_.contains(file_of(value))) continue;
    const auto answers = agent.engine().recall({id}, now);
    if (!answers) return;
    for (const engine::RecallAnswer& answer : *answers) took_back(value, answer, at);
    return;
  }
}

void Application::took_back(const std::string& value, const engine::RecallAnswer& answer,
                            std::uint64_t at) {
  const std::string recipient = answer.recipient.text();
  const bool recalled = answer.outcome == engine::RecallAnswer::Outcome::recalled;
  if (recalled) {
    settle(value, recipient);
    see({{at, checker::OutcomeSeen{value, recipient, Outcome::recalled}}});
  }
  // Of the parts some may be sealed and others not, whatever became of the letter.
  const bool disregarded = answer.outcome == engine::RecallAnswer::Outcome::asked_to_disregard;
  if ((!recalled && !disregarded) || !settle(file_of(value), recipient)) return;
  see({{at, checker::OutcomeSeen{file_of(value), recipient,
                                 recalled ? Outcome::recalled : Outcome::disregarded}}});
}

void Application::look(TestAgent& agent, std::uint64_t at) {
  look_at_events(agent, at);
  look_for_files(agent, at);
}

void Application::look_at_events(TestAgent& agent, std::uint64_t at) {
  for (;;) {
    const auto events =
        agent.reader().events_after(cursor_, agent.engine().newest_event(), kEventsAtOnce);
    if (!events || events->empty()) return;
    std::vector<Record> seen;
    bool goes_on = true;
    for (const store::Event& event : *events) {
      goes_on = look_at(agent, event, at, seen);
      if (!goes_on) break;
      cursor_ = event.number;
    }
    see(std::move(seen));
    if (!goes_on) return;
  }
}

bool Application::look_at(TestAgent& agent, const store::Event& event, std::uint64_t at,
                          std::vector<Record>& seen) {
  switch (event.type) {
    case store::EventType::arrived:
      if (event.kind == MessageKind::notice && event.message) {
        return receive(agent, *event.message, at, seen);
      }
      return true;
    case store::EventType::attachment_complete:
      return !event.message || receive_file(agent, *event.message, at, seen);
    case store::EventType::delivered:
      told(agent, event, Outcome::delivered, at, seen);
      return true;
    case store::EventType::refused:
      told(agent, event, Outcome::refused, at, seen);
      return true;
    case store::EventType::undeliverable:
      told(agent, event, Outcome::undeliverable, at, seen);
      return true;
    case store::EventType::expired:
      told(agent, event, Outcome::expired, at, seen);
      return true;
    case store::EventType::recalled:
      // Of what others sent it says that they took it back: their history has it.
      if (event.message && values_.contains(*event.message)) {
        told(agent, event, Outcome::recalled, at, seen);
      }
      return true;
    case store::EventType::warning:
      seen.push_back({at, checker::AbsenceNamed{event.text}});
      return true;
    default:
      return true;
  }
}

bool Application::receive(TestAgent& agent, const MessageId& id, std::uint64_t at,
                          std::vector<Record>& seen) {
  const auto message = agent.reader().message(id);
  if (!message) {
    // A read that failed is tried again when people look again; damage stays.
    if (message.error().code == ErrorCode::io_failed) return false;
    seen.push_back(
        {at, checker::AbsenceNamed{"what arrived cannot be read: " + message.error().detail}});
    return true;
  }
  const auto* notice = std::get_if<content::CooperationNotice>(&message->content.body);
  if (notice == nullptr) return true;  // a recall: a word about another message
  seen.push_back({at, checker::Received{subject_of(message->content), message->summary.from.text(),
                                        std::string(name_of(message->summary.lane)), notice->what,
                                        message->summary.late}});
  return true;
}

bool Application::receive_file(TestAgent& agent, const MessageId& id, std::uint64_t at,
                               std::vector<Record>& seen) {
  const auto message = agent.reader().message(id);
  Bytes bytes;
  const auto file = agent.reader().attachment(id, kFileName, [&](BytesView piece) -> Result<void> {
    append_to(bytes, piece);
    return {};
  });
  if (!message || !file) {
    const Error& error = message ? file.error() : message.error();
    if (error.code == ErrorCode::io_failed) return false;
    seen.push_back(
        {at, checker::AbsenceNamed{"a file said to be complete cannot be read: " + error.detail}});
    return true;
  }
  seen.push_back({at, checker::Received{file_of(subject_of(message->content)),
                                        message->summary.from.text(),
                                        {},
                                        digest_of(bytes),
                                        message->summary.late}});
  return true;
}

// Of parts there are no events: officers see in the receipts how many are there, and how many lost.
void Application::look_for_files(TestAgent& agent, std::uint64_t at) {
  for (const auto& [id, value] : values_) {
    if (!under_way_.contains(file_of(value))) continue;
    const auto receipts = agent.reader().receipts(id);
    if (!receipts) continue;
    for (const store::RecipientStatus& status : *receipts) {
      const auto outcome = outcome_of_file(value, status, at);
      if (!outcome || !settle(file_of(value), status.recipient.text())) continue;
      see({{at, checker::OutcomeSeen{file_of(value), status.recipient.text(), *outcome}}});
    }
  }
}

// Nothing: it is still under way.
std::optional<Outcome> Application::outcome_of_file(const std::string& value,
                                                    const store::RecipientStatus& status,
                                                    std::uint64_t at) const {
  const SentFile& file = sent_files_.at(value);
  switch (status.state) {
    case store::RecipientState::refused:
      return Outcome::refused;
    case store::RecipientState::undeliverable:
      return Outcome::undeliverable;
    case store::RecipientState::expired:
      return Outcome::expired;
    case store::RecipientState::recalled:
      return Outcome::recalled;
    case store::RecipientState::delivered:
    case store::RecipientState::read:
    case store::RecipientState::processed:
      break;
    default:
      return std::nullopt;
  }
  if (status.parts.delivered == file.parts) return Outcome::delivered;
  if (status.parts.delivered + status.parts.lost < file.parts) return std::nullopt;
  // What cannot have expired was refused, and somebody must have had a reason.
  const bool may_be_over = !file.expires_at || at >= *file.expires_at;
  return may_be_over ? Outcome::expired : Outcome::undeliverable;
}

void Application::told(TestAgent& agent, const store::Event& event, Outcome outcome,
                       std::uint64_t at, std::vector<Record>& seen) {
  if (!event.message) return;
  const auto value = value_of(agent, *event.message);
  if (!value) return;
  settle(*value, event.agency.text());
  seen.push_back({at, checker::OutcomeSeen{*value, event.agency.text(), outcome}});
}

std::optional<std::string> Application::value_of(TestAgent& agent, const MessageId& id) {
  if (const auto known = values_.find(id); known != values_.end()) return known->second;
  // A send that ended unknown and happened: the agent knows what it was.
  const auto message = agent.reader().message(id);
  if (!message || !std::holds_alternative<content::CooperationNotice>(message->content.body)) {
    return std::nullopt;
  }
  const std::string value = subject_of(message->content);
  const auto file = sent_files_.find(value);
  if (file != sent_files_.end()) under_way_[file_of(value)] = file->second.to;
  return values_[id] = value;
}

bool Application::settle(const std::string& value, const std::string& recipient) {
  const auto found = under_way_.find(value);
  if (found == under_way_.end()) return false;
  const bool was_open = found->second.erase(recipient) > 0;
  if (found->second.empty()) under_way_.erase(found);
  return was_open;
}

void Application::restored(const Memory& memory, std::uint64_t at) {
  cursor_ = memory.cursor;
  under_way_ = memory.under_way;
  see({{at, checker::Restored{memory.records}}});
}

std::string Application::waits_for() const {
  std::string text;
  for (const auto& [value, recipients] : under_way_) {
    for (const std::string& recipient : recipients) {
      text += (text.empty() ? "" : ", ") + value + " to " + recipient;
    }
  }
  return text;
}

}  // namespace keruen::simulation
