// A store with messages in it: submitted, closed into batches, accepted, delivered, arrived.
// Threads: one.   Lifetime: a test.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "agents/store/reader.h"
#include "agents/store/store.h"
#include "certs/seal.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_randomness.h"
#include "tests/support/temporary_directory.h"

namespace keruen::store {

inline constexpr WallTime kNow{std::chrono::milliseconds{1'778'749'200'000}};

[[nodiscard]] inline NewMessage notice_to_customs(const std::string& text,
                                                  certs::Randomness& randomness) {
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
    auto opened = Reader::open(path(), key, [this] { return store->publish(); });
    EXPECT_THAT(opened, IsOk());
    return opened ? std::move(*opened) : nullptr;
  }
  [[nodiscard]] NewMessage message(const std::string& text) {
    return notice_to_customs(text, randomness);
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

// A batch of two messages, the first to two agencies, as the engine closes it.
class ClosedBatchTest : public StoreTest {
 protected:
  static constexpr LogIndex kIndex{41};

  void SetUp() override {
    open();
    Submission submission;
    submission.messages.push_back(message("to both"));
    submission.messages.front().recipients = {customs, prosecutor};
    submission.messages.push_back(message("to customs"));
    ASSERT_THAT(store->submit({&submission}, kNow), IsOk());
    both = submission.messages[0].id;
    one = submission.messages[1].id;
    close();
  }
  // `only`: the others wait for a key.
  void close(const std::optional<AgencyId>& only = {}) {
    batch.stream = StreamId{7};
    batch.sequence = BatchSequence{batch.sequence.value + 1};
    batch.hash.bytes[0] = static_cast<std::uint8_t>(batch.sequence.value);
    batch.bytes = SharedBytes(Bytes(100, 1));
    batch.at = kNow;
    batch.messages.clear();
    OutboxNumber after;
    while (true) {
      KERUEN_ASSERT_OK(const auto item, store->next_outbox(Lane::routine, after));
      if (!item) break;
      after = item->number;
      ClosedLeaf leaf;
      leaf.number = static_cast<std::uint32_t>(batch.messages.size());
      leaf.message = item->sent;
      leaf.outbox = item->number;
      leaf.id = item->id;
      leaf.kind = item->kind;
      leaf.listing = item->listing;
      leaf.expires_at = item->expires_at;
      std::uint32_t seat = 0;
      for (const auto& recipient : item->recipients) {
        if (only && recipient.agency != *only) {
          leaf.rest = ClosedLeaf::Rest::waits_for_key;
        } else {
          leaf.sealed.push_back({recipient.place, seat++, recipient.agency});
        }
      }
      batch.messages.push_back(std::move(leaf));
    }
    KERUEN_ASSERT_OK(stored, store->close(batch));
  }
  void accept(std::vector<wire::Refusal> refusals = {}) {
    Learned learned;
    learned.at = kNow;
    learned.accepted.push_back({stored.blob, kIndex, kNow, std::move(refusals)});
    ASSERT_THAT(store->learn(learned), IsOk());
  }
  void deliver(const AgencyId& from, std::vector<wire::LeafRange> leaves,
               std::optional<ErrorCode> undeliverable = {}) {
    Arrival arrival;
    arrival.at = kNow;
    arrival.words.push_back({batch.hash, from, std::move(leaves), undeliverable, kNow});
    ASSERT_THAT(store->arrive(arrival), IsOk());
  }
  // Hidden ones are receipts.
  MessageId arrive_from_customs(ArrivedMessage message) {
    message.id = certs::draw_message_id(randomness, kNow);
    message.kind = message.listing == Listing::listed ? MessageKind::notice : MessageKind::receipt;
    Arrival arrival;
    arrival.at = kNow;
    arrival.slice = SharedBytes(Bytes(50, 2));
    arrival.sender = customs;
    arrival.messages.push_back(message);
    EXPECT_THAT(store->arrive(arrival), IsOk());
    return message.id;
  }
  // An officer of customs, of the message to both.
  void officer_says(RecipientState state) {
    ArrivedMessage word;
    word.listing = Listing::hidden;
    word.word = OfficerWord{both, state, kNow};
    arrive_from_customs(word);
  }
  [[nodiscard]] std::vector<RecipientState> states(const MessageId& id) {
    std::vector<RecipientState> all;
    const auto receipts = reader()->receipts(id);
    EXPECT_THAT(receipts, IsOk());
    if (!receipts) return all;
    for (const auto& status : *receipts) all.push_back(status.state);
    return all;
  }
  [[nodiscard]] std::vector<EventType> events_since(std::uint64_t number) {
    std::vector<EventType> types;
    const auto events = reader()->events_after(number, store->newest_event(), 100);
    EXPECT_THAT(events, IsOk());
    if (!events) return types;
    for (const auto& event : *events) types.push_back(event.type);
    return types;
  }

  const AgencyId customs = *AgencyId::parse("kz.customs");
  const AgencyId prosecutor = *AgencyId::parse("kz.prosecutor");
  MessageId both;
  MessageId one;
  ClosedBatch batch;
  StoredBatch stored;
};

}  // namespace keruen::store
