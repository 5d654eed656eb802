#include "schemas/content/words.h"

#include <capnp/schema.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "schemas/content/content.capnp.h"

namespace keruen::content {
namespace {

// The schema writes controlledDelivery what JSON writes controlled_delivery.
std::string bare(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c != '_') result += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return result;
}

template <class E>
void expect_same_names(capnp::EnumSchema schema) {
  const auto enumerants = schema.getEnumerants();
  ASSERT_EQ(enumerants.size(), Words<E>::kAll.size() + 1) << schema.getShortDisplayName().cStr();
  EXPECT_EQ(std::string(enumerants[0].getProto().getName().cStr()), "unspecified");
  std::set<std::string_view> words;
  for (unsigned i = 1; i < enumerants.size(); ++i) {
    const std::string name = bare(enumerants[i].getProto().getName().cStr());
    const std::string_view word = Words<E>::kAll[i - 1];
    EXPECT_TRUE(words.insert(word).second) << word;
    EXPECT_EQ(enumerator_of<E>(word), static_cast<E>(i)) << word;
    EXPECT_EQ(word_of(static_cast<E>(i)), word);
    if (word.size() > 2) {
      EXPECT_EQ(name, bare(word));
    }  // "H1", "A", "4" are the field's own codes
  }
  EXPECT_FALSE(enumerator_of<E>("unspecified"));
  EXPECT_FALSE(is_enumerator<E>(0));
  EXPECT_FALSE(is_enumerator<E>(Words<E>::kAll.size() + 1));
}

#define EXPECT_SAME_NAMES(E) expect_same_names<E>(capnp::Schema::from<format::E>())

TEST(Words, AreThoseOfTheSchemaInItsOrder) {
  EXPECT_SAME_NAMES(MessageStatus);
  EXPECT_SAME_NAMES(Handling);
  EXPECT_SAME_NAMES(TrafficLight);
  EXPECT_SAME_NAMES(SourceGrade);
  EXPECT_SAME_NAMES(InformationGrade);
  EXPECT_SAME_NAMES(OnwardSharing);
  EXPECT_SAME_NAMES(AnswerKind);
  EXPECT_SAME_NAMES(NoticeType);
  EXPECT_SAME_NAMES(Action);
  EXPECT_SAME_NAMES(Urgency);
  EXPECT_SAME_NAMES(Direction);
  EXPECT_SAME_NAMES(SubjectKind);
  EXPECT_SAME_NAMES(Confidence);
  EXPECT_SAME_NAMES(ConveyanceMode);
  EXPECT_SAME_NAMES(DetectionMethod);
  EXPECT_SAME_NAMES(AnswerTime);
  EXPECT_SAME_NAMES(Permission);
  EXPECT_SAME_NAMES(ReplyOutcome);
  EXPECT_SAME_NAMES(CourtConsent);
  EXPECT_SAME_NAMES(ScheduleMethod);
  EXPECT_SAME_NAMES(CourseFormat);
  EXPECT_SAME_NAMES(EventStatus);
  EXPECT_SAME_NAMES(TimeForm);
  EXPECT_SAME_NAMES(InstanceRange);
  EXPECT_SAME_NAMES(ReceiptKind);
  EXPECT_SAME_NAMES(ProcessResult);
  EXPECT_SAME_NAMES(MessageKind);
}

}  // namespace
}  // namespace keruen::content
