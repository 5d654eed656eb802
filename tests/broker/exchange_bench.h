// The whole broker but its socket and its threads, in one thread and virtual time: the core, the
// log's and the reader's stations, the signer, and peers that may say anything.
// Shape: say() hands a peer's frame to the core and carries out what it answers until all is quiet.
// Threads: one.   Lifetime: a Peer lives as long as its bench.
//
// A station can be held back: what it is asked then waits until it is let go. A peer that does not
// read is treated as the gateway treats it: closed once more than a line's worth waits for it.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "broker/exchange.h"
#include "broker/log/checkpoint_signer.h"
#include "tests/broker/station_bench.h"

namespace keruen::broker {

// A connection as its peer sees it.
struct Peer {
  ConnectionId connection;
  KeyId key;
  std::vector<wire::Frame> inbox;
  std::optional<std::string> closed = {};  // by the broker, and why
  enum class Reading : std::uint8_t { yes, no } reading = Reading::yes;
  std::size_t unread_bytes = 0;
};

// A slice that verified against what the agencies know.
struct Delivery {
  wire::DeliverSlice frame;
  certs::VerifiedBatch slice;
};
using Places = std::vector<std::pair<std::uint64_t, std::uint32_t>>;  // (log index, leaf)

class ExchangeBench : public StationBench {
 protected:
  void SetUp() override { start(); }
  // Opens everything; a new log is founded first.
  void start();
  // Ends without a word and starts again on the same disk; every connection is gone.
  void restart();

  // ---- peers ----
  [[nodiscard]] wire::Hello hello() const;
  // Opens a connection; nothing is said on it.
  Peer& dial(const KeyId& key);
  Peer& dial(std::string_view agency) { return dial(exchange.agency(agency).transport.id()); }
  // Dials and says hello.
  Peer& connect(std::string_view agency) { return connect(agency, hello()); }
  Peer& connect(std::string_view agency, const wire::Hello& greeting);
  void say(Peer& peer, const wire::Frame& frame) { say(peer, wire::encode_frame(frame)); }
  void say(Peer& peer, Bytes frame);
  void hang_up(Peer& peer);

  // Frames of one kind, taken out of the inbox.
  template <class Kind>
  std::vector<Kind> take(Peer& peer) {
    std::vector<Kind> taken;
    std::vector<wire::Frame> left;
    for (wire::Frame& frame : peer.inbox) {
      if (auto* wanted = std::get_if<Kind>(&frame)) {
        taken.push_back(std::move(*wanted));
      } else {
        left.push_back(std::move(frame));
      }
    }
    peer.inbox = std::move(left);
    return taken;
  }
  // The only one there must be.
  template <class Kind>
  Kind only(Peer& peer) {
    auto taken = take<Kind>(peer);
    EXPECT_EQ(taken.size(), 1u) << "frames of the kind asked for";
    return taken.empty() ? Kind{} : std::move(taken.front());
  }
  // Submits and answers the one word about this batch.
  wire::BatchAccepted accept(Peer& peer, const TestBatch& batch);
  wire::BatchRefused refuse(Peer& peer, const SharedBytes& batch);
  // A record or a registry, its entries handed over as they are asked for.
  wire::RecordAnswer hand_in(Peer& peer, const TestRecord& record);
  // Logged by the broker and learnt by the agencies.
  void publish(Peer& peer, const TestRecord& record);
  [[nodiscard]] std::vector<Delivery> deliveries(Peer& peer);
  [[nodiscard]] Places places(Peer& peer);

  // ---- time and stations ----
  // Time passes; whoever is connected says so, then the core looks around.
  template <class Rep, class Period>
  void pass(std::chrono::duration<Rep, Period> by) {
    exchange.clock().advance(by);
    keep_alive();
    tick();
  }
  void tick() { happen(Tick{}); }
  void happen(Event event);

  enum class Station : std::uint8_t { log, reader, signer };
  void hold(Station which) { held.insert(which); }
  void let_go(Station which);
  // The log's station looks around, as it does once a second by itself.
  void wake_log();

  std::unique_ptr<log::CheckpointSigner> signer;
  std::unique_ptr<Exchange> core;
  std::map<ConnectionId, Peer> peers;
  std::set<KeyId> shut;          // doors
  std::optional<StopNow> ended;  // what it ended with
  std::size_t busiest_turn_bytes = 0;
  std::vector<Submission> for_log;
  std::deque<ReadRequest> for_reader;

 private:
  [[nodiscard]] Result<void> try_start();
  void found_log();
  void settle();
  [[nodiscard]] bool step();
  void perform(Effect effect);
  void deliver(const SendFrame& sent);
  void keep_alive();

  std::uint64_t connections = 0;
  std::deque<Event> events;
  std::optional<TreeSize> for_signer;
  std::set<Station> held;
};

}  // namespace keruen::broker
