// Connections that were accepted and on which nothing was heard yet.
// Shape: by their descriptors.   Threads: the core's.
//
// The core watches over connections that have spoken. One that never does, or that ZeroMQ keeps
// aside because it claims the routing id of another, would stay for ever and cost a descriptor and
// memory; an admitted key could open as many as the door lets in (doorkeeper.h), and anybody some
// thousand a second. So they have a time, and are at most so many: whoever has most of them makes
// room.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/stations.h"
#include "schemas/limits.h"
#include "schemas/now.h"

namespace keruen::gateway {

inline constexpr auto kFirstFrameMax = kSilenceMax;
inline constexpr std::size_t kNewcomersMax = 256;  // beside connections that were heard

class Newcomers {
 public:
  struct Newcomer {
    int descriptor;
    std::string peer;
    MonotonicTime came_at;
    // Whoever was admitted up to this one is not it: a descriptor's number is used again at once,
    // and frames of the connection that had it before may still come.
    broker::ConnectionId last_before = {};
  };
  void came(Newcomer newcomer) {
    const int descriptor = newcomer.descriptor;
    waiting_.insert_or_assign(descriptor, std::move(newcomer));
  }
  // It is gone.
  void forget(int descriptor) { waiting_.erase(descriptor); }
  // It spoke, and is forgotten. Empty: whoever has the descriptor is not this connection, which is
  // over or being shut down.
  [[nodiscard]] std::optional<Newcomer> take(int descriptor, broker::ConnectionId speaker);
  // Where there are more than `most`: so many that some room is made at once, forgotten. Of the
  // host that has most of them the eldest, of equal hosts the eldest of all: whoever comes from
  // elsewhere has its time. An IPv6 network (/64) is one host.
  [[nodiscard]] std::vector<Newcomer> take_surplus(std::size_t most);
  // Those who had their time; they are forgotten.
  [[nodiscard]] std::vector<Newcomer> take_overdue(MonotonicTime now);
  // Those of which so much was read, and no message; they are forgotten.
  [[nodiscard]] std::vector<Newcomer> take_unfinished(std::uint64_t more_than);
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }

 private:
  std::map<int, Newcomer> waiting_;
};

}  // namespace keruen::gateway
