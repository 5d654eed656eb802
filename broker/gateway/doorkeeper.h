// Decides at the door which CURVE key may connect: the answering half of ZeroMQ's ZAP.
// Shape: the frames of one ZAP request in, those of its reply out; no socket here.
// Threads: the core's.
// Source: ZeroMQ RFC 27 (ZAP 1.0).
//
// Fails closed: anything but a well-formed request of our domain with mechanism CURVE and a key
// that is admitted is answered 400. The user id of an admitted connection says whose key it is and
// which connection, and ZeroMQ hands it over with every payload.
//
// One key is admitted kAdmissionsMax times at once, then once each kAdmissionEvery. Each connection
// costs 1.5 MB before it is heard; and each may claim a routing id that ZeroMQ is about to give to
// somebody else, which would end the broker (router.cc). The door does not see what is claimed: the
// routing id in a request is the broker's own. So nobody may try many of 2^32.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/stations.h"

namespace keruen::host {
class Journal;
}

namespace keruen::gateway {

inline constexpr std::string_view kZapDomain = "keruen";
// An agent comes back after seconds; an operator's every command is a connection of its own.
inline constexpr std::size_t kAdmissionsMax = 64;
inline constexpr std::chrono::seconds kAdmissionEvery{2};

// What a user id says. Shape: the key's id in hexadecimal, '/', the connection's number.
// Neither can be claimed by a peer, as its routing id can, and no two connections share it, as they
// may a descriptor.
struct Admission {
  KeyId key;
  broker::ConnectionId connection;
  bool operator==(const Admission&) const = default;
};
[[nodiscard]] std::string user_id_of(const Admission& admission);
// Empty: no user id of ours.
[[nodiscard]] std::optional<Admission> admission_of(std::string_view user_id);

class Doorkeeper {
 public:
  // Whether the directory as it is now knows this transport key.
  using Admits = std::function<bool(const KeyId& transport_key)>;

  Doorkeeper(Admits admits, host::Journal& journal)
      : admits_(std::move(admits)), journal_(journal) {}

  // Empty: the request does not even say what to answer to.
  [[nodiscard]] std::vector<Bytes> answer(const std::vector<Bytes>& request, MonotonicTime now);
  // Numbers are given in the order of admission, from 1.
  [[nodiscard]] broker::ConnectionId last_admitted() const { return last_admitted_; }
  // Keeps this key out until then.
  void shut(const KeyId& transport_key, MonotonicTime until);

 private:
  [[nodiscard]] bool is_shut(const KeyId& transport_key, MonotonicTime now);
  // Counts this one, unless it is one too many.
  [[nodiscard]] bool comes_too_often(const KeyId& transport_key, MonotonicTime now);
  void report(std::string_view name, std::string_view address, std::string_view why,
              MonotonicTime now);

  Admits admits_;
  host::Journal& journal_;
  broker::ConnectionId last_admitted_;
  std::map<KeyId, MonotonicTime> shut_;
  // When the last of its admissions is forgotten: each counts for kAdmissionEvery, one after the
  // other.
  std::map<KeyId, MonotonicTime> admitted_until_;
  // A refused client comes back at once, for ever: each is named once a minute.
  std::map<std::string, MonotonicTime, std::less<>> reported_;
};

}  // namespace keruen::gateway
