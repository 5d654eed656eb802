// INTERNAL to .cc files of agents/store: what the store's functions share.
// Threads: the engine thread.
//
// transact() is the one door to writing: begin, body, commit, or all of it undone; within another
// one, or within a round, it is a part of that, and its failure is the whole's. A failure that is
// neither a full disk nor the body's own refusal stays: nothing is written after it.
//
// A small round ends in the redo log (redo_log.h). SQLite's transaction stays open behind it, so
// that the pages of many rounds are written once: until a larger round, a publish(), or a full lap
// commits them all. What undoes a round undoes those before it too, and repeats them from there.
//
// Batches and slices lie beside the tables (content_file.h) and are synced before the rows that
// name them are committed; what publish() shows unsynced, the redo log has.
#pragma once

#include <filesystem>
#include <map>
#include <span>

#include "agents/store/connection.h"
#include "agents/store/content_file.h"
#include "agents/store/events.h"
#include "agents/store/fresh_outbox.h"
#include "agents/store/packed.h"
#include "agents/store/redo_log.h"
#include "agents/store/sent_batch.h"
#include "agents/store/store.h"
#include "agents/store/stored_content.h"

namespace keruen::store {

// The first ones, up to and with one that `ends` them; they are gone from `left`.
template <class Item, class Ends>
[[nodiscard]] std::span<Item> take_through_first(std::span<Item>& left, Ends&& ends) {
  std::size_t taken = 0;
  while (taken < left.size() && !ends(left[taken++])) {
  }
  const auto first = left.first(taken);
  left = left.subspan(taken);
  return first;
}

struct Store::State {
  State(std::string path_given, certs::SecretBytes key, certs::Randomness& randomness)
      : path(std::move(path_given)),
        connection(path, Connection::Mode::read_write),
        redo(path + "-redo"),
        contents(path),
        rows(std::move(key), &randomness) {
    connection.note_in(redo);
  }

  std::string path;
  Connection connection;
  RedoLog redo;
  ContentFile contents;
  SealedRows rows;
  std::map<AgencyId, std::int64_t> agency_numbers;
  std::map<std::int64_t, AgencyId> agency_ids;
  SegmentLengths content_lengths;
  // Numbers of rows to come. None is given twice, though the last may be forgotten.
  std::uint64_t next_blob = 1;
  std::int64_t next_in = 1;   // message_in
  std::int64_t next_out = 1;  // message_out
  // No message that arrived has a greater id: ids begin with a time, so that most are new by this.
  MessageId greatest_in;
  EventWriter events;
  FreshOutbox fresh;
  // Lanes of which no ready row is in the table, as far as is known.
  std::array<bool, kLaneCount> outbox_is_empty{};
  // When the next outbox row expires, at the earliest.
  std::optional<WallTime> outbox_expires_at;
  // A row of message_out: the lives of what stands from there on begin when the time is known.
  std::optional<std::int64_t> lives_to_begin_from;
  bool keeps_recalls = false;        // the file has the table of them
  bool keeps_unproved = false;       // and of these
  std::int64_t forgotten_below = 0;  // a row of message_out; what went since the start
  // No row names contents before this position, as of this round.
  struct ForgottenContents {
    std::uint64_t in_round = 0;
    std::uint64_t to = 0;
  } forgotten_contents;
  std::uint64_t to_give_back = 0;  // a position, likewise: noted when last asked
  // Recalls that came before what they recall; while there is none, nothing that arrives is
  // looked for among them.
  std::uint64_t early_recalls = 0;
  std::optional<Error> broken;

