// The agent's core: what officers ask and what the broker sends, in; frames and answers, out.
// Shape: one event and a moment in, effects out; every step is durable in the store before its
// effects are returned, or, within a round, before the round ends.
// Threads: the engine thread only.   Lifetime: borrows Store, Randomness, Journal.
//
// No socket, no clock, no thread: a test drives engines and a broker's core in one thread.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "agents/engine/requests.h"
#include "certs/key_file.h"
#include "certs/keys.h"
#include "certs/registry.h"
#include "schemas/shared_bytes.h"

namespace keruen::host {
class Disk;
class Journal;
}  // namespace keruen::host
namespace keruen::store {
class Store;
}

namespace keruen::engine {

// ---- events ----
struct LinkUp {};  // connected; the engine answers with a hello
struct LinkDown {
  std::string why;
};
struct FrameReceived {
  SharedBytes frame;
};
struct Tick {};

// ---- effects ----
struct SendFrame {
  SharedBytes frame;
};
// The transport key to connect with changed (rotation), or the endpoint did: reconnect.
struct Reconnect {};
// Something a person must know at once; also an event in the store.
struct Alert {
  std::string text;
};
// The store failed (io_failed, corrupt): nothing more is taken; main says why and ends the process.
struct StopNow {
  Error because;
};
using Effect = std::variant<SendFrame, Reconnect, Alert, StopNow>;

// What the agency's invitation says; the registry's own words count once there is one.
struct EngineOptions {
  AgencyId agency;
  Origin origin;
  certs::Authorities trusted;
  std::vector<SigningPublicKey> log_keys;
  std::string broker_endpoint;
  TransportPublicKey broker_key;
  std::string store_directory;  // whose free space status() tells
  // How long messages stay here after the broker accepted them; empty: for good.
  std::optional<std::chrono::days> keep{};
  // Evidence of a forked log or directory stopped this agent: people have looked at it and decided.
  enum class AfterHalt : std::uint8_t { stay_halted, go_on } after_halt = AfterHalt::stay_halted;
};

// The keys of `agency init`, as main loaded them from their files. Signing and transport keys are
// taken into the store at the first start; the identity key never is.
struct InitialKeys {
  std::optional<certs::SigningKeyPair> identity;  // absent: delegations are not renewed here
  std::optional<certs::SigningKeyPair> signing;
  std::optional<certs::TransportKeyPair> transport;
};

// Where an agent connects to.
struct LinkTarget {
  std::string endpoint;
  TransportPublicKey broker_key;
};

class Engine {
 public:
  // denied: a store of another agency or origin; not_found: no signing or transport key, neither
  // handed in nor in the store; corrupt.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> open(EngineOptions options, InitialKeys keys,
                                                            store::Store& store,
                                                            certs::Randomness& randomness,
                                                            host::Disk& disk,
                                                            host::Journal& journal, Now now);
  ~Engine();

  // What is handled, submitted and asked between the two is one transaction with one sync, the last
  // act of the round: effects and answers leave only after end_round() succeeded (rounds.h).
  // no_space: nothing of the round happened, and the engine begins anew from its store and with a
  // new connection. io_failed, corrupt: the process is to end.
  void begin_round();
  [[nodiscard]] Result<void> end_round(Now now);
  // Readers of the store see what rounds that ended stored (Store::publish). Between rounds;
  // no_space and io_failed as end_round().
  [[nodiscard]] Result<void> publish();
  [[nodiscard]] bool has_unpublished() const;
  // Whether the open round has something to make durable.
  [[nodiscard]] bool round_wrote() const;
  // A full disk refused something, and nothing was stored since.
  [[nodiscard]] bool is_disk_full() const;
  // Whether messages arrived since this was last asked: people wait for them.
  [[nodiscard]] bool take_arrived();

  using Event = std::variant<LinkUp, LinkDown, FrameReceived, Tick>;
  // In order; what follows from all of them is done once.
  [[nodiscard]] std::vector<Effect> handle(std::vector<Event> events, Now now);
  // When handle(Tick) is next needed at the latest (a batch to close, an acknowledgement due).
  [[nodiscard]] MonotonicTime next_tick() const;

  // unknown_agency, denied (names the missing rule), too_large, expired (registry), no_space,
  // duplicate (lower sequence), malformed (key of another message): nothing stored. Otherwise it is
  // durable when this returns.
  [[nodiscard]] Result<Submitted> submit(const SubmitRequest& request, Now now);
  // Several in one transaction, each with its own answer; no_space refuses all.
  [[nodiscard]] std::vector<Result<Submitted>> submit_all(
      const std::vector<const SubmitRequest*>& requests, Now now);
  // What submit() would answer as already_sent, or refuse for its key; empty: neither.
  [[nodiscard]] Result<std::optional<Submitted>> sent_before(const DuplicateKey& once,
                                                             const std::vector<PartyId>& to);
  [[nodiscard]] Result<std::vector<RecallAnswer>> recall(const RecallRequest& request, Now now);
  [[nodiscard]] Result<void> mark_read(const ReadRequest& request, Now now);
  [[nodiscard]] Result<void> mark_processed(const ProcessRequest& request, Now now);
  [[nodiscard]] Status status(Now now) const;
  [[nodiscard]] std::shared_ptr<const certs::Registry> registry() const;  // null before the first
  [[nodiscard]] std::uint64_t newest_event() const;

  [[nodiscard]] LinkTarget link_target() const;
  [[nodiscard]] const certs::TransportKeyPair& transport_key() const;

 private:
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  [[nodiscard]] Result<void> begin_anew(Now now);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::engine
