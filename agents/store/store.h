// An agent's store: its one writer. What the agent knows durably is here and nowhere else.
// Shape: one SQLite file, WAL, secure_delete ON (schema.h), beside it the newest rounds
// (redo_log.h) and the contents (content_file.h). Threads: the engine thread only; others read
// through Reader. Lifetime: the Randomness outlives it; one process opens it at a time.
//
// Every public function is one transaction: when it returns without an error all of it is on the
// disk, after an error none of it is; within a round, with the round. Errors: no_space, the disk
// is full: nothing changed, what is stored stays readable; io_failed or corrupt: from then on every
// writing function answers the same, and the process is to end.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "agents/store/records.h"
#include "schemas/host/write_ahead_log.h"

namespace keruen::store {

// What the disk refused or broke, and not what was asked.
[[nodiscard]] bool is_of_the_disk(ErrorCode code);

// Of its write-ahead log; the longest is for a disk slow to sync.
inline constexpr host::WriteAheadLogLengths kLogLengths{4 << 20, 32 << 20, 128 << 20};

class Store {
 public:
  // Makes the file when there is none; contents then stand in files of so many bytes, a multiple of
  // 64 KiB. denied: made with another store key.
  static constexpr std::uint64_t kContentSegmentBytes = 64 << 20;
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(
      const std::string& path, const certs::SecretBytes& store_key, certs::Randomness& randomness,
      std::uint64_t content_segment_bytes = kContentSegmentBytes);
  ~Store();

  // A round: what is written between the two is one transaction, durable when end_round() returns;
  // nothing that rests on it may leave the agent before. no_space: nothing of the round happened,
  // whatever its parts returned; io_failed: the process is to end.
  void begin_round();
  [[nodiscard]] Result<void> end_round();
  // Whether the open round wrote anything.
  [[nodiscard]] bool round_wrote() const;
  // Readers see the rounds that ended before, and may not before: small rounds wait for others, to
  // be written into the file with them. Between rounds. no_space: they still do not.
  [[nodiscard]] Result<void> publish();
  [[nodiscard]] bool has_unpublished() const;

  // Told of each commit how many pages the write-ahead log has, moves them into the file beside the
  // store (host::Backfiller), and says whether the store is to move the rest: then it rests itself.
  // Without a mover the store moves all of it, between two transactions.
  using LogMover = std::function<host::Backfiller::Moved(std::size_t pages)>;
  void on_log_grown(LogMover mover);

  // Everything the call writes through this store is one transaction: if any part of it fails, and
  // be it to read, nothing of it happened. What is submitted and closed in it is written once, in
  // the batch.
  [[nodiscard]] Result<void> together(const std::function<Result<void>()>& parts);
  // Submitted in the transaction that is open, and not closed; none where older ones may wait.
  [[nodiscard]] std::size_t unwritten_bytes(Lane lane) const;

  // ---- the four transactions ----
  // Takes the contents out of the submissions.
  [[nodiscard]] Result<void> submit(const std::vector<Submission*>& submissions, WallTime at);
  [[nodiscard]] Result<StoredBatch> close(const ClosedBatch& batch);
  [[nodiscard]] Result<void> arrive(const Arrival& arrival);
  [[nodiscard]] Result<void> learn(const Learned& learned);

  // ---- sending ----
  // The next ready item of a lane after `after`, in the order of submission.
  [[nodiscard]] Result<std::optional<OutboxItem>> next_outbox(Lane lane, OutboxNumber after);
  [[nodiscard]] Result<std::vector<DueReceipt>> receipts_due(Lane lane, ReceiptNumber after,
                                                             std::size_t most);
  // No recipient of these can be sealed for now.
  [[nodiscard]] Result<void> wait_for_key(const std::vector<OutboxNumber>& items);
  // Keys came: all that wait are ready again.
  [[nodiscard]] Result<void> wake_waiting();
  // Whose keys messages wait for.
  [[nodiscard]] Result<std::vector<AgencyId>> waited_for();
  // The time is known by now: what was submitted before it was, and is not sealed, lives from `at`
  // on for as long as it was to.
  [[nodiscard]] Result<void> begin_lives(WallTime at);
  // The clock they were written by turned out right: they live as they were written.
  [[nodiscard]] Result<void> keep_lives();
  [[nodiscard]] bool has_lives_to_begin() const;
  // Unsealed recipients whose message expired; how many.
  [[nodiscard]] Result<std::size_t> expire_outbox(WallTime at);
  // Accepted ones whose message expired without a receipt. A receipt that comes later still counts.
  [[nodiscard]] Result<void> expire_unconfirmed(WallTime at);
  // Batches below `proved`, by stream and sequence.
  [[nodiscard]] Result<std::vector<StoredBatch>> unfinished_batches();
  // All of a stream with a sequence above `after`, whatever their status.
  [[nodiscard]] Result<std::vector<StoredBatch>> batches_after(StreamId stream,
                                                               BatchSequence after);
  // The hash of a closed batch; empty: never closed here.
  [[nodiscard]] Result<std::optional<Digest>> batch_hash(StreamId stream, BatchSequence sequence);
  [[nodiscard]] Result<SharedBytes> batch_bytes(BlobNumber blob);
  // The broker lost these: they are to be sent once more.
  [[nodiscard]] Result<void> reopen_batches(const std::vector<BlobNumber>& blobs);
  // The messages and receipts of these closed batches are to be sealed anew; the batches go, and
  // their streams are current no more.
  // What was sealed kDissolveAttemptsMax times is refused with `code` instead.
  [[nodiscard]] Result<void> dissolve(const std::vector<BlobNumber>& blobs, ErrorCode code,
                                      WallTime at);
  // This store is older than what the broker has: everything without a delivered receipt is sealed
  // anew, closed batches go.
  [[nodiscard]] Result<void> start_over(const std::string& words, WallTime at);

