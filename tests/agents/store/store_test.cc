// What a store keeps, from whom, and how it is read; the four transactions at work are in
// tests/journey.
#include "agents/store/store.h"

#include <fstream>
#include <sstream>

#include "agents/store/reader.h"
#include "certs/seal.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_randomness.h"
#include "tests/support/temporary_directory.h"

namespace keruen::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WallTime kNow{std::chrono::milliseconds{1'778'749'200'000}};

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : key(32) { randomness.fill(key.writable()); }

  [[nodiscard]] std::string path() const { return (directory / "store.sqlite").string(); }
  void open() {
    auto opened = Store::open(path(), key, randomness);
    ASSERT_THAT(opened, IsOk());
    store = std::move(*opened);
  }
  [[nodiscard]] std::unique_ptr<Reader> reader() {
    auto opened = Reader::open(path(), key);
    EXPECT_THAT(opened, IsOk());
    return opened ? std::move(*opened) : nullptr;
  }
  [[nodiscard]] NewMessage message(const std::string& text) {
    content::Content content;
    content.header.subject = {{"en", text}};
    content::CooperationNotice notice;
    notice.what = text;
    content.body = notice;
    NewMessage made;
    made.id = certs::draw_message_id(randomness, kNow);
    made.created_at = kNow;
    made.expires_at = kNow + kExpiryDefault;
    made.recipients = {*AgencyId::parse("kz.customs")};
    const auto encoded = content::encode(content);
    EXPECT_THAT(encoded, IsOk());
    made.content = encoded.value_or(Bytes());
    return made;
  }
  MessageId submit(const std::string& text) {
    Submission submission;
    submission.messages.push_back(message(text));
    submission.once = SentOnce{"once " + text, 1, Digest()};
    EXPECT_THAT(store->submit({&submission}, kNow), IsOk());
    return submission.messages.front().id;
  }
  // Everything in the folder, as a thief reads it.
  [[nodiscard]] std::string all_bytes() const {
    std::ostringstream all;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
      all << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    }
    return all.str();
  }
  void overwrite(std::streamoff offset, const std::string& bytes) const {
    std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(offset);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  TemporaryDirectory directory;
  SeededRandomness randomness{3};
  certs::SecretBytes key;
  std::unique_ptr<Store> store;
};

TEST_F(StoreTest, OpensOnlyUnderItsOwnKey) {
  open();
  store.reset();
  const certs::SecretBytes other(BytesView(Bytes(32, 9)));
  EXPECT_THAT(Store::open(path(), other, randomness),
              FailsWith(ErrorCode::denied, HasSubstr("another store key")));
  EXPECT_THAT(Reader::open(path(), other), FailsWith(ErrorCode::denied));
}

TEST_F(StoreTest, KeepsContentAndNamesFromWhoeverReadsTheDisk) {
  open();
  static_cast<void>(submit("a zebra at midnight"));
  EXPECT_THAT(all_bytes(), ::testing::Not(HasSubstr("zebra")));
  store.reset();
  EXPECT_THAT(all_bytes(), ::testing::Not(HasSubstr("zebra")));
  open();
  const auto listed = reader()->list({Folder::sent, {}, 50, {}, {}});
  ASSERT_THAT(listed, IsOk());
  ASSERT_THAT(*listed, SizeIs(1));
  EXPECT_EQ(listed->front().subject, "a zebra at midnight");
}

TEST_F(StoreTest, RefusesAFileOfANewerFormat) {
  open();
  store.reset();
  overwrite(60, std::string("\0\0\0\x63", 4));  // SQLite's user version: file format §1.3
  EXPECT_THAT(Store::open(path(), key, randomness),
              FailsWith(ErrorCode::unsupported, HasSubstr("newer")));
}

TEST_F(StoreTest, NamesADamagedFile) {
  open();
  store.reset();
  overwrite(0, std::string(100, 'x'));
  EXPECT_THAT(Store::open(path(), key, randomness), FailsWith(ErrorCode::corrupt));
}

