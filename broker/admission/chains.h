// Where every stream stands: the last batch the log took of each.
// Shape: one head per (sender, stream); a stream id alone names nothing, since every recipient of a
// slice sees it. Threads: the log thread only.   Lifetime: owns its heads.
//
// All heads are held in memory: streams are as many as stores were ever made and restored, and a
// quota bounds the new ones of a day. Batches before a head are looked up in the index.
#pragma once

#include <unordered_map>
#include <utility>
#include <vector>

#include "schemas/wire/frame.h"

namespace keruen::admission {

using wire::StreamName;

class Chains {
 public:
  // {stream, 0, zeros} for a stream the log never saw.
  [[nodiscard]] wire::StreamHead head(const StreamName& name) const;
  // The next batch stands in the log, or at start: this is the last one.
  void set_head(const AgencyId& sender, const wire::StreamHead& head);
  // Takes back what set_head did to this stream: `head` as head() gave it before.
  void restore(const AgencyId& sender, const wire::StreamHead& head);
  // Ordered by sender and stream.
  [[nodiscard]] std::vector<std::pair<AgencyId, wire::StreamHead>> heads() const;

 private:
  struct HashOfName {
    std::size_t operator()(const StreamName& name) const noexcept {
      // The id is random, but its sender drew it: the hash must not rest on it alone.
      return std::hash<AgencyId>{}(name.sender) * 31 + std::hash<StreamId>{}(name.stream);
    }
  };
  std::unordered_map<StreamName, wire::StreamHead, HashOfName> heads_;
};

}  // namespace keruen::admission
