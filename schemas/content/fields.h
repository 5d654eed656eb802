// INTERNAL to schemas/content: every field of every content value, described once.
// Shape: visit_fields<T>(visitor) calls visitor(name, member, rule) in the order of the schema.
// Threads: pure functions.
//
// The Cap'n Proto codec, the JSON reader and writer and the bounds checker are visitors of this one
// description, so a field cannot be in one and forgotten in another. Names are JSON's snake_case;
// content.capnp has the same in camelCase. A test walks both.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "schemas/content/bounds.h"
#include "schemas/content/content.h"

namespace keruen::content {

enum class Presence { optional, required };
enum class Lines { one, many };

// What a field may hold. For a list `bytes_max` and `lines` speak of its elements.
struct Rule {
  std::size_t bytes_max = 0;
  std::size_t count_max = 0;
  Lines lines = Lines::one;
  Presence presence = Presence::optional;
};

constexpr Rule kPlain{};
constexpr Rule kWord{.bytes_max = kWordBytesMax};
constexpr Rule kLine{.bytes_max = kLineBytesMax};
constexpr Rule kParagraph{.bytes_max = kParagraphBytesMax, .lines = Lines::many};
constexpr Rule kEssay{.bytes_max = kEssayBytesMax, .lines = Lines::many};

// In JSON it must be there; a text or list must also not be empty.
constexpr Rule required(Rule rule) {
  rule.presence = Presence::required;
  return rule;
}
constexpr Rule at_most(std::size_t count_max, Rule element = kPlain) {
  element.count_max = count_max;
  return element;
}

// Each is a set of overloads on the value's type; T is named, so a visitor needs no value.
template <class T>
struct Of {};

template <class V>
void describe(V& v, Of<LanguageText>) {
  v("language", &LanguageText::language, required(kWord));
  v("text", &LanguageText::text, required(kEssay));
}

template <class V>
void describe(V& v, Of<Author>) {
  v("officer", &Author::officer, required(kWord));
  v("name", &Author::name, kLine);
  v("role", &Author::role, kLine);
  v("unit", &Author::unit, kLine);
}

template <class V>
void describe(V& v, Of<CaseReference>) {
  v("authority", &CaseReference::authority, kLine);
  v("number", &CaseReference::number, required(kLine));
}

template <class V>
void describe(V& v, Of<Grading>) {
  v("source", &Grading::source, required(kPlain));
  v("information", &Grading::information, required(kPlain));
}

template <class V>
void describe(V& v, Of<Answer>) {
  v("kind", &Answer::kind, required(kPlain));
  v("due", &Answer::due, kPlain);
}

template <class V>
void describe(V& v, Of<SealedHeader>) {
  v("thread", &SealedHeader::thread, kPlain);
  v("in_reply_to", &SealedHeader::in_reply_to, kPlain);
  v("supersedes", &SealedHeader::supersedes, kPlain);
  v("status", &SealedHeader::status, kPlain);
  v("subject", &SealedHeader::subject, at_most(kLanguagesMax));
  v("author", &SealedHeader::author, kPlain);
  v("case_references", &SealedHeader::case_references, at_most(kCaseReferencesMax));
  v("legal_basis", &SealedHeader::legal_basis, kParagraph);
  v("handling", &SealedHeader::handling, required(kPlain));
  v("handling_text", &SealedHeader::handling_text, kParagraph);
  v("tlp", &SealedHeader::tlp, kPlain);
  v("grading", &SealedHeader::grading, kPlain);
  v("onward_sharing", &SealedHeader::onward_sharing, kPlain);
  v("retain_until", &SealedHeader::retain_until, kPlain);
  v("answer", &SealedHeader::answer, kPlain);
  v("language", &SealedHeader::language, kWord);
}

template <class V>
void describe(V& v, Of<Attachment>) {
  v("name", &Attachment::name, required(kLine));
  v("media_type", &Attachment::media_type, kWord);
  v("size", &Attachment::size, required(kPlain));
  v("sha256", &Attachment::sha256, required(kPlain));
  v("parts", &Attachment::parts, required(kPlain));
}

template <class V>
void describe(V& v, Of<Part>) {
  v("whole", &Part::whole, required(kPlain));
  v("number", &Part::number, required(kPlain));
  v("bytes", &Part::bytes, required(Rule{.bytes_max = kPartBytesMax}));
}

template <class V>
void describe(V& v, Of<OfficerReceipt>) {
  v("kind", &OfficerReceipt::kind, required(kPlain));
  v("message", &OfficerReceipt::message, required(kPlain));
  v("result", &OfficerReceipt::result, kPlain);
  v("note", &OfficerReceipt::note, kParagraph);
  v("officer", &OfficerReceipt::officer, required(kWord));
  v("unit", &OfficerReceipt::unit, kLine);
  v("when", &OfficerReceipt::when, required(kPlain));
}

template <class V>
void describe(V& v, Of<Recall>) {
  v("message", &Recall::message, required(kPlain));
  v("kind", &Recall::kind, required(kPlain));
  v("reason", &Recall::reason, kParagraph);
}

// The values of a notice and of a schedule stand in their own files: fields of fifty lines each.
#define KERUEN_DESCRIBED(Type) \
  template <class V>           \
  void describe(V& v, Of<Type>)

}  // namespace keruen::content

#include "schemas/content/notice_fields.h"
#include "schemas/content/schedule_fields.h"

#undef KERUEN_DESCRIBED

namespace keruen::content {

// A value made of described fields.
template <class T>
concept Described = requires(void (*visitor)(...)) {
  describe(visitor, Of<T>{});
};

template <class T, class Visitor>
void visit_fields(Visitor&& visitor) {
  describe(visitor, Of<T>{});
}

template <class T>
[[nodiscard]] const std::vector<std::string_view>& field_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> collected;
    visit_fields<T>([&](std::string_view name, auto, const Rule&) { collected.push_back(name); });
    return collected;
  }();
  return names;
}

}  // namespace keruen::content
