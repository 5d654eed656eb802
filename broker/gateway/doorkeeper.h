// Decides at the door which CURVE key may connect: the answering half of ZeroMQ's ZAP.
// Shape: the frames of one ZAP request in, those of its reply out; no socket here.
// Threads: the core's.
// Source: ZeroMQ RFC 27 (ZAP 1.0).
//
// Fails closed: anything but a well-formed request of our domain with mechanism CURVE and a key
// that is admitted is answered 400. The user id of an admitted connection is the key's id in
// hexadecimal, which ZeroMQ then hands over with every payload.
#pragma once

#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include "broker/stations.h"

namespace keruen::host {
class Journal;
}

namespace keruen::gateway {

inline constexpr std::string_view kZapDomain = "keruen";

class Doorkeeper {
 public:
  // Whether the directory as it is now knows this transport key.
  using Admits = std::function<bool(const KeyId& transport_key)>;

  Doorkeeper(Admits admits, host::Journal& journal)
      : admits_(std::move(admits)), journal_(journal) {}

  // Empty: the request does not even say what to answer to.
  [[nodiscard]] std::vector<Bytes> answer(const std::vector<Bytes>& request, MonotonicTime now);
  // Keeps this key out until then.
  void shut(const KeyId& transport_key, MonotonicTime until);

 private:
  [[nodiscard]] bool is_shut(const KeyId& transport_key, MonotonicTime now);
  void report(std::string_view name, std::string_view address, std::string_view why,
              MonotonicTime now);

  Admits admits_;
  host::Journal& journal_;
  std::map<KeyId, MonotonicTime> shut_;
  // A refused client comes back at once, for ever: each is named once a minute.
  std::map<std::string, MonotonicTime, std::less<>> reported_;
};

}  // namespace keruen::gateway
