#include "schemas/content/content.h"

#include <algorithm>
#include <set>
#include <string>

#include "schemas/content/bounds_check.h"
#include "schemas/content/words.h"

namespace keruen::content {
namespace {

Result<void> refuse(std::string detail) { return fail(ErrorCode::malformed, std::move(detail)); }

std::string place_in(std::string_view list, std::size_t index, std::string_view field = {}) {
  std::string place = "\"" + std::string(list) + "[" + std::to_string(index) + "]";
  if (!field.empty()) place.append(".").append(field);
  return place + "\"";
}

// "12", "12.5": what sums and comparisons can be made of without rounding.
bool is_decimal(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  if (whole.empty() || whole.find_first_not_of(kDigits) != std::string_view::npos) return false;
  if (point == std::string_view::npos) return true;
  const std::string_view fraction = text.substr(point + 1);
  return !fraction.empty() && fraction.find_first_not_of(kDigits) == std::string_view::npos;
}

Result<void> check_subjects(const CooperationNotice& notice) {
  std::set<std::string_view> labels;
  for (std::size_t i = 0; i < notice.subjects.size(); ++i) {
    if (!labels.insert(notice.subjects[i].label).second) {
      return refuse(place_in("subjects", i, "label") + " names \"" + notice.subjects[i].label +
                    "\" again: each subject needs its own label");
    }
  }
  for (std::size_t i = 0; i < notice.links.size(); ++i) {
    const Link& link = notice.links[i];
    for (const auto& [field, label] : {std::pair{"from", &link.from}, std::pair{"to", &link.to}}) {
      if (!labels.contains(*label)) {
        return refuse(place_in("links", i, field) + " names \"" + *label +
                      "\", but no subject has this label");
      }
    }
  }
  return {};
}

Result<void> check_goods(const std::vector<Goods>& goods) {
  for (std::size_t i = 0; i < goods.size(); ++i) {
    if (!goods[i].quantity.empty() && !is_decimal(goods[i].quantity)) {
      return refuse(place_in("goods", i, "quantity") + " is \"" + goods[i].quantity +
                    "\": write a number like \"12.5\", the unit stands beside it");
    }
    if (!goods[i].value.empty() && !is_decimal(goods[i].value)) {
      return refuse(place_in("goods", i, "value") + " is \"" + goods[i].value +
                    "\": write a number like \"1500.00\", the currency stands beside it");
    }
  }
  return {};
}

Result<void> check_reply(const Reply& reply) {
  if (reply.outcome == ReplyOutcome::refused && reply.reason.empty()) {
    return refuse("missing field \"reply.reason\": a refusal says why");
  }
  if (reply.new_due && reply.new_due_reason.empty()) {
    return refuse("missing field \"reply.new_due_reason\": a new due date needs its reason");
  }
  return {};
}

Result<void> check_each(const CooperationNotice& notice) {
  if (notice.what.empty() && !notice.reply) {
    return refuse("missing field \"what\": say in a sentence what the notice is about");
  }
  if (const auto& due = notice.answer_due) {
    if ((due->within == AnswerTime::date) != due->date.has_value()) {
      return refuse("\"answer_due.date\" stands exactly with \"within\": \"date\"");
    }
  }
  if (notice.event && notice.event->from && notice.event->to &&
      *notice.event->to < *notice.event->from) {
    return refuse("\"event.to\" is before \"event.from\"");
  }
  if (notice.reply) KERUEN_CHECK(check_reply(*notice.reply));
  KERUEN_CHECK(check_goods(notice.goods));
  return check_subjects(notice);
}

// These go into a calendar file as they are: nothing that could end their line may pass.
bool is_calendar_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("=;,:+-").find(c) != std::string_view::npos;
  });
}

Result<void> check_span(const std::string& place, const CalendarTime& start,
                        const std::optional<CalendarTime>& end, const std::string& duration) {
  if (end && !duration.empty()) return refuse(place + " has an end and a duration: leave one out");
  if (end && (end->form == TimeForm::date) != (start.form == TimeForm::date)) {
    return refuse(place + " begins and ends in different forms: both a day, or both a time");
  }
  if (!duration.empty() && (!is_calendar_value(duration) || duration.find('P') > 1)) {
    return refuse(place + " has the duration \"" + duration + "\": write it like PT1H30M");
  }
  return {};
}

Result<void> check_recurrence(const Recurrence& recurrence) {
  for (std::size_t i = 0; i < recurrence.rules.size(); ++i) {
    const std::string& rule = recurrence.rules[i];
    if (!is_calendar_value(rule) || rule.find("FREQ=") == std::string::npos) {
      return refuse(place_in("recurrence.rules", i) + " is \"" + rule +
                    "\": write an RRULE value like FREQ=WEEKLY;COUNT=6");
    }
  }
  for (std::size_t i = 0; i < recurrence.added.size(); ++i) {
    const AddedDate& added = recurrence.added[i];
    KERUEN_CHECK(
        check_span(place_in("recurrence.added", i), added.start, added.end, added.duration));
  }
  for (std::size_t i = 0; i < recurrence.overrides.size(); ++i) {
    const Override& one = recurrence.overrides[i];
    KERUEN_CHECK(check_span(place_in("recurrence.overrides", i), one.start, one.end, one.duration));
  }
  return {};
}

