// INTERNAL to agents/engine: the engine's parts, joined.
// Threads: the engine thread.
#pragma once

#include "agents/engine/forgetting.h"
#include "agents/engine/inbox.h"
#include "agents/engine/outbox.h"
#include "agents/engine/recovery.h"

namespace keruen::engine {

struct Engine::State {
  State(Desk desk_given)
      : desk(std::move(desk_given)),
        keyring(desk),
        streams(desk),
        sync(desk),
        checkpoints(desk),
        peers(desk),
        outbox(desk),
        batcher(desk, streams, keyring, checkpoints, pace),
        inbox(desk, keyring, sync, checkpoints, peers),
        recovery(desk, streams, batcher, checkpoints),
        forgetting(desk) {}

  Desk desk;
  Keyring keyring;
  Streams streams;
  Pace pace;
  DirectorySync sync;
  Checkpoints checkpoints;
  Peers peers;
  Outbox outbox;
  Batcher batcher;
  Inbox inbox;
  Recovery recovery;
  Forgetting forgetting;
  MonotonicTime upkeep_at;
  MonotonicTime wake_waiting_at;
  MonotonicTime expiry_at;
  MonotonicTime unconfirmed_at;
  std::uint64_t ping_token = 0;
  Now began;                        // both clocks at the start
  MonotonicTime now;                // of the last call
  bool wake = false;                // something was submitted: a tick is due
  bool gave_link_up = false;        // by ourselves: its end is still to come
  bool wakes_waiting = true;        // a key may be there that messages wait for
  std::optional<Error> failed;      // the store, while a request was served
  std::vector<Effect> unperformed;  // of a submission; the next turn's first

  // From the store, as after a start. Errors: those of Engine::open.
  [[nodiscard]] static Result<std::unique_ptr<State>> load(Desk desk, InitialKeys keys, Now now);

  [[nodiscard]] std::vector<Result<Submitted>> submit(
      const std::vector<const SubmitRequest*>& requests, Now at);
  // Stored, and sealed as far as there is room in flight; or nothing of it.
  [[nodiscard]] Result<std::vector<Result<Submitted>>> submit_together(
      const std::vector<const SubmitRequest*>& requests, Now at);
  void work_came(Now at);
  [[nodiscard]] std::optional<HeldStatus> held(Now at) const;
  // What is over is over for good: one clock that is ahead, the broker's after a power cut, say,
  // does not end it.
  [[nodiscard]] WallTime over_before(Now at) const;
  // Somebody whose key a message waits for has one by now.
  [[nodiscard]] bool a_window_opened(Turn& turn);
  // What waited for us at the broker came, as far as can be told.
  [[nodiscard]] bool has_been_served(Now at) const;
  void wake_up(Now at);

  void on(const LinkUp& event, Turn& turn);
  void on(const LinkDown& event, Turn& turn);
  void on(const FrameReceived& event, Turn& turn);
  void on(const Tick& event, Turn& turn);

  void on(const wire::Welcome& frame, Turn& turn);
  void on(const wire::BatchAccepted& frame, Turn& turn) { recovery.accepted(frame, turn); }
  void on(const wire::BatchRefused& frame, Turn& turn) { recovery.refused(frame, turn); }
  void on(const wire::RecordAnswer& frame, Turn& turn) { keyring.answered(frame, turn); }
  void on(wire::DeliverSlice& frame, Turn& turn);
  void on(const wire::DirectoryLines& frame, Turn& turn) { sync.lines(frame, turn); }
  void on(const wire::Records& frame, Turn& turn) { sync.records(frame, turn); }
  void on(const wire::SnapshotHead& frame, Turn& turn) { sync.snapshot_head(frame, turn); }
  void on(const wire::Entries& frame, Turn& turn) { sync.entries(frame, turn); }
  void on(const wire::Checkpoint& frame, Turn& turn) { checkpoints.checkpoint(frame, turn); }
  void on(const wire::Inclusion& frame, Turn& turn) {
    if (checkpoints.inclusion(frame, turn)) inbox.try_again();
    if (const auto refuted = checkpoints.take_refuted()) inbox.give_up(*refuted, turn);
  }
  void on(const wire::Pong& frame, Turn& turn);
  void on(const wire::Fault& frame, Turn& turn);

  void set_clock(WallTime broker_time, Turn& turn);
  void lose_link(const std::string& why, Turn& turn);
  void give_link_up_when_silent(Turn& turn);
  // Of what was written before this process knew the time. False: they do not begin yet, so that
  // nothing may be called over.
  [[nodiscard]] bool begin_lives(Turn& turn);
  // What every turn ends with.
  void settle(Turn& turn);
};

}  // namespace keruen::engine
