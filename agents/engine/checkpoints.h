// What the log proves: the newest checkpoint seen, and that batches stand in it, own ones that the
// broker accepted and others' that it delivered.
// Shape: notes are C2SP signed notes; proofs RFC 9162.
// Threads: the engine thread.   Lifetime: borrows the Desk.
//
// A note is kept only with a proof that it extends the one before. One this log signed that does
// not, a batch that is not where the broker said, or a peer that saw another log: evidence is kept,
// people are told, nothing more is taken. What peers saw is in their statements; a root of a size
// that was never shown here is one of our log if the broker proves it, and it is asked to.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "agents/engine/desk.h"
#include "certs/checkpoint.h"

namespace keruen::engine {

inline constexpr std::chrono::minutes kProofWithin{10};

class Checkpoints {
 public:
  explicit Checkpoints(Desk& desk) : desk_(desk) {}
  [[nodiscard]] Result<void> load();

  [[nodiscard]] const std::string& note() const { return note_; }
  [[nodiscard]] wire::CheckpointSeen seen() const;

  void checkpoint(const wire::Checkpoint& frame, Turn& turn);
  // True: what was refused for want of room may be taken now.
  [[nodiscard]] bool inclusion(const wire::Inclusion& frame, Turn& turn);
  // Places are to be proved within kProofWithin; only the time counts in which the broker serves
  // us.
  void accepted(store::BlobNumber blob, const store::LogPlace& place, Turn& turn);
  // False, and nothing may be taken of it now: the broker said otherwise of this entry, or so much
  // is unproved that more would have no bound.
  [[nodiscard]] bool delivered(const store::LogPlace& place, Turn& turn);
  // Of what may be taken only with it. `awaited`: it is asked for until it is given; `refused`: as
  // delivered(). What was given is kept while it is wanted.
  enum class Proof : std::uint8_t { given, awaited, refused };
  [[nodiscard]] Proof require_proof(const store::LogPlace& place, Turn& turn);
  void keep_proved(const std::set<LogIndex>& wanted);
  [[nodiscard]] bool awaits(LogIndex index) const { return required_.contains(index); }
  // Once: whose required proof was false.
  [[nodiscard]] std::optional<LogIndex> take_refuted() { return std::exchange(refuted_, {}); }
  // The log has no such entries, or others. The last that was to be proved; empty: none was.
  [[nodiscard]] std::optional<LogIndex> forget_delivered_from(TreeSize size, Turn& turn);
  // The broker lost them: what it said of their places holds no more. With those that stood behind
  // them and no stream names.
  [[nodiscard]] std::vector<store::BlobNumber> lost(std::vector<store::BlobNumber> blobs);
  // Once: from where on the broker said that it lost entries.
  [[nodiscard]] std::optional<LogIndex> take_lost_from() { return std::exchange(lost_from_, {}); }
  void tick(Turn& turn);
  void forget_asked();
  // What a peer's statement says it saw; of each peer one waits until it is proved.
  void compare(const AgencyId& peer, const wire::CheckpointSeen& seen, Turn& turn);

 private:
  static constexpr std::chrono::seconds kPatienceLeast{20};  // with an open question
  struct Unproved {
    store::LogPlace place;
    std::optional<store::BlobNumber> own{};  // our batch; empty: it was delivered
    LinkState::WelcomedTime since{0};
    bool asked = false;  // by an open question
    bool named = false;
  };
  // Asked of the broker and not answered yet.
  struct Question {
    TreeSize size;
    Digest root;  // of the tree of that size
    std::vector<LogIndex> indexes;
    MonotonicTime at;
  };
  // What a peer saw, and the broker has not proved yet to be of the log that is shown here.
  struct Sighting {
    wire::CheckpointSeen seen;
    // What was shown to continue it, and is to be of our log; at first itself.
    certs::Checkpoint reached;
    std::optional<LinkState::WelcomedTime> asked_since{};
    bool named = false;
  };
  [[nodiscard]] std::vector<SigningPublicKey> log_keys() const;
  void adopt(certs::SignedCheckpoint next, Turn& turn);
  // False: the broker said otherwise before, and the agent stops.
  [[nodiscard]] bool agrees(const store::LogPlace& place, Turn& turn);
  [[nodiscard]] bool is_overdue(LinkState::WelcomedTime since) const;
  [[nodiscard]] bool has_room(Turn& turn);
  void ask_proofs(Turn& turn);
  // The next that the tree of this size has and no open question names; they are asked from now on.
  [[nodiscard]] std::vector<LogIndex> take_unasked(TreeSize size);
  // Its places are to be asked for again.
  void take_back(const Question& question);
  // Those too long without an answer: it still counts if it comes.
  void give_up_questions(Turn& turn);
  [[nodiscard]] std::optional<Question> take_question_of(const wire::Inclusion& frame);
  // False: it proves something else, and the agent stops.
  [[nodiscard]] bool take_proof(const Question& question, const wire::InclusionProof& proof,
                                Turn& turn);
  void name_overdue(Turn& turn);
  void write_proved(Turn& turn);
  [[nodiscard]] bool has_proved() const;
  void fork(std::string text, std::string_view other_note, Turn& turn);
  // Empty: the log did not sign it.
  [[nodiscard]] std::optional<certs::SignedCheckpoint> note_of(
      const wire::CheckpointSeen& seen) const;
  // `shown`: the note, or what is said to continue it.
  void fork_of(const AgencyId& peer, const wire::CheckpointSeen& seen, std::string_view shown,
               Turn& turn);
  void compare_next(Turn& turn);
  // Those that reached the newest.
  void settle_sightings(Turn& turn);
  void name_unproved(const AgencyId& peer, Sighting& sighting, Turn& turn);
  // False: the frame is no answer to a question of a comparison.
  [[nodiscard]] bool take_comparison(const wire::Checkpoint& frame,
                                     const certs::SignedCheckpoint& shown, Turn& turn);

  Desk& desk_;
  std::string note_;
  std::optional<certs::SignedCheckpoint> newest_;
  std::map<TreeSize, Digest> roots_;  // of the last ones, to compare with peers
  std::map<LogIndex, Unproved> unproved_;
  std::map<LogIndex, Unproved> required_;                // what is taken only when it is proved
  std::map<LogIndex, store::LogPlace> proved_required_;  // at most kProvedKept
  std::optional<LogIndex> refuted_;
  // On a full disk nothing is noted of what we asked, and a suspended agency may not ask.
  LinkState::WelcomedTime none_owed_until_{0};
  MonotonicTime looked_at_;  // for what is overdue
  std::optional<MonotonicTime> named_at_;
  bool is_full_told_ = false;
  std::deque<Question> questions_;   // open
  std::deque<Question> unanswered_;  // given up
  LogIndex ask_from_;                // whose turn it is
  LogIndex require_from_;            // and of the required ones
  MonotonicTime::duration patience_ = kPatienceLeast;
  MonotonicTime asked_at_;  // for a checkpoint
  std::optional<LogIndex> lost_from_;
  store::Learned proved_;  // not written yet
  MonotonicTime write_proved_at_;
  std::map<AgencyId, Sighting> sightings_;
  AgencyId compared_;                      // whose turn it was
  std::optional<TreeSize> compared_from_;  // the proof that was asked for
  MonotonicTime compare_at_;
};

}  // namespace keruen::engine
