#include "broker/gateway/router.h"

#include <zmq.h>

#include "schemas/host/clock.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_journal.h"

namespace keruen::gateway {
namespace {

// A DEALER that sends whatever it is told.
class RawPeer {
 public:
  RawPeer(const std::string& endpoint, const TransportPublicKey& server,
          const certs::TransportKeyPair& own) {
    const int none = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &none, sizeof(none));
    zmq_setsockopt(socket_, ZMQ_CURVE_SERVERKEY, server.bytes.data(), 32);
    zmq_setsockopt(socket_, ZMQ_CURVE_PUBLICKEY, own.public_key().bytes.data(), 32);
    zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, own.secret().data(), 32);
    zmq_connect(socket_, endpoint.c_str());
  }
  ~RawPeer() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;
  void send(std::string_view text, int flags = 0) {
    zmq_send(socket_, text.data(), text.size(), flags | ZMQ_DONTWAIT);
  }

 private:
  void* context_ = zmq_ctx_new();
  void* socket_ = zmq_socket(context_, ZMQ_DEALER);
};

class RouterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RouterOptions options;
    options.endpoint = "tcp://127.0.0.1:*";
    KERUEN_ASSERT_OK(
        router_,
        Router::bind(
            options, server_, [this](const KeyId& key) { return key == known_.id(); }, journal_));
  }
  // The first `count` arrivals, or those of so many rounds.
  std::vector<Arrival> receive(std::size_t count, int rounds) {
    std::vector<Arrival> all;
    for (int i = 0; i < rounds && all.size() < count; ++i) {
      router_->wait({}, std::chrono::milliseconds{20});
      for (auto& arrival : router_->receive(clock_.now())) all.push_back(std::move(arrival));
    }
    return all;
  }

  certs::SystemRandomness randomness_;
  certs::TransportKeyPair server_ = certs::TransportKeyPair::generate(randomness_);
  certs::TransportKeyPair known_ = certs::TransportKeyPair::generate(randomness_);
  certs::TransportKeyPair unknown_ = certs::TransportKeyPair::generate(randomness_);
  MemoryJournal journal_;
  host::SystemClock clock_;
  std::unique_ptr<Router> router_;
};

TEST_F(RouterTest, HandsOverAFrameWithTheKeyThatCurveVouchesFor) {
  RawPeer peer(router_->endpoint(), server_.public_key(), known_);
  peer.send("a frame");
  const auto arrivals = receive(1, 500);
  ASSERT_EQ(arrivals.size(), 1u);
  const auto& frame = std::get<broker::FrameArrived>(arrivals.front());
  EXPECT_EQ(frame.transport_key, known_.id());
  EXPECT_EQ(text_of(frame.frame.view()), "a frame");
}

TEST_F(RouterTest, LetsAnUnknownKeyNotIn) {
  RawPeer peer(router_->endpoint(), server_.public_key(), unknown_);
  peer.send("a frame");
  EXPECT_TRUE(receive(1, 25).empty());
}

TEST_F(RouterTest, DropsAPeerThatSendsSeveralFramesInOneMessage) {
  RawPeer peer(router_->endpoint(), server_.public_key(), known_);
  peer.send("one", ZMQ_SNDMORE);
  peer.send("two");
  const auto arrivals = receive(1, 500);
  ASSERT_FALSE(arrivals.empty());
  EXPECT_TRUE(std::holds_alternative<broker::ConnectionClosed>(arrivals.front()));
}

}  // namespace
}  // namespace keruen::gateway
