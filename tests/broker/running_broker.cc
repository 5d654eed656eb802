#include "tests/broker/running_broker.h"

namespace keruen::broker {

void RunningBroker::write_files() {
  const auto registry = exchange.next_registry();
  wire::AuthoritiesEntry authorities;
  for (const auto& root : exchange.authorities().roots) authorities.roots.push_back(root.der);
  authorities.threshold = exchange.authorities().threshold;
  ASSERT_THAT(host::write_file_atomically(disk, path("registry"), wire::encode_snapshot(registry),
                                          host::kSharedMode),
              IsOk());
  ASSERT_THAT(
      host::write_file_atomically(disk, path("authorities"),
                                  wire::encode_registry_entry(authorities), host::kSharedMode),
      IsOk());
  exchange.learn(exchange.line_of(registry, LogIndex{0}), registry);
}

host::BrokerConfig RunningBroker::config() const {
  host::BrokerConfig config;
  config.origin = exchange.origin();
  config.endpoint = "tcp://127.0.0.1:*";
  config.log_directory = path("log");
  config.segment_bytes = host::kSegmentBytesMin;
  config.guard_file = path("guard/guard");
  config.index_file = path("index/index.sqlite");
  config.registry_file = path("registry");
  config.authorities_file = path("authorities");
  return config;
}

void RunningBroker::start() {
  KERUEN_ASSERT_OK(stop_, host::Wake::make());
  BrokerKeys keys{*certs::TransportKeyPair::from_secret(exchange.broker_transport().secret()),
                  *certs::SigningKeyPair::from_seed(exchange.log_key().seed())};
  KERUEN_ASSERT_OK(
      broker_, Broker::open(config(), std::move(keys), log::CheckpointSigner::MissingGuard::refuse,
                            {disk, clock_, journal, randomness_}));
  endpoint = broker_->endpoint();
  thread_ = std::thread([this] { ended_ = broker_->run(stop_->descriptor()); });
}

void RunningBroker::SetUp() {
  write_files();
  if (!HasFatalFailure()) start();
  honest_stream_ = exchange.open_stream(kHonest);
}

Result<void> RunningBroker::stop() {
  stop_->ring();
  thread_.join();
  broker_.reset();
  return std::exchange(ended_, {});
}

void RunningBroker::TearDown() {
  honest_.reset();
  if (!thread_.joinable()) return;
  EXPECT_THAT(stop(), IsOk());
}

HostilePeer::Options RunningBroker::options_of(std::string_view agency) {
  HostilePeer::Options options;
  options.server = exchange.broker_transport().public_key();
  options.own = &exchange.agency(agency).transport;
  return options;
}

wire::Hello RunningBroker::hello() const {
  wire::Hello greeting;
  greeting.versions = {wire::kProtocolVersion};
  greeting.suites = {wire::Suite::x25519_chacha20poly1305_ed25519};
  greeting.frame_bytes_max = kFrameBytesMax;
  greeting.directory_count = exchange.directory().position().count;
  greeting.credit_bytes = kCreditBytesDefault;
  return greeting;
}

void RunningBroker::say(HostilePeer& peer, const wire::Frame& frame) {
  peer.send(wire::encode_frame(frame));
}

std::unique_ptr<HostilePeer> RunningBroker::connect(std::string_view agency) {
  auto peer = std::make_unique<HostilePeer>(endpoint, options_of(agency));
  say(*peer, hello());
  EXPECT_EQ(hear<wire::Welcome>(*peer).origin, exchange.origin());
  return peer;
}

void RunningBroker::expect_an_honest_answer() {
  if (!honest_) honest_ = connect(kHonest);
  const auto batch = exchange.messages(honest_stream_, {{{"kz.border-guard"}}});
  say(*honest_, wire::SubmitBatch{batch.bytes});
  EXPECT_EQ(hear<wire::BatchAccepted>(*honest_).batch, batch.signed_batch.hash);
}

}  // namespace keruen::broker