  // ---- streams ----
  [[nodiscard]] Result<std::vector<StoredStream>> streams();  // current and unfinished ones
  // Becomes the current one of its lane and kind.
  [[nodiscard]] Result<void> open_stream(const StoredStream& stream);
  [[nodiscard]] Result<std::uint64_t> streams_opened_since(WallTime since);
  [[nodiscard]] Result<std::optional<PairHead>> pair_out(StreamId stream, const AgencyId& agency);

  // ---- receiving ----
  [[nodiscard]] Result<wire::Cursors> cursors();
  // Of batches of which something arrived, by index.
  [[nodiscard]] Result<std::vector<LogPlace>> unproved_places();
  // From `size` on the log has other entries, or none.
  [[nodiscard]] Result<void> forget_places_from(TreeSize size);
  [[nodiscard]] Result<std::optional<IncomingPair>> pair_in(const AgencyId& agency,
                                                            StreamId stream);
  [[nodiscard]] Result<bool> knows(const AgencyId& sender, const MessageId& id);
  [[nodiscard]] Result<std::vector<Missing>> missing();
  // Entries of which something waits for the proof of their place, however many there are.
  [[nodiscard]] Result<std::set<LogIndex>> entries_to_prove();
  [[nodiscard]] Result<void> count_asked(const std::vector<MissingNumber>& asked);
  [[nodiscard]] Result<void> give_up(const Missing& missing, const Note& note, WallTime at);
  // `from` as for Reader::message.
  [[nodiscard]] Result<std::optional<ReceivedMessage>> received(
      const MessageId& id, const std::optional<AgencyId>& from);

  // ---- sent messages ----
  [[nodiscard]] Result<std::optional<SentMessage>> sent(const MessageId& id);
  // What was last submitted under this key: whether `content` is the same, and which message it
  // became.
  struct OnceAnswer {
    std::uint64_t sequence = 0;
    bool same_content = false;
    MessageId message;
  };
  [[nodiscard]] Result<std::optional<OnceAnswer>> once(const std::string& key,
                                                       const Digest& content);
  // Not yet named ones of `agency` accepted below `below`, in so many of the most urgent lanes;
  // they count as named afterwards.
  [[nodiscard]] Result<std::vector<Unconfirmed>> name_unconfirmed(const AgencyId& agency,
                                                                  LogIndex below,
                                                                  std::size_t lanes);

  // ---- keys, directory, facts ----
  [[nodiscard]] Result<std::vector<OwnKey>> own_keys();
  [[nodiscard]] Result<void> save_keys(const std::vector<OwnKey>& keys);
  [[nodiscard]] Result<void> destroy_key(OwnKeyKind kind, const KeyId& id);
  [[nodiscard]] Result<std::vector<wire::DirectoryLine>> directory_lines();
  [[nodiscard]] Result<void> save_lines(std::uint64_t first,
                                        const std::vector<wire::DirectoryLine>& lines);
  struct StoredRecord {
    Digest hash;
    wire::DirectoryType type = wire::DirectoryType::registry;
    Bytes bytes;  // an encoded signed record or snapshot
  };
  [[nodiscard]] Result<std::vector<StoredRecord>> directory_records();
  [[nodiscard]] Result<void> save_records(const std::vector<StoredRecord>& records);
  [[nodiscard]] Result<std::optional<Bytes>> fact(const std::string& name);
  [[nodiscard]] Result<void> save_fact(const std::string& name, BytesView value);

  // ---- forgetting ----
  // Removes messages, batches and slices, and events, of before: some of them, about `rows_most`
  // rows, the oldest first, up to the first that is younger or still waits for somebody. `now` is
  // the broker's time. The memory that makes a repeat harmless goes with them: they must be older
  // than anything can be that comes again.
  [[nodiscard]] Result<Forgotten> forget_before(WallTime before, WallTime now,
                                                std::uint64_t rows_most);
  // Gives the disk back, in files of kContentSegmentBytes, what had been forgotten and shown to
  // readers when this was last called, or when the store was opened: so much later nobody may still
  // be reading it.
  [[nodiscard]] Result<void> give_back();

  [[nodiscard]] Result<Figures> figures();
  [[nodiscard]] std::uint64_t newest_event() const;
  [[nodiscard]] std::uint64_t file_bytes() const;

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// How often a message is sealed for one recipient who answers that it does not know the prekey.
inline constexpr std::uint32_t kSealAttemptsMax = 3;
// How often at all: a batch the broker never takes must not be made for ever.
inline constexpr std::uint32_t kDissolveAttemptsMax = 16;

}  // namespace keruen::store
