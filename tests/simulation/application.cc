#include "tests/simulation/application.h"

namespace keruen::simulation {
namespace {

using checker::HowEnded;
using checker::Outcome;
using checker::Record;
using std::chrono::milliseconds;

constexpr std::size_t kEventsAtOnce = 200;

// What is asked for and cannot be had: nothing happened, or nobody knows.
HowEnded how_ended(ErrorCode code) {
  return code == ErrorCode::io_failed || code == ErrorCode::corrupt ? HowEnded::unknown
                                                                    : HowEnded::failed;
}

// Letters no compression shortens much: what is large stays large on the way.
std::string filler(const std::string& value, std::size_t size) {
  std::uint64_t seed = size;
  for (const char letter : value) seed = seed * 31 + static_cast<std::uint8_t>(letter);
  SeededRandomness letters(seed);
  Bytes bytes(size);
  letters.fill(bytes);
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

std::string subject_of(const content::Content& content) {
  return content.header.subject.empty() ? std::string() : content.header.subject.front().text;
}

}  // namespace

void Application::see(std::vector<Record> seen) {
  if (defect_) defect_(seen);
  for (Record& record : seen) history_.records.push_back(std::move(record));
}

HowEnded Application::send(TestAgent& agent, const Letter& letter, Now now, std::uint64_t at) {
  const std::string value = history_.process + "-" + std::to_string(++sent_);
  const std::string text = "text of " + value + " " + filler(value, letter.padding);
  // By clocks that differ it expires so much too early, and nobody can tell.
  const milliseconds life = letter.lives.value_or(kExpiryDefault) - clocks_off_max_;
  std::optional<std::uint64_t> lives;
  if (life.count() > 0) lives = static_cast<std::uint64_t>(life.count());
  see({{at,
        checker::SendInvoked{value, letter.to, std::string(name_of(letter.lane)), text, lives}}});
  const auto submitted = agent.submit(request_of(letter, value, text), now);
  if (submitted) {
    values_[submitted->message] = value;
    under_way_[value] = {letter.to.begin(), letter.to.end()};
  }
  const HowEnded how = submitted ? HowEnded::ok : how_ended(submitted.error().code);
  see({{at, checker::SendEnded{value, how}}});
  return how;
}

void Application::recall(TestAgent& agent, Now now, std::uint64_t at) {
  for (const auto& [id, value] : values_) {
    if (!under_way_.contains(value)) continue;
    const auto answers = agent.engine().recall({id}, now);
    if (!answers) return;
    for (const engine::RecallAnswer& answer : *answers) {
      if (answer.outcome != engine::RecallAnswer::Outcome::recalled) continue;
      settle(value, answer.recipient.text());
      see({{at, checker::OutcomeSeen{value, answer.recipient.text(), Outcome::recalled}}});
    }
    return;
  }
}

void Application::look(TestAgent& agent, std::uint64_t at) {
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
  return values_[id] = subject_of(message->content);
}

void Application::settle(const std::string& value, const std::string& recipient) {
  const auto found = under_way_.find(value);
  if (found == under_way_.end()) return;
  found->second.erase(recipient);
  if (found->second.empty()) under_way_.erase(found);
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
