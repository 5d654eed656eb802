// The sealed header: what every message says about itself to its reader, and never to the broker.
// Shape: absent things are std::nullopt or an empty text; enumerators start at 1, 0 is "not given"
// on the wire.   Units: wall times in milliseconds UTC.   Threads: values.
//
// Texts are UTF-8. encode() and decode_content() (content.h) check every bound of bounds.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::content {

// A text in one language (BCP 47: "en", "ru", "kk", "uz-Latn"). A list holds a language once.
struct LanguageText {
  std::string language;
  std::string text;

  bool operator==(const LanguageText&) const = default;
};
using Texts = std::vector<LanguageText>;

// The text in `language`; else in English, else in Russian, else the first; empty for no text.
[[nodiscard]] std::string best_text(const Texts& texts, std::string_view language);

// Who an officer is inside her agency; the agency itself is the message's signed sender.
struct OfficerId {
  std::string text;

  bool operator==(const OfficerId&) const = default;
};

// `exercise` and `test` are never to be acted upon.
enum class MessageStatus : std::uint8_t { actual = 1, exercise, test };
// H0 crime prevention only · H1 not in court without permission · H2 no onward sharing without
// permission · H3 as handling_text says.
enum class Handling : std::uint8_t { h0 = 1, h1, h2, h3 };
enum class TrafficLight : std::uint8_t { red = 1, amber, green, clear };
// Reliability of the source (A always, B mostly, C often not, X cannot be judged) ...
enum class SourceGrade : std::uint8_t { a = 1, b, c, x };
// ... times that of the information (1 known to be true … 4 cannot be judged).
enum class InformationGrade : std::uint8_t { one = 1, two, three, four };
enum class OnwardSharing : std::uint8_t { none = 1, own_agency, group, ask };
enum class AnswerKind : std::uint8_t { acknowledgement = 1, information, action, decision };

struct Author {
  OfficerId officer;
  std::string name;
  std::string role;
  std::string unit;

  bool operator==(const Author&) const = default;
};

struct CaseReference {
  std::string authority;
  std::string number;

  bool operator==(const CaseReference&) const = default;
};

struct Grading {
  SourceGrade source = SourceGrade::x;
  InformationGrade information = InformationGrade::four;

  bool operator==(const Grading&) const = default;
};

// Present when an answer is wanted.
struct Answer {
  AnswerKind kind = AnswerKind::acknowledgement;
  std::optional<WallTime> due;

  bool operator==(const Answer&) const = default;
};

struct SealedHeader {
  std::optional<MessageId> thread;  // the first message of the thread; absent: this one starts it
  std::optional<MessageId> in_reply_to;
  std::optional<MessageId> supersedes;
  MessageStatus status = MessageStatus::actual;
  Texts subject;
  std::optional<Author> author;
  std::vector<CaseReference> case_references;
  std::string legal_basis;
  Handling handling = Handling::h0;
  std::string handling_text;  // required with H3
  std::optional<TrafficLight> tlp;
  std::optional<Grading> grading;
  std::optional<OnwardSharing> onward_sharing;
  std::optional<WallTime> retain_until;
  std::optional<Answer> answer;
  std::string language;  // of the content's plain texts

  bool operator==(const SealedHeader&) const = default;
};

}  // namespace keruen::content
