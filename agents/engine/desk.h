// INTERNAL to agents/engine: what the engine's parts share, and one turn of its work.
// Threads: the engine thread.   Lifetime: a Turn lives for one call; the Desk as long as the
// engine.
#pragma once

#include <algorithm>

#include "agents/engine/engine.h"
#include "agents/store/store.h"
#include "certs/directory.h"
#include "schemas/host/disk.h"
#include "schemas/host/journal.h"
#include "schemas/limits.h"
#include "schemas/wire/frame.h"

namespace keruen::engine {

// How the connection stands, as far as frames tell.
struct LinkState {
  using WelcomedTime = MonotonicTime::duration;

  bool connected = false;
  bool welcomed = false;  // this connection's Welcome came and was reconciled with the store
  WallTime since;
  std::optional<std::string> fault;
  // What the broker said last against something on this connection.
  struct Refusal {
    std::string words;
    MonotonicTime at;
  };
  std::optional<Refusal> refused;
  std::optional<std::chrono::milliseconds> clock_ahead;
  // The broker's clock and our monotonic one at one moment; empty: not heard by this process yet.
  struct ClockHeard {
    WallTime broker;
    MonotonicTime own;
  };
  std::optional<ClockHeard> clock_heard;
  // A batch was refused for its time since the clocks were last compared and found to agree.
  bool clock_doubted = false;
  MonotonicTime heard_at;
  MonotonicTime pinged_at;
  MonotonicTime welcomed_at;
  // What was asked before this the broker had before it answered a ping, and it answers in order.
  MonotonicTime answered_until;
  // All of it since the start, up to what was heard last: what others owe us counts in it, and not
  // in the time in which nobody could bring it or be asked. A silence counts for no longer than an
  // answer takes: beyond that the line has died unnoticed, or this process stood still.
  WelcomedTime welcomed_for{0};

  void hear(MonotonicTime now) {
    if (welcomed) welcomed_for += std::min<WelcomedTime>(now - heard_at, kPingEvery);
    heard_at = now;
  }
  // What was asked then ought to be here: an answer that stands behind other frames on a thin line
  // is not kept back. A broker that answers no ping either puts it off for no longer than
  // kAnswerWaitMax.
  [[nodiscard]] bool is_overdue(MonotonicTime asked_at, MonotonicTime::duration patience,
                                MonotonicTime now) const;
};
// Three times this, and all that may stand before an answer has come on the thinnest line.
inline constexpr std::chrono::hours kAnswerWaitMax{1};
static_assert(3 * kAnswerWaitMax > kCreditBytesDefault / kSliceBytesMax * kFrameTimeMax);

// Evidence that the broker shows different things to different people.
struct Halt {
  std::string why;
  store::Note note{};
  std::vector<store::Evidence> evidence{};
  bool is_stored = false;  // a full disk may keep it from that for a while
};

inline constexpr std::chrono::hours kClockOffMax{24};

struct Desk {
  EngineOptions options;
  store::Store& store;
  certs::Randomness& randomness;
  host::Disk& disk;
  host::Journal& journal;
  certs::Directory directory;
  LinkState link{};
  bool disk_full = false;
  bool disk_full_told = false;  // until something could be stored again
  bool stopped = false;
  // Nothing is taken or sealed any more until people have decided.
  std::optional<Halt> halted{};
  std::vector<std::string> warnings{};  // newest last, at most kWarningsMax

  void remember_warning(std::string text);

  [[nodiscard]] const AgencyId& self() const { return options.agency; }
  // Nothing but the directory is given to us, and nothing else may be asked.
  [[nodiscard]] bool is_suspended() const;
  // What expiry goes by: the broker's time where it was ever heard, whoever turned this machine's
  // clock since; else this machine's, and not before what the log has.
  [[nodiscard]] WallTime exchange_time(Now now) const {
    if (!link.clock_heard) {
      const auto& lines = directory.lines();
      return lines.empty() ? now.wall : std::max(now.wall, lines.back().accepted_at);
    }
    return link.clock_heard->broker +
           std::chrono::duration_cast<WallTime::duration>(now.monotonic - link.clock_heard->own);
  }
  // A machine whose battery is empty starts in any year: until the broker was heard nothing
  // expires.
  [[nodiscard]] bool knows_time(Now now) const {
    return link.clock_heard && !is_clock_far_off(now);
  }
  // By this machine's clock keys would be made for another time, or destroyed while they are in
  // use, and messages be over before they are sent: nothing of that is done until people have set
  // one of the clocks right.
  [[nodiscard]] bool is_clock_far_off(Now now) const {
    return std::chrono::abs(now.wall - exchange_time(now)) > kClockOffMax;
  }
};
inline constexpr std::size_t kWarningsMax = 32;

// Facts in the store by name.
inline constexpr const char* kFactAgency = "agency";
inline constexpr const char* kFactOrigin = "origin";
inline constexpr const char* kFactNote = "note";
inline constexpr const char* kFactHalted = "halted";

class Turn {
 public:
  Turn(Desk& desk, Now now) : desk_(desk), now_(now) {}

  [[nodiscard]] Now now() const { return now_; }
  void send(const wire::Frame& frame);
  void reconnect() { effects_.push_back(Reconnect{}); }
  // Tells people, of what status() finds out by itself.
  void inform(std::string text) { effects_.push_back(Alert{std::move(text)}); }
  // Tells people and remembers it for status(); the store's event is the caller's.
  void alert(std::string text);
  // The same, and writes the event with its evidence.
  void warn(store::Note note, std::vector<store::Evidence> evidence = {});
  // As inform(), and writes the event.
  void tell(store::Note note, std::vector<store::Evidence> evidence = {});
  // As warn(); and nothing is taken or sealed from now on.
  void halt(std::string text, std::vector<store::Evidence> evidence);
  // What a full disk kept from being stored of it.
  void store_halt();
  // What a failed store means: a full disk is told once, anything else stops the engine.
  void store_failed(const Error& error);
  void store_works();
  // The value, or store_failed and empty.
  template <class Value>
  [[nodiscard]] std::optional<Value> checked(Result<Value> result) {
    if (result) return std::move(*result);
    store_failed(result.error());
    return std::nullopt;
  }
  [[nodiscard]] bool checked(const Result<void>& result) {
    if (!result) store_failed(result.error());
    return result.has_value();
  }
  // The connection they were for is gone, or what they tell of did not happen.
  void drop_frames();
  [[nodiscard]] std::vector<Effect> finish() { return std::move(effects_); }

 private:
  Desk& desk_;
  Now now_;
  std::vector<Effect> effects_;
};

}  // namespace keruen::engine