TEST_F(StoreTest, AReaderNeedsAStore) {
  EXPECT_THAT(Reader::open(path(), key), FailsWith(ErrorCode::not_found));
}

TEST_F(StoreTest, ListsNewestFirstPageByPage) {
  open();
  std::vector<MessageId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(submit("number " + std::to_string(i)));
  const auto page = [&](std::optional<MessageId> before) {
    std::vector<std::string> subjects;
    const auto listed = reader()->list({Folder::sent, before, 2, {}, {}});
    EXPECT_THAT(listed, IsOk());
    for (const auto& one : listed.value_or(std::vector<Summary>())) subjects.push_back(one.subject);
    return subjects;
  };
  EXPECT_THAT(page({}), ElementsAre("number 4", "number 3"));
  EXPECT_THAT(page(ids[3]), ElementsAre("number 2", "number 1"));
  EXPECT_THAT(page(ids[1]), ElementsAre("number 0"));
  EXPECT_THAT(page(ids[0]), IsEmpty());
}

TEST_F(StoreTest, FindsAMessageByTheEndOfItsId) {
  open();
  const auto id = submit("one");
  static_cast<void>(submit("two"));
  const std::string text = to_text(id);
  const auto found = reader()->ids_like(text.substr(text.size() - 8));
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(*found, ElementsAre(id));
  EXPECT_THAT(reader()->message(MessageId()), FailsWith(ErrorCode::not_found));
}

TEST_F(StoreTest, AnErrorInOneSubmissionUndoesItWhole) {
  open();
  Submission submission;
  submission.messages.push_back(message("with a film"));
  submission.more = []() -> Result<std::optional<NewMessage>> {
    return fail(ErrorCode::io_failed, "the film changed while it was read");
  };
  EXPECT_FALSE(store->submit({&submission}, kNow));
  const auto listed = reader()->list({Folder::sent, {}, 50, {}, {}});
  ASSERT_THAT(listed, IsOk());
  EXPECT_THAT(*listed, IsEmpty());
}

TEST_F(StoreTest, RemembersWhatIsSentOnce) {
  open();
  const auto id = submit("course");
  KERUEN_ASSERT_OK(const auto same, store->once("once course", Digest()));
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->same_content);
  EXPECT_EQ(same->message, id);
  Digest other;
  other.bytes[0] = 1;
  KERUEN_ASSERT_OK(const auto changed, store->once("once course", other));
  ASSERT_TRUE(changed);
  EXPECT_FALSE(changed->same_content);
  KERUEN_ASSERT_OK(const auto unknown, store->once("another", Digest()));
  EXPECT_FALSE(unknown);
}

TEST_F(StoreTest, WhatExpiresUnsealedIsNamedAndItsContentGoes) {
  open();
  const auto id = submit("only for a week");
  KERUEN_ASSERT_OK(const auto before,
                   store->expire_outbox(kNow + kExpiryDefault - std::chrono::seconds(1)));
  EXPECT_EQ(before, 0U);
  KERUEN_ASSERT_OK(const auto after, store->expire_outbox(kNow + kExpiryDefault));
  EXPECT_EQ(after, 1U);
  const auto receipts = reader()->receipts(id);
  ASSERT_THAT(receipts, IsOk());
  EXPECT_EQ(receipts->front().state, RecipientState::expired);
  KERUEN_ASSERT_OK(const auto next, store->next_outbox(Lane::routine, {}));
  EXPECT_FALSE(next);
}

TEST_F(StoreTest, EventsAreNumberedWithoutGaps) {
  open();
  static_cast<void>(submit("one"));
  static_cast<void>(submit("two"));
  const auto events = reader()->events_after(0, 10);
  ASSERT_THAT(events, IsOk());
  ASSERT_THAT(*events, SizeIs(2));
  EXPECT_EQ(events->at(0).number + 1, events->at(1).number);
  EXPECT_EQ(events->at(1).number, store->newest_event());
  EXPECT_EQ(events->at(0).type, EventType::submitted);
}

}  // namespace
}  // namespace keruen::store
