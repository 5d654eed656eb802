#include "agents/engine/outbox.h"

#include <algorithm>
#include <set>

#include "agents/engine/attachment_parts.h"
#include "certs/seal.h"

namespace keruen::engine {
namespace {

constexpr std::size_t kContentSurelyFits = kPartBytesMax;

Error not_in_inbox(const MessageId& id, const std::optional<AgencyId>& from) {
  return {ErrorCode::not_found,
          "no message " + to_text(id) + (from ? " from " + from->text() : "") + " in the inbox"};
}

bool is_word_on_another(const content::Content& content) {
  return std::holds_alternative<content::OfficerReceipt>(content.body) ||
         std::holds_alternative<content::Recall>(content.body);
}

bool is_over_in_vain(const store::RecipientStatus& recipient) {
  using enum store::RecipientState;
  return recipient.state == refused || recipient.state == undeliverable ||
         recipient.state == expired || recipient.state == recalled;
}

}  // namespace

std::string names_of(const std::vector<AgencyId>& agencies) {
  std::string names;
  for (const auto& agency : agencies) names += (names.empty() ? "" : ", ") + agency.text();
  return names;
}

// False: nobody got it and nobody will, or somebody in a group joined it since.
bool Outbox::still_counts(const store::SentMessage& sent, const std::vector<PartyId>& to) const {
  const auto wanted = expand(to);
  if (!wanted) return true;
  if (std::ranges::all_of(sent.recipients, is_over_in_vain)) return false;
  if (sent.is_split) return true;
  std::set<AgencyId> had;
  for (const auto& recipient : sent.recipients) had.insert(recipient.recipient);
  return std::ranges::all_of(wanted->active,
                             [&](const AgencyId& agency) { return had.contains(agency); });
}

Result<Outbox::Members> Outbox::expand(const std::vector<PartyId>& parties) const {
  const auto registry = desk_.directory.newest_registry();
  if (!registry) {
    return fail(ErrorCode::not_found,
                "this agent has no registry yet; it fetches one when it first connects");
  }
  Members members;
  std::set<AgencyId> named;
  const auto add = [&](const AgencyId& agency) {
    // A group names each of its members once.
    if (parties.size() == 1 || named.insert(agency).second) members.active.push_back(agency);
  };
  for (const auto& party : parties) {
    const auto agency = AgencyId::parse(party.text());
    const auto group = GroupId::parse(party.text());
    if (agency && registry->agency(*agency) != nullptr) {
      if (*agency == desk_.self()) {
        return fail(ErrorCode::denied, party.text() + " is this agency itself");
      }
      add(*agency);
    } else if (group && registry->group(*group) != nullptr) {
      // One that is suspended would keep everybody else of the group from it.
      for (const auto& member : registry->group(*group)->members) {
        if (member == desk_.self()) continue;
        if (registry->is_active(member)) {
          add(member);
        } else {
          members.suspended.push_back(member);
        }
      }
    } else {
      return fail(ErrorCode::unknown_agency,
                  "the registry lists no agency or group " + party.text());
    }
  }
  if (members.active.empty() && !members.suspended.empty()) {
    return fail(ErrorCode::denied,
                "whoever this would go to is suspended: " + names_of(members.suspended) +
                    "; ask the exchange authority");
  }
  if (members.active.empty()) {
    return fail(ErrorCode::malformed, "a message needs at least one recipient other than us");
  }
  return members;
}

Result<void> Outbox::check_rules(const std::vector<AgencyId>& recipients, MessageKind kind,
                                 Now now) const {
  const auto registry = desk_.directory.newest_registry();
  // By a clock that nobody confirmed it may seem so: then the message waits.
  if (desk_.knows_time(now) && registry->head().expires_at <= desk_.exchange_time(now)) {
    return fail(ErrorCode::expired,
                "the registry has expired; the exchange authority must publish a new one");
  }
  if (!registry->is_active(desk_.self())) {
    return fail(ErrorCode::denied,
                desk_.self().text() + " is suspended or not listed; ask the exchange authority");
  }
  std::vector<AgencyId> refused;
  std::vector<AgencyId> suspended;
  for (const auto& recipient : recipients) {
    if (!registry->is_active(recipient)) {
      suspended.push_back(recipient);
    } else if (!registry->allows(desk_.self(), recipient, kind)) {
      refused.push_back(recipient);
    }
  }
  if (!suspended.empty()) {
    return fail(ErrorCode::denied, "suspended: " + names_of(suspended) +
                                       "; ask the exchange authority, and send it again when "
                                       "that is over");
  }
  if (refused.empty()) return {};
  const std::string name(name_of(kind));
  return fail(ErrorCode::denied, "no rule lets " + desk_.self().text() + " send a " + name +
                                     " to " + names_of(refused) +
                                     "; the exchange authority can add one: keruen authority "
                                     "allow --from " +
                                     desk_.self().text() + " --to " + refused.front().text() +
                                     " --kind " + name);
}

Result<void> Outbox::check_fits(BytesView content) const {
  if (content.size() <= kContentSurelyFits) return {};
  // Only compressing tells.
  certs::Sealer trial(desk_.self(), desk_.randomness);
  certs::SealInput input;
  input.created_at = wall_time_of(1);
  input.expires_at = wall_time_of(2);
  KERUEN_TRY(const auto nobody, AgencyId::parse("no.body"));
  input.recipients.push_back(
      {nobody, certs::PrekeyPair::generate(desk_.randomness).public_key(), {{1}, {}}});
  input.compression = certs::Compression::zstd;
  auto sealed = trial.seal(input, content, Now{});
  if (sealed) return {};
  return fail(ErrorCode::too_large,
              "the message has " + std::to_string(content.size()) +
                  " bytes and does not fit; send long texts as an attachment");
}

Result<content::PartsManifest> Outbox::measure(const std::vector<Attachment>& attachments) const {
  if (attachments.size() > kAttachmentsMax) {
    return fail(ErrorCode::too_large,
                "a message carries at most " + std::to_string(kAttachmentsMax) + " attachments");
  }
  std::uint64_t bytes = 0;
  for (const auto& attachment : attachments) {
    KERUEN_TRY(const std::uint64_t size, size_of_attachment(desk_.disk, attachment));
    bytes += size;
  }
  if (bytes > kAttachmentsBytesMax) {
    return fail(ErrorCode::too_large, "the attachments have " + std::to_string(bytes) +
                                          " bytes together, and one message carries at most " +
                                          std::to_string(kAttachmentsBytesMax) +
                                          "; send several messages");
  }
  content::PartsManifest manifest;
  for (const auto& attachment : attachments) {
    KERUEN_TRY(auto measured, measure_attachment(desk_.disk, attachment));
    manifest.push_back(std::move(measured));
  }
  return manifest;
}

Result<Outbox::Prepared> Outbox::prepare(const SubmitRequest& request, Now now) {
  const MessageKind kind = content::kind_of(request.content);
  if (kind == MessageKind::part) {
    return fail(ErrorCode::malformed, "parts are made here; send an attachment");
  }
  KERUEN_TRY(const auto members, expand(request.to));
  const std::vector<AgencyId>& recipients = members.active;
  // What officers say of a message that was delivered waits for a new registry or the end of a
  // suspension; where it may not go is judged at each recipient, and keeps nobody else from it.
  if (!is_word_on_another(request.content)) KERUEN_CHECK(check_rules(recipients, kind, now));
  const auto life = request.expires_in.value_or(kExpiryDefault);
  if (life <= std::chrono::seconds(0) || life > kExpiryMax) {
    return fail(ErrorCode::malformed, "a message expires after 1 second to 30 days");
  }
  Prepared prepared;
  const WallTime written_at = desk_.knows_time(now) ? now.wall : desk_.exchange_time(now);
  if (!desk_.link.clock_heard) {
    // By a clock that may have stopped with the power it would be over as soon as the time is
    // known.
    prepared.submission.life_begins = store::Submission::LifeBegins::when_time_is_known;
  }
  prepared.answer.expires_at = std::max(written_at, desk_.exchange_time(now)) + life;
  prepared.answer.recipients = recipients;
  prepared.answer.left_out = members.suspended;
  // Most content goes as it is: of a large text a copy would be dear.
  std::optional<content::Content> changed;
  if (!request.attachments.empty() || !request.content.parts.empty()) {
    changed = request.content;
    KERUEN_TRY(changed->parts, measure(request.attachments));
  }
  const content::Content& content = changed ? *changed : request.content;
  store::NewMessage message;
  message.id = ids_.draw(desk_.exchange_time(now));
  prepared.answer.message = message.id;
  message.kind = kind;
  message.lane = request.lane;
  message.created_at = written_at;
  message.expires_at = prepared.answer.expires_at;
  message.recipients = recipients;
  KERUEN_TRY(message.content, content::encode(content));
  KERUEN_CHECK(check_fits(message.content));
  message.thread = content.header.thread;
  const bool seen =
      kind != MessageKind::receipt && !std::holds_alternative<content::Recall>(content.body);
  message.listing = seen ? store::Listing::listed : store::Listing::hidden;
  prepared.submission.messages.push_back(std::move(message));
  if (!request.attachments.empty()) {
    auto parts = std::make_shared<AttachmentParts>(
        desk_.disk, ids_, request.attachments, content.parts, prepared.answer.message, recipients,
        written_at, prepared.answer.expires_at);
    prepared.submission.more = [parts] { return parts->next(); };
  }
  if (request.once) {
    prepared.submission.once =
        store::SentOnce{request.once->key, request.once->sequence, request.once->content,
                        request.once->renewal == DuplicateKey::Renewal::never};
  }
  return prepared;
}

Result<std::optional<Submitted>> Outbox::sent_before(const DuplicateKey& once,
                                                     const std::vector<PartyId>& to) {
  const bool is_the_only = once.renewal == DuplicateKey::Renewal::never;
  KERUEN_TRY(const auto last, desk_.store.once(once.key, once.content));
  if (!last) return std::optional<Submitted>();
  if (last->same_content && (is_the_only || last->sequence == once.sequence)) {
    KERUEN_TRY(const auto sent, desk_.store.sent(last->message));
    if (is_the_only || !sent || still_counts(*sent, to)) {
      Submitted same;
      same.message = last->message;
      same.outcome = Submitted::Outcome::already_sent;
      if (sent) {
        same.expires_at = sent->expires_at;
        for (const auto& each : sent->recipients) same.recipients.push_back(each.recipient);
      }
      return std::optional<Submitted>(std::move(same));
    }
  }
  if (is_the_only) {
    return fail(ErrorCode::malformed, "its key was given to another message, " +
                                          to_text(last->message) +
                                          "; each message needs a key of its own");
  }
  if (once.sequence < last->sequence) {
    return fail(ErrorCode::duplicate, "sequence " + std::to_string(once.sequence) +
                                          " is older than " + std::to_string(last->sequence) +
                                          ", which was sent already");
  }
  return std::optional<Submitted>();
}

Result<std::vector<Result<Submitted>>> Outbox::submit(
    const std::vector<const SubmitRequest*>& requests, Now now) {
  std::vector<Result<Submitted>> answers;
  std::vector<Prepared> prepared;
  answers.reserve(requests.size());
  prepared.reserve(requests.size());
  for (const auto* request : requests) {
    auto answer = [&]() -> Result<Submitted> {
      if (request->once) {
        KERUEN_TRY(auto same, sent_before(*request->once, request->to));
        if (same) return std::move(*same);
      }
      KERUEN_TRY(auto ready, prepare(*request, now));
      auto submitted = std::move(ready.answer);
      prepared.push_back(std::move(ready));
      return submitted;
    }();
    answers.push_back(std::move(answer));
  }
  std::vector<store::Submission*> submissions;
  for (auto& one : prepared) submissions.push_back(&one.submission);
  if (!submissions.empty()) KERUEN_CHECK(desk_.store.submit(submissions, now.wall));
  return answers;
}

Result<std::vector<RecallAnswer>> Outbox::recall(const RecallRequest& request, Now now) {
  KERUEN_TRY(const auto sent, desk_.store.sent(request.message));
  if (!sent) return fail(ErrorCode::not_found, "no sent message " + to_text(request.message));
  if (sent->kind == MessageKind::receipt || sent->kind == MessageKind::part) {
    return fail(ErrorCode::denied, "only notices, schedules and evidence can be recalled");
  }
  const auto registry = desk_.directory.newest_registry();
  std::vector<RecallAnswer> answers;
  SubmitRequest notice;
  for (const auto& recipient : sent->recipients) {
    using enum store::RecipientState;
    switch (recipient.state) {
      case queued:
      case waiting_for_key:
        answers.push_back({recipient.recipient, RecallAnswer::Outcome::recalled});
        continue;
      case refused:
      case undeliverable:
      case recalled:
        answers.push_back({recipient.recipient, RecallAnswer::Outcome::never_reached});
        continue;
      case expired:
        if (recipient.accepted_at) break;  // it may have arrived, and its receipt not
        answers.push_back({recipient.recipient, RecallAnswer::Outcome::never_reached});
        continue;
      case sealed:
      case accepted:
      case delivered:
      case read:
      case processed:
        break;
    }
    if (!registry || registry->agency(recipient.recipient) == nullptr) {
      answers.push_back({recipient.recipient, RecallAnswer::Outcome::gone});
      continue;
    }
    answers.push_back({recipient.recipient, RecallAnswer::Outcome::asked_to_disregard});
    KERUEN_TRY(auto party, PartyId::parse(recipient.recipient.text()));
    notice.to.push_back(std::move(party));
  }
  store::Submission submission;
  if (!notice.to.empty()) {
    content::Recall recall;
    recall.message = request.message;
    recall.kind = sent->kind;
    notice.content.header.in_reply_to = request.message;
    notice.content.body = recall;
    notice.lane = sent->lane;
    notice.expires_in = kExpiryMax;
    KERUEN_TRY(auto prepared, prepare(notice, now));
    submission = std::move(prepared.submission);
  }
  submission.recalls = request.message;
  KERUEN_CHECK(desk_.store.submit({&submission}, now.wall));
  return answers;
}

Result<void> Outbox::answer_sender(const store::ReceivedMessage& message,
                                   content::OfficerReceipt receipt, const content::Author& officer,
                                   Now now) {
  const auto state = receipt.kind == content::ReceiptKind::read ? store::ReadState::read
                                                                : store::ReadState::processed;
  receipt.message = message.id;
  receipt.officer = officer.officer;
  receipt.unit = officer.unit;
  receipt.when = now.wall;
  SubmitRequest request;
  request.content.header.in_reply_to = message.id;
  request.content.header.author = officer;
  request.content.body = std::move(receipt);
  request.lane = message.lane;
  request.expires_in = kExpiryMax;
  KERUEN_TRY(auto party, PartyId::parse(message.from.text()));
  request.to.push_back(std::move(party));
  store::Submission submission;
  if (auto prepared = prepare(request, now)) {
    submission = std::move(prepared->submission);
  } else if (prepared.error().code != ErrorCode::unknown_agency) {
    return fail(prepared.error());
  }
  // A sender who has left the exchange does not keep an officer from reading.
  submission.mark = store::LocalMark{message.id, message.from, state};
  return desk_.store.submit({&submission}, now.wall);
}

Result<void> Outbox::mark_read(const ReadRequest& request, Now now) {
  KERUEN_TRY(const auto message, desk_.store.received(request.message, request.from));
  if (!message || message->kind == MessageKind::part || message->kind == MessageKind::receipt) {
    return fail(not_in_inbox(request.message, request.from));
  }
  if (message->state != store::ReadState::unread) return {};
  content::OfficerReceipt receipt;
  receipt.kind = content::ReceiptKind::read;
  return answer_sender(*message, std::move(receipt), request.officer, now);
}

Result<void> Outbox::mark_processed(const ProcessRequest& request, Now now) {
  KERUEN_TRY(const auto message, desk_.store.received(request.message, request.from));
  if (!message || message->kind == MessageKind::part || message->kind == MessageKind::receipt) {
    return fail(not_in_inbox(request.message, request.from));
  }
  content::OfficerReceipt receipt;
  receipt.kind = content::ReceiptKind::processed;
  receipt.result = request.result;
  receipt.note = request.note;
  return answer_sender(*message, std::move(receipt), request.officer, now);
}

}  // namespace keruen::engine
