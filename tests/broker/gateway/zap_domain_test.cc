// What the whole door rests on in ZeroMQ itself: a CURVE server whose door does not answer lets
// nobody in, if its domain is enforced, and everybody, if not.
// Source: libzmq 4.3.4, ZMQ_ZAP_ENFORCE_DOMAIN in zmq_setsockopt(3).
#include <gtest/gtest.h>
#include <zmq.h>

#include <array>

#include "tests/support/hostile_peer.h"

namespace keruen {
namespace {

constexpr int kZapEnforceDomain = 93;

class ServerWithoutDoor {
 public:
  enum class Domain : std::uint8_t { enforced, as_zeromq_pleases };
  ServerWithoutDoor(const certs::TransportKeyPair& key, Domain domain) {
    const int yes = 1;
    zmq_setsockopt(socket_, ZMQ_CURVE_SERVER, &yes, sizeof(yes));
    zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, key.secret().data(), key.secret().size());
    zmq_setsockopt(socket_, ZMQ_ZAP_DOMAIN, "keruen", 6);
    if (domain == Domain::enforced) {
      // Debian's library knows the option that its header hides.
      EXPECT_EQ(zmq_setsockopt(socket_, kZapEnforceDomain, &yes, sizeof(yes)), 0);
    }
    EXPECT_EQ(zmq_bind(socket_, "tcp://127.0.0.1:*"), 0);
  }
  ~ServerWithoutDoor() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  ServerWithoutDoor(const ServerWithoutDoor&) = delete;
  ServerWithoutDoor& operator=(const ServerWithoutDoor&) = delete;
  [[nodiscard]] std::string endpoint() const {
    std::array<char, 256> bound{};
    std::size_t size = bound.size();
    zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, bound.data(), &size);
    return bound.data();
  }

 private:
  void* context_ = zmq_ctx_new();
  void* socket_ = zmq_socket(context_, ZMQ_ROUTER);
};

class ZapDomainTest : public ::testing::Test {
 protected:
  Handshake handshake_with(ServerWithoutDoor::Domain domain) {
    const ServerWithoutDoor server(server_, domain);
    HostilePeer::Options options;
    options.server = server_.public_key();
    options.own = &anybody_;
    HostilePeer peer(server.endpoint(), options);
    return peer.handshake();
  }
  certs::SystemRandomness randomness_;
  certs::TransportKeyPair server_ = certs::TransportKeyPair::generate(randomness_);
  certs::TransportKeyPair anybody_ = certs::TransportKeyPair::generate(randomness_);
};

TEST_F(ZapDomainTest, LetsNobodyInWithoutADoorWhenEnforced) {
  EXPECT_EQ(handshake_with(ServerWithoutDoor::Domain::enforced), Handshake::refused);
}

// If this fails, ZeroMQ has become safer than it was, and the option may go.
TEST_F(ZapDomainTest, LetsEverybodyInWithoutADoorOtherwise) {
  EXPECT_EQ(handshake_with(ServerWithoutDoor::Domain::as_zeromq_pleases), Handshake::done);
}

}  // namespace
}  // namespace keruen
