// Brings the agent's directory up to the broker's: lines first, then the records they name.
// Shape: FetchDirectory → lines; FetchSnapshot → head → FetchEntries for what changed;
// FetchRecords. Threads: the engine thread.   Lifetime: borrows the Desk.
//
// Lines are stored as they come, records as they verify. A head that differs at the same count is
// evidence that the broker shows two directories: the agent keeps both and takes nothing more. What
// a line names and the broker does not give is told to people, and whom it may concern is neither
// trusted nor written to meanwhile: it may be a suspension. What stands behind other frames on a
// thin line is not taken for withheld.
#pragma once

#include <map>
#include <set>

#include "agents/engine/desk.h"
#include "certs/snapshot_assembly.h"

namespace keruen::engine {

class DirectorySync {
 public:
  explicit DirectorySync(Desk& desk) : desk_(desk) {}
  // What the store holds.
  [[nodiscard]] Result<void> load();

  void forget_asked();
  void welcome(const wire::DirectoryPosition& broker, Turn& turn);
  void lines(const wire::DirectoryLines& frame, Turn& turn);
  void records(const wire::Records& frame, Turn& turn);
  void snapshot_head(const wire::SnapshotHead& frame, Turn& turn);
  void entries(const wire::Entries& frame, Turn& turn);
  void tick(Turn& turn);

  // Everything the broker's Welcome counted is here, records included.
  [[nodiscard]] bool is_complete() const;
  // Something was asked for, and the broker has not left question after question unanswered.
  [[nodiscard]] bool may_still_come() const;
  // The broker stated more lines than are here.
  [[nodiscard]] bool lines_to_come() const;
  void want_lines(Turn& turn);
  // True once after records or lines were added.
  [[nodiscard]] bool take_changed();

 private:
  // Of each kind one is open at a time: lines, and what they name.
  struct Question {
    std::optional<MonotonicTime> asked_at;  // empty: none is open
    std::size_t unanswered = 0;             // one after the other
  };
  void ask(Question& question, const wire::Frame& frame, Turn& turn);
  // The open one has no answer, and none is on its way: it is open no more, and counted.
  [[nodiscard]] bool lapses(Question& question, MonotonicTime now);
  void append(const wire::DirectoryLines& frame, Turn& turn);
  // For lines that are to come, else for what is missing of those that came.
  void go_on(Turn& turn);
  void ask_missing(Turn& turn);
  void ask_entries(Turn& turn);
  void ask_again(Turn& turn);
  [[nodiscard]] bool supply(const wire::SignedRecord& record, Turn& turn);
  void supply_held(Turn& turn);
  void finish_snapshot(Turn& turn);
  void refuse_snapshot(const Digest& head, const Error& error, Turn& turn);
  void name_withheld(const std::set<Digest>& records, Turn& turn);
  // Not asked for any more, for a while.
  void give_up(const Digest& record, Turn& turn);
  void fork(std::string text, const Digest& ours, const Digest& theirs, Turn& turn);

  Desk& desk_;
  std::optional<wire::DirectoryPosition> broker_;
  DirectoryCount stated_;  // by the broker, on this connection
  Question lines_question_;
  Question record_question_;
  std::set<Digest> asked_;  // a registry, or records
  std::optional<certs::SnapshotAssembly> assembly_;
  std::set<Digest> hopeless_;  // on this connection, for kHopelessFor
  MonotonicTime hopeless_until_;
  std::map<Digest, wire::SignedRecord> held_;  // their signer's record is not here yet
  std::set<Digest> named_;                     // to people, as not given or wrong
  std::optional<MonotonicTime> resume_at_;     // lines came, and the disk was full
  bool changed_ = false;
};

}  // namespace keruen::engine