  // May throw SQLite::Exception; inside transact() or guarded() only.
  [[nodiscard]] std::int64_t number_of(const AgencyId& agency);
  // Empty: this store never heard of it.
  [[nodiscard]] std::optional<std::int64_t> known_number_of(const AgencyId& agency);
  [[nodiscard]] std::optional<AgencyId> agency_of(std::int64_t number);
  void load_counters();
  // What a file of no format, or of one before the redo log, lacks.
  [[nodiscard]] Result<void> make(int version, certs::Randomness& randomness);
  [[nodiscard]] bool is_key_right();
  // Writes anew what a crash may have left in memory only, repeats the redo log, commits.
  [[nodiscard]] Result<void> resume();
  // From the rows, where formats before kept batches and slices.
  [[nodiscard]] Result<void> move_contents_out();
  [[nodiscard]] Result<void> open_contents(int version);
  // What a store of an earlier format lacks besides.
  void take_over();
  [[nodiscard]] Result<BlobNumber> add_blob(const SharedBytes& bytes, const LeafKeys& keys);
  // One recipient is to be sealed for once more, and is gone from its batch; or settled, where it
  // was recalled. False after `attempts_max` times. The caller saves the batch's places, as after
  // settle().
  [[nodiscard]] Result<bool> seal_again(BatchPlace& place, std::uint32_t attempts_max, WallTime at);
  // By us; of a part, its message.
  [[nodiscard]] bool is_taken_back(std::int64_t message);
  void settle(BatchPlace& place, RecipientState state, ErrorCode code, WallTime at);
  void set_recipient(const BatchPlace& place, RecipientState state, ErrorCode code);
  // Under way; neither the recipient nor an officer there has said a word.
  [[nodiscard]] bool is_unanswered(const SentBatch& batch, const BatchPlace& place);
  // Under way, or at its end by the broker's word alone; then this sealing is what counts.
  [[nodiscard]] bool may_still_arrive(const SentBatch& batch, const BatchPlace& place);
  // With its bytes, and what is known of it.
  void remove_batch(BlobNumber blob);
  [[nodiscard]] Result<void> dissolve_batch(BlobNumber blob, ErrorCode code, WallTime at);
  [[nodiscard]] Result<void> add(std::span<Submission* const> submissions, WallTime at);
  // Consumed.
  void add_messages(std::span<NewMessage* const> messages);
  void add_unsealed(std::int64_t number, NewMessage message);
  // Empty: none of this id was sent.
  [[nodiscard]] std::optional<std::int64_t> sent_number_of(const std::optional<MessageId>& id);
  void add_once(const SentOnce& once, const MessageId& message);
  void mark_received(const LocalMark& mark);
  void take_back(const MessageId& id, WallTime at);
  // `rowless` gains the places that have no row of `recipient` yet.
  void close_message(const ClosedLeaf& leaf, SentBatch& batch, std::vector<std::size_t>& rowless);
  void add_recipients(const SentBatch& batch, const std::vector<std::size_t>& rowless);
  void close_receipts(BlobNumber blob, const std::vector<ReceiptNumber>& receipts);
  void put_into_outbox(std::int64_t message, Lane lane, WallTime expires_at, BytesView content);
  void write_item(const OutboxItem& item);
  void write_fresh();
  void move_in_outbox(OutboxNumber key, Readiness to);
  void remove_from_outbox(OutboxNumber key);
  // Never to be sealed: people look at what was listed, the rest goes.
  void keep_or_remove(OutboxNumber key, Listing listing);
  [[nodiscard]] Result<void> expire_item(OutboxNumber key, WallTime at);
  void load_outbox_expiry();
  // Of what is added from now on.
  void note_lives_to_begin();
  void forget_lives_to_begin();
  void load_lives_to_begin();
  void arrive_messages(const Arrival& arrival, BlobNumber blob);
  // What it says of others, beside its row.
  void tell_of(const Arrival& arrival, const ArrivedMessage& message, std::int64_t agency,
               std::int64_t number, bool recalled);
  // `whole`: the attachment's digest, veiled. False: the part had come before.
  bool add_part(const Bytes& whole, std::uint32_t part, std::int64_t agency, std::int64_t message);
  void arrive_part(const PartName& part, std::int64_t agency, std::int64_t message, WallTime at);
  void expect_attachments(const ArrivedMessage& message, std::int64_t agency, std::int64_t number,
                          WallTime at);
  // Of those that name a file, the message beside which its parts are counted: the first.
  struct CountedAttachment {
    std::int64_t message = 0;
    std::uint32_t parts = 0;
    std::uint32_t here = 0;
  };
  [[nodiscard]] std::optional<CountedAttachment> counted_attachment(const Bytes& whole,
                                                                    std::int64_t agency);
  [[nodiscard]] std::uint32_t count_parts_here(const Bytes& whole, std::int64_t agency,
                                               std::uint32_t parts);
  void apply_word(const OfficerWord& word, const AgencyId& from, std::int64_t by, WallTime at);
  void apply_recall(const MessageId& recalled, std::int64_t agency, MessageKind kind, WallTime at);
  // True once for what was recalled before it came.
  [[nodiscard]] bool was_recalled(const MessageId& id, std::int64_t agency);
  void apply_missing(const Arrival& arrival);
  [[nodiscard]] Result<void> apply_refusal(SentBatch& batch, const wire::Refusal& refusal,
                                           WallTime at);
  [[nodiscard]] Result<void> apply_accepted(const BatchWord& word, WallTime at);
  void apply_delivery(const DeliveryWord& word, WallTime at);
  [[nodiscard]] Result<void> apply_undeliverable(const DeliveryWord& word, WallTime at);
  void write_notes(const std::vector<Note>& notes, const std::vector<Evidence>& evidence,
                   WallTime at);
  // Each says how many rows went.
  std::uint64_t forget_slice(BlobNumber blob, Forgotten& forgotten);
  std::uint64_t forget_batch(BlobNumber blob, Forgotten& forgotten);
  std::uint64_t forget_unsealed(std::uint64_t rows_most, Forgotten& forgotten);
  std::uint64_t forget_events(WallTime before, WallTime now, std::uint64_t rows_most);
  void forget_sent(std::int64_t number, Forgotten& forgotten);
  // So that no number of what is forgotten is given again, nor its contents given back too early.
  void note_forgotten();
  void write_event(const EventRow& event) { events.add(connection, event); }
  void write_event_of(EventType type, WallTime at, const BatchPlace& place,
                      std::optional<ErrorCode> code = std::nullopt);

