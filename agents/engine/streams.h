// The agent's own streams: where each stands, and which closed batches have no word yet.
// Shape: one current stream per lane and kind of leaves; older ones while batches of theirs wait.
// Threads: the engine thread.   Lifetime: borrows the Desk.
//
// A stream's number is drawn; a new one is opened when there is none, or when what the broker has
// cannot be continued. At most kNewStreamsPerDayMax a day.
#pragma once

#include <deque>
#include <list>
#include <map>

#include "agents/engine/desk.h"

namespace keruen::engine {

// A closed batch between the store and the broker's word.
struct WaitingBatch {
  store::StoredBatch stored;
  bool sent = false;
  SharedBytes bytes{};  // until it is first sent; empty: the store has them
};

// The broker takes nothing of a stream for the moment.
struct PutOff {
  ErrorCode code = ErrorCode::overloaded;  // as it said last
  WallTime since;
  LinkState::WelcomedTime welcomed_for{};  // at that time
};

struct OutStream {
  store::StoredStream stored;
  std::deque<WaitingBatch> waiting;  // ascending, without gaps
  std::map<AgencyId, store::PairHead> pairs;
  // What the broker stated at this connection and could not be acted on yet: nothing goes out.
  std::optional<wire::StreamHead> stated;
  MonotonicTime not_before;  // the broker asked to wait
  std::chrono::milliseconds pause{0};
  std::optional<PutOff> put_off;  // until it takes one

  [[nodiscard]] std::size_t in_flight() const { return waiting.size(); }
  [[nodiscard]] std::uint64_t bytes_in_flight() const;
  [[nodiscard]] std::uint64_t bytes_under_way() const;  // of those sent
};

class Streams {
 public:
  explicit Streams(Desk& desk) : desk_(desk) {}
  [[nodiscard]] Result<void> load();

  // overloaded: too many new ones today.
  [[nodiscard]] Result<OutStream*> current(Lane lane, store::LeafKind leaves, Now now);
  [[nodiscard]] OutStream* find(StreamId id);
  [[nodiscard]] std::list<OutStream>& all() { return streams_; }
  [[nodiscard]] std::uint64_t bytes_under_way() const;
  // The one that has waited longest.
  [[nodiscard]] std::optional<PutOff> put_off() const;
  // Those whose heads a hello asks for.
  [[nodiscard]] std::vector<StreamId> to_name() const;
  // The next leaf of the pair stands after this.
  [[nodiscard]] Result<wire::PairPosition> next_position(OutStream& stream, const AgencyId& agency);
  // Batches are to be sealed anew: the stream is left, its waiting batches go.
  [[nodiscard]] Result<void> dissolve(OutStream& stream, ErrorCode code, Now now);
  [[nodiscard]] Result<void> start_over(const std::string& words, Now now);
  // Connection lost: everything unanswered is to be sent again.
  void forget_sent();
  // The next Welcome states the heads.
  void forget_stated();
  void drop_finished();

 private:
  Desk& desk_;
  std::list<OutStream> streams_;
};

}  // namespace keruen::engine
