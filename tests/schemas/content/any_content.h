// Any valid content from a seed: every field of every described value gets its turn.
// Shape: driven by the one description in fields.h, then mended where fields depend on each other.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>

#include "schemas/content/content.h"
#include "schemas/content/fields.h"
#include "schemas/content/instant.h"
#include "schemas/content/words.h"

namespace keruen::content {

class AnyContent {
 public:
  explicit AnyContent(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] Content make() {
    switch (below(5)) {
      case 0:
        return with_header(any<CooperationNotice>());
      case 1:
        return with_header(any<TrainingSchedule>());
      case 2:
        return with_header(any<OfficerReceipt>());
      case 3:
        return with_header(any<Recall>());
      default:
        return Content{{}, {}, any<Part>()};
    }
  }

  template <class T>
  [[nodiscard]] T any() {
    T value;
    fill(value, required(kParagraph));
    return value;
  }

  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  template <class BodyType>
  [[nodiscard]] Content with_header(BodyType body) {
    Content content;
    fill(content.header, kPlain);
    fill(content.parts, at_most(4));
    for (std::size_t i = 0; i < content.parts.size(); ++i) {
      content.parts[i].name += std::to_string(i);
    }
    if constexpr (std::is_same_v<BodyType, CooperationNotice>) {
      body.photos.clear();
      for (const Attachment& one : content.parts) body.photos.push_back(one.name);
    }
    content.body = std::move(body);
    return content;
  }

 private:
  template <class T>
  requires Described<T>
  void fill(T& value, const Rule&) {
    visit_fields<T>([&](std::string_view, auto member, const Rule& rule) {
      if (rule.presence == Presence::required || below(2) == 0) fill(value.*member, rule);
    });
    mend(value);
  }

  void fill(std::string& text, const Rule& rule) {
    static constexpr std::string_view kPieces[] = {"a", "Z", "7", " ",  "-", "é", "Қ",
                                                   "ғ", "€", "🚚", "\"", "{", "<"};
    text = "x";
    for (auto count = below(12); count > 0; --count) text += kPieces[below(std::size(kPieces))];
    if (rule.lines == Lines::many && below(3) == 0) text += "\r\nnext\tline";
  }
  void fill(OfficerId& officer, const Rule& rule) { fill(officer.text, rule); }
  void fill(AgencyId& agency, const Rule&) {
    agency = *AgencyId::parse("kz.post-" + std::to_string(below(1000)));
  }
  void fill(Bytes& bytes, const Rule& rule) {
    bytes.resize(1 + below(rule.bytes_max));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
  }
  template <class Tag, std::size_t Size>
  void fill(FixedBytes<Tag, Size>& value, const Rule&) {
    for (auto& byte : value.bytes) byte = static_cast<std::uint8_t>(random_());
  }
  void fill(WallTime& time, const Rule&) { time = wall_time_of(1 + below(253'402'300'799'999)); }
  template <Worded E>
  void fill(E& value, const Rule&) {
    value = static_cast<E>(1 + below(Words<E>::kAll.size()));
  }
  template <class T>
  requires std::is_integral_v<T>
  void fill(T& number, const Rule&) { number = static_cast<T>(random_()); }
  template <class T>
  void fill(std::optional<T>& value, const Rule& rule) {
    fill(value.emplace(), rule);
  }
  template <class T>
  void fill(std::vector<T>& values, const Rule& rule) {
    values.resize(1 + below(std::min<std::size_t>(rule.count_max, 3)));
    for (T& value : values) fill(value, rule);
  }
  void fill(Texts& texts, const Rule&) {
    static constexpr std::string_view kLanguages[] = {"en", "kk", "ru", "uz-Latn"};
    texts.clear();
    for (const auto language : kLanguages) {
      if (!texts.empty() && below(2) == 0) continue;
      fill(texts.emplace_back().text, kEssay);
      texts.back().language = language;
    }
  }
  void fill(CalendarTime& time, const Rule&) {
    fill(time.form, kPlain);
    time.year = static_cast<std::uint16_t>(1 + below(9999));
    time.month = static_cast<std::uint8_t>(1 + below(12));
    time.day = static_cast<std::uint8_t>(1 + below(28));
    if (time.form != TimeForm::date) {
      time.hour = static_cast<std::uint8_t>(below(24));
      time.minute = static_cast<std::uint8_t>(below(60));
      time.second = static_cast<std::uint8_t>(below(61));
    }
    if (time.form == TimeForm::zoned) time.zone = "Asia/Almaty";
  }

  template <class T>
  void mend(T&) {}
  void mend(SealedHeader& header) {
    if (header.handling == Handling::h3) header.handling_text = "as agreed";
  }
  void mend(Attachment& one) {
    one.size %= kAttachmentBytesMax + 1;
    one.parts = part_count_of(one.size);
  }
  void mend(Coordinates& place) {
    place.latitude_microdegrees %= 90'000'001;
    place.longitude_microdegrees %= 180'000'001;
  }
  void mend(Goods& goods) {
    if (!goods.quantity.empty()) goods.quantity = std::to_string(below(100)) + ".5";
    if (!goods.value.empty()) goods.value = std::to_string(below(100000));
  }
  void mend(AnswerDue& due) {
    if (due.within != AnswerTime::date)
      due.date.reset();
    else
      fill(due.date, kPlain);
  }
  void mend(Event& event) {
    if (event.from && event.to && *event.to < *event.from) std::swap(*event.from, *event.to);
  }
  void mend(Reply& reply) {
    if (reply.outcome == ReplyOutcome::refused) reply.reason = "no mandate";
    if (reply.new_due) reply.new_due_reason = "holidays";
  }
  void mend(CooperationNotice& notice) {
    if (notice.what.empty()) notice.what = "a truck";
    for (std::size_t i = 0; i < notice.subjects.size(); ++i) {
      notice.subjects[i].label = "S" + std::to_string(i);
    }
    if (notice.subjects.empty()) notice.links.clear();
    for (Link& link : notice.links) link.from = link.to = "S0";
  }
  void mend(OfficerReceipt& receipt) {
    if (receipt.kind == ReceiptKind::read)
      receipt.result.reset();
    else
      fill(receipt.result, kPlain);
  }
  void mend(Recall& recall) { recall.kind = static_cast<MessageKind>(1 + below(3)); }
  void mend(Part& part) { part.number %= part_count_of(kAttachmentBytesMax); }
  void mend_span(const CalendarTime& start, std::optional<CalendarTime>& end,
                 std::string& duration) {
    duration = below(2) == 0 || end ? "" : "PT1H30M";
    if (end) end = start;
  }
  void mend(AddedDate& added) { mend_span(added.start, added.end, added.duration); }
  void mend(Override& one) { mend_span(one.start, one.end, one.duration); }
  void mend(Session& session) {
    if (session.end) session.end = session.start;
  }
  void mend(Recurrence& recurrence) {
    for (std::string& rule : recurrence.rules) rule = "FREQ=WEEKLY;COUNT=6;BYDAY=MO";
  }
  void mend(TrainingSchedule& schedule) {
    mend_span(schedule.start, schedule.end, schedule.duration);
  }

  std::mt19937_64 random_;
};

}  // namespace keruen::content