  // What knows nothing of the fresh outbox finds its rows in the table.
  enum class Fresh : std::uint8_t { written_first, kept };

  template <class Value, class Body>
  [[nodiscard]] Result<Value> transact(std::string_view doing, Body&& body,
                                       Fresh treatment = Fresh::written_first) {
    if (broken) return fail(*broken);
    if (is_open_ || in_round_) {
      return take_part<Value>(doing, std::forward<Body>(body), treatment);
    }
    auto result = guarded<Value>(doing, [&]() -> Result<Value> {
      open();
      Result<Value> inner = body();
      if (inner) KERUEN_CHECK(commit());
      return inner;
    });
    KERUEN_CHECK(close(result ? std::nullopt : std::optional(result.error())));
    return result;
  }
  // Nobody else writes: one snapshot serves all reading until the next transaction, and its locks
  // are taken once.
  template <class Value, class Body>
  [[nodiscard]] Result<Value> look(std::string_view doing, Body&& body) {
    auto result = guarded<Value>(doing, [&]() -> Result<Value> {
      begin_reading();
      return body();
    });
    // What a question is refused for leaves the round as it is.
    if (!result && is_of_the_disk(result.error().code)) {
      remember(result.error());
      // SQLite may have rolled back by itself, and what is written next would stand alone.
      if (is_open_) {
        spoil(result.error());
      } else if (has_unpublished() && !connection.is_in_transaction()) {
        undo(result.error());
      }
    }
    return result;
  }
  void begin_reading();
  void end_reading();
  void begin_round() { in_round_ = true; }
  [[nodiscard]] Result<void> end_round();
  [[nodiscard]] Result<void> publish();
  [[nodiscard]] bool has_unpublished() const { return redo.newest() != published_; }
  [[nodiscard]] bool is_published(std::uint64_t round) const { return published_ >= round; }
  [[nodiscard]] bool round_wrote() const { return in_round_ && is_open_; }
  // Parts of a round that stand or fall together.
  [[nodiscard]] Result<void> together_in_round(const std::function<Result<void>()>& parts);
  [[nodiscard]] bool in_round() const { return in_round_ && !is_part_; }

  LogMover log_mover;
  bool empties_log = false;  // the next commit: images of a destroyed key are to go

 private:
  template <class Value, class Body>
  [[nodiscard]] Result<Value> take_part(std::string_view doing, Body&& body, Fresh treatment) {
    auto result = guarded<Value>(doing, [&]() -> Result<Value> {
      if (spoiled_) return fail(*spoiled_);
      if (!is_open_) open();
      if (treatment == Fresh::written_first) write_fresh();
      return body();
    });
    if (!result) spoil(result.error());
    return result;
  }
  void spoil(const Error& error) {
    if (!spoiled_) spoiled_ = error;
  }
  // May throw SQLite::Exception.
  void open();
  void write_what_waits();
  void write_number(std::uint64_t round);
  enum class Ended : std::uint8_t { recorded, committed };
  // In the redo log where the round fits there, else in the file.
  [[nodiscard]] Result<Ended> end_open_round();
  // All there is, in the file.
  [[nodiscard]] Result<void> commit();
  // After commit(): moves the log and syncs. After a failure: undoes.
  [[nodiscard]] Result<void> close(const std::optional<Error>& failed);
  void empty_log();
  void move_log();
  // A failed sync stays: what the disk holds is not known any more.
  [[nodiscard]] Result<void> sync();
  // What the redo log has is repeated.
  void undo(const Error& error);
  // Nothing is written from now on.
  void break_with(Error error);
  void remember(const Error& error);
  std::uint64_t published_ = 0;  // the newest round that readers of the file see
  bool is_full_ = false;         // the disk, when it was last written: nothing more waits
  bool reading_ = false;
  bool is_open_ = false;          // a transaction
  bool in_round_ = false;         // everything is part of one transaction
  bool is_part_ = false;          // within together() in a round
  std::optional<Error> spoiled_;  // a part of the open one failed
};

}  // namespace keruen::store
