// A peer of a broker's socket that does what it is told, proper or not: a ZeroMQ DEALER with any
// mechanism, or a bare TCP connection; and a line on which a peer gets only so much through.
// Units: deadlines are generous; a test that meets one has failed.
// Threads: one each.   Lifetime: owns its own ZeroMQ context, as a process of its own would.
//
// Never reconnects by itself: what became of the one connection can be asked.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "certs/keys.h"

namespace keruen {

// Below kSilenceMax: who waits for something in vain is not dropped for being silent meanwhile.
inline constexpr std::chrono::seconds kPatience{25};

// How a connection's greeting ended, as its own side sees it.
enum class Handshake : std::uint8_t { done, refused };

class HostilePeer {
 public:
  enum class Mechanism : std::uint8_t { null, plain, curve };
  struct Options {
    Mechanism mechanism = Mechanism::curve;
    TransportPublicKey server;                     // CURVE: who is expected there
    const certs::TransportKeyPair* own = nullptr;  // CURVE; borrowed for the constructor
    std::string routing_id;                        // empty: left to the other side
    int frames_in_max = 1000;                      // waiting unread; then it stops reading
    int kernel_bytes = 0;                          // of the kernel's buffer in; 0: its own choice
    bool says_all = false;                         // before it goes; else what is unsent is dropped
  };
  HostilePeer(const std::string& endpoint, const Options& options);
  ~HostilePeer();
  HostilePeer(const HostilePeer&) = delete;
  HostilePeer& operator=(const HostilePeer&) = delete;

  // Waits for the greeting to end one way or the other.
  [[nodiscard]] Handshake handshake();
  // Whether it was let in by now.
  [[nodiscard]] bool is_let_in();
  // Whether the connection ended within kPatience.
  [[nodiscard]] bool is_dropped();

  enum class Part : std::uint8_t { last, more_follows };
  void send(BytesView frame, Part part = Part::last);
  // Empty: nothing came within `longest`.
  [[nodiscard]] std::optional<Bytes> receive(std::chrono::milliseconds longest = kPatience);

 private:
  struct Sockets;
  [[nodiscard]] std::optional<int> next_event(std::chrono::milliseconds longest = kPatience);
  std::unique_ptr<Sockets> sockets_;
  bool is_let_in_ = false;
  bool is_over_ = false;
};

// The other end of an agent's link: one DEALER that lets in whoever knows its key.
class HostileBroker {
 public:
  explicit HostileBroker(const certs::TransportKeyPair& key);
  ~HostileBroker();
  HostileBroker(const HostileBroker&) = delete;
  HostileBroker& operator=(const HostileBroker&) = delete;

  [[nodiscard]] std::string endpoint() const;
  void send(BytesView frame, HostilePeer::Part part = HostilePeer::Part::last);

 private:
  void* context_;
  void* dealer_;
};

// TCP alone, to 127.0.0.1 and the port of an endpoint.
class RawConnection {
 public:
  // Not yet connected, but with its own descriptor: none that is free later.
  RawConnection();
  explicit RawConnection(const std::string& endpoint);
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  void connect(const std::string& endpoint);
  // Whether the other side said anything within kPatience: it knows of the connection then.
  [[nodiscard]] bool is_greeted();
  // Whatever of it the other side still takes.
  void send(BytesView bytes);
  // Whether the other side closed it within kPatience; what it sent before is read and dropped.
  [[nodiscard]] bool is_closed();

 private:
  int descriptor_ = -1;
};

// A peer's TCP line to 127.0.0.1 and the port of an endpoint, through the test's hands.
class HeldLine {
 public:
  explicit HeldLine(const std::string& endpoint);
  ~HeldLine();
  HeldLine(const HeldLine&) = delete;
  HeldLine& operator=(const HeldLine&) = delete;

  // For one peer.
  [[nodiscard]] std::string endpoint() const;
  // Hands on what there is from either side, of the peer's no more than so much altogether.
  void pass(std::uint64_t peer_bytes_max);
  // Of the peer's, until now.
  [[nodiscard]] std::uint64_t passed_bytes() const { return passed_bytes_; }

 private:
  int listener_;
  int peer_ = -1;  // until it came
  int onward_;
  std::uint64_t passed_bytes_ = 0;
};

}  // namespace keruen
