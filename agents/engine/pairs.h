// Follows the chain of each (sender's stream, this agency): what comes next, what is missing.
// Shape: begin(), one see() for each leaf in order, then commit() once it is stored, or nothing.
// Threads: the engine thread.   Lifetime: borrows the Desk.
//
// A gap is stored through, named at once and asked for again; it never holds anything up.
#pragma once

#include <map>

#include "agents/engine/desk.h"

namespace keruen::engine {

class Pairs {
 public:
  explicit Pairs(Desk& desk) : desk_(desk) {}

  // Everything of one arrival; written by the store with it.
  struct Changes {
    std::map<std::pair<AgencyId, StreamId>, store::IncomingPair> heads;
    std::vector<store::Missing> missing;
    std::vector<store::Missing> changed;
    std::vector<store::MissingNumber> found;
    std::vector<store::Note> notes;
    bool advanced = false;  // some leaf was the next of its pair, or beyond
    // Nothing was learned: all of it was seen before.
    [[nodiscard]] bool is_empty() const {
      return !advanced && missing.empty() && changed.empty() && found.empty() && notes.empty();
    }
  };
  struct Leaf {
    AgencyId sender;
    StreamId stream;
    Lane lane = Lane::routine;
    wire::PairPosition position;
    Digest hash;
    wire::Cursor at;
  };
  // `known` are the gaps on record.
  [[nodiscard]] Result<void> see(const Leaf& leaf, const std::vector<store::Missing>& known,
                                 Changes& changes);
  void commit(const Changes& changes);

 private:
  void close_gap(const Leaf& leaf, const std::vector<store::Missing>& known, Changes& changes);

  Desk& desk_;
  std::map<std::pair<AgencyId, StreamId>, store::IncomingPair> heads_;
};

}  // namespace keruen::engine