Result<void> check_each(const TrainingSchedule& schedule) {
  KERUEN_CHECK(check_span("the schedule", schedule.start, schedule.end, schedule.duration));
  for (std::size_t i = 0; i < schedule.sessions.size(); ++i) {
    const Session& session = schedule.sessions[i];
    KERUEN_CHECK(check_span(place_in("sessions", i), session.start, session.end, {}));
  }
  if (schedule.recurrence) KERUEN_CHECK(check_recurrence(*schedule.recurrence));
  return {};
}

Result<void> check_each(const OfficerReceipt& receipt) {
  if ((receipt.kind == ReceiptKind::processed) != receipt.result.has_value()) {
    return refuse("\"result\" stands exactly with \"kind\": \"processed\"");
  }
  return {};
}

Result<void> check_each(const Recall& recall) {
  if (recall.kind == MessageKind::part || recall.kind == MessageKind::receipt) {
    return refuse("\"kind\" of a recall is notice, schedule or evidence, found \"" +
                  std::string(word_of(recall.kind)) + "\"");
  }
  return {};
}

Result<void> check_each(const Part& part) {
  if (part.number >= part_count_of(kAttachmentBytesMax)) {
    return fail(ErrorCode::too_large, "\"number\" is " + std::to_string(part.number) +
                                          ": no attachment has that many parts");
  }
  return {};
}

bool is_attachment_name(const std::string& name) {
  return name != "." && name != ".." && name.find_first_of("/\\") == std::string::npos;
}

Result<void> check_manifest(const PartsManifest& parts) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Attachment& one = parts[i];
    if (!is_attachment_name(one.name)) {
      return refuse(place_in("parts", i, "name") + " is \"" + one.name +
                    "\": a file name, no path");
    }
    if (!names.insert(one.name).second) {
      return refuse(place_in("parts", i, "name") + " is \"" + one.name + "\" again");
    }
    if (one.size > kAttachmentBytesMax) {
      return fail(ErrorCode::too_large, place_in("parts", i, "size") + " is " +
                                            std::to_string(one.size) + " bytes, at most " +
                                            std::to_string(kAttachmentBytesMax) + " are allowed");
    }
    if (one.parts != part_count_of(one.size)) {
      return refuse(place_in("parts", i, "parts") + " does not follow from the size");
    }
  }
  return {};
}

Result<void> check_photos(const CooperationNotice& notice, const PartsManifest& parts,
                          std::span<const std::string> attached) {
  for (std::size_t i = 0; i < notice.photos.size(); ++i) {
    const bool there =
        std::ranges::find(parts, notice.photos[i], &Attachment::name) != parts.end() ||
        std::ranges::find(attached, notice.photos[i]) != attached.end();
    if (!there) {
      return refuse(place_in("photos", i) + " names \"" + notice.photos[i] +
                    "\", which is not attached");
    }
  }
  return {};
}

}  // namespace

Result<void> check_header(const SealedHeader& header) {
  if (header.handling == Handling::h3 && header.handling_text.empty()) {
    return refuse("missing field \"handling_text\": H3 says in words how it is to be handled");
  }
  return {};
}

Result<void> check_body(const Body& body) {
  return std::visit([](const auto& one) { return check_each(one); }, body);
}

Result<void> check(const Content& content, std::span<const std::string> attached) {
  if (std::holds_alternative<Part>(content.body)) {
    if (content.header != SealedHeader{} || !content.parts.empty()) {
      return refuse("a part has neither header nor attachments");
    }
    return check_body(content.body);
  }
  KERUEN_CHECK(check_header(content.header));
  KERUEN_CHECK(check_manifest(content.parts));
  if (const auto* notice = std::get_if<CooperationNotice>(&content.body)) {
    KERUEN_CHECK(check_photos(*notice, content.parts, attached));
  }
  return check_body(content.body);
}

MessageKind kind_of(const Content& content) {
  struct KindOf {
    MessageKind operator()(const CooperationNotice&) const { return MessageKind::notice; }
    MessageKind operator()(const TrainingSchedule&) const { return MessageKind::schedule; }
    MessageKind operator()(const OfficerReceipt&) const { return MessageKind::receipt; }
    MessageKind operator()(const Recall& recall) const { return recall.kind; }
    MessageKind operator()(const Part&) const { return MessageKind::part; }
  };
  return std::visit(KindOf{}, content.body);
}

}  // namespace keruen::content
