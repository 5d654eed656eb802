// What officers, scripts and the forwarder may ask of the engine, and what it answers.
// Shape: plain values.   Units: bytes, durations.   Threads: values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schemas/content/content.h"
#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::engine {

// A file to travel with a message; read once, while the request is served.
struct Attachment {
  std::string name;  // as the recipient shall see it, ≤ kNameBytesMax, no path
  std::string media_type;
  std::string path;  // where to read it now
};

// The same key with the same content is sent once (see Submitted::Outcome), and again where it
// reached nobody, or not everybody who is in the group by now. With other content it is an update,
// unless its sequence is lower than the one last sent: duplicate.
struct DuplicateKey {
  // never: the first message under the key is the only one, recalled or not; with other content it
  // is malformed.
  enum class Renewal : std::uint8_t { allowed, never };
  std::string key;  // e.g. recipient folder and UID
  Digest content;   // hash of what makes two submissions the same
  std::uint64_t sequence = 0;
  Renewal renewal = Renewal::allowed;
};

struct SubmitRequest {
  // Header, body and manifest; the manifest of attachments is filled in here.
  content::Content content;
  std::vector<PartyId> to;  // agencies and groups; expanded and fixed at submit
  Lane lane = Lane::routine;
  std::optional<std::chrono::seconds> expires_in;  // empty: kExpiryDefault
  std::vector<Attachment> attachments;
  std::optional<DuplicateKey> once;
};
struct Submitted {
  MessageId message;
  std::vector<AgencyId> recipients;
  std::vector<AgencyId> left_out;  // of a group that was named: they are suspended
  WallTime expires_at;
  enum class Outcome : std::uint8_t { stored, already_sent } outcome = Outcome::stored;
};

// Recall reaches the recipients it was not yet sealed for; the others get a sealed recall notice.
struct RecallRequest {
  MessageId message;
};
struct RecallAnswer {
  AgencyId recipient;
  enum class Outcome : std::uint8_t {
    recalled,            // it was not sent yet
    asked_to_disregard,  // they have it, or may get it
    never_reached,       // refused, undeliverable or over before it left; or recalled before
    gone,                // the exchange no longer lists them
  } outcome = Outcome::recalled;
};

struct ReadRequest {
  MessageId message;
  content::Author officer;
  std::optional<AgencyId> from = {};  // whose message, where several agencies used one id
};
struct ProcessRequest {
  MessageId message;
  content::Author officer;
  content::ProcessResult result;
  std::string note;
  std::optional<AgencyId> from = {};
};

// How this agent stands, in figures; words are made of it at the desk.
struct KeyLife {
  enum class Kind : std::uint8_t { signing, transport, prekey, certificate, registry } kind;
  KeyId id;
  WallTime valid_until;
};
// The broker is connected, and nothing goes out.
struct HeldStatus {
  ErrorCode code = ErrorCode::overloaded;
  std::optional<WallTime> since;  // where it is known
  std::string why;                // in words, with what to do
};

struct Status {
  AgencyId agency;
  Origin origin;
  bool connected = false;
  WallTime link_since;                    // of the connection, or of its loss
  std::optional<std::string> link_fault;  // why not, in words
  std::optional<std::chrono::milliseconds>
      clock_ahead;  // of ours over the broker's; empty: not known
  std::vector<KeyLife> keys;
  std::uint64_t store_bytes = 0;
  std::optional<std::chrono::days> keep;  // older messages are forgotten
  std::uint64_t disk_free_bytes = 0;
  std::uint64_t waiting_messages = 0;  // outbox, not yet sealed
  std::uint64_t waiting_parts = 0;     // of files
  std::uint64_t waiting_for_key = 0;
  std::uint64_t unaccepted_batches = 0;  // sealed, no word of the broker yet
  std::optional<WallTime> oldest_waiting;
  std::optional<HeldStatus> held;
  std::uint64_t unread_messages = 0;
  std::vector<std::string> warnings;  // evidence of forks, restored store, withheld messages, …
};

// "kz.customs, kz.prosecutor"
[[nodiscard]] std::string names_of(const std::vector<AgencyId>& agencies);

}  // namespace keruen::engine
