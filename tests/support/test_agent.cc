#include "tests/support/test_agent.h"

namespace keruen {

TestAgent::TestAgent(TestExchange& exchange, std::string_view id, host::Journal& journal)
    : exchange_(exchange),
      id_(agency_named(id)),
      journal_(journal),
      directory_(std::make_unique<TemporaryDirectory>()),
      own_disk_(std::make_unique<host::PosixDisk>()),
      disk_(*own_disk_),
      folder_(directory_->path().string()),
      store_key_(32) {
  exchange_.randomness().fill(store_key_.writable());
}

TestAgent::TestAgent(TestExchange& exchange, std::string_view id, host::Journal& journal,
                     host::Disk& disk, std::string folder)
    : exchange_(exchange),
      id_(agency_named(id)),
      journal_(journal),
      disk_(disk),
      folder_(std::move(folder)),
      store_key_(32) {
  exchange_.randomness().fill(store_key_.writable());
}

TestAgent::~TestAgent() = default;

Result<void> TestAgent::start(Now now, engine::EngineOptions::AfterHalt after_halt) {
  stopped_because_.reset();
  const TestAgency& agency = exchange_.agency(id_.text());
  engine::InitialKeys keys;
  KERUEN_TRY(keys.identity, certs::SigningKeyPair::from_seed(agency.identity.seed()));
  KERUEN_TRY(keys.signing, certs::SigningKeyPair::from_seed(agency.signing.seed()));
  KERUEN_TRY(keys.transport, certs::TransportKeyPair::from_secret(agency.transport.secret()));
  engine::EngineOptions options;
  options.agency = id_;
  options.origin = exchange_.origin();
  options.trusted = exchange_.authorities();
  options.log_keys = {exchange_.log_key().public_key()};
  options.broker_endpoint = "tcp://127.0.0.1:1";
  options.broker_key = exchange_.broker_transport().public_key();
  options.store_directory = folder_;
  options.after_halt = after_halt;
  options.keep = keep_;
  KERUEN_TRY(store_, store::Store::open(store_path(), store_key_, exchange_.randomness(),
                                        kContentSegmentBytes));
  KERUEN_TRY(engine_, engine::Engine::open(std::move(options), std::move(keys), *store_,
                                           exchange_.randomness(), disk_, journal_, now));
  rounds_.emplace(*engine_);
  KERUEN_TRY(reader_, open_reader());
  return {};
}

void TestAgent::kill(TestBroker& broker, Moments now) {
  if (connection_) broker.disconnect(*connection_, now.at_broker);
  connection_.reset();
  outgoing_.clear();
  reader_.reset();
  rounds_.reset();
  engine_.reset();
  store_.reset();
}

void TestAgent::connect(TestBroker& broker, Moments now) {
  outgoing_.clear();
  reconnecting_ = false;
  connection_ = broker.connect(engine_->transport_key().id(), now.at_broker);
  if (connection_) play({engine::LinkUp{}}, now.here);
}

void TestAgent::disconnect(TestBroker& broker, Moments now) {
  if (!connection_) return;
  broker.disconnect(*connection_, now.at_broker);
  connection_.reset();
  outgoing_.clear();
  play({engine::LinkDown{"the line was cut"}}, now.here);
}

bool TestAgent::exchange_frames(TestBroker& broker, Moments now, std::size_t together) {
  if (!connection_) return false;
  bool moved = false;
  // What the broker said before it closed still arrives.
  std::vector<engine::Engine::Event> events;
  for (std::size_t i = 0; i < together; ++i) {
    auto frame = broker.next_for(*connection_);
    if (!frame) break;
    moved = true;
    if (watch_) watch_(Direction::to_agent, frame->view());
    if (auto arrived = as_it_arrives(std::move(*frame))) {
      events.emplace_back(engine::FrameReceived{std::move(*arrived)});
    }
  }
  if (!events.empty()) play(std::move(events), now.here);
  if (!connection_) return true;
  if (!broker.is_open(*connection_)) {
    connection_.reset();
    outgoing_.clear();
    play({engine::LinkDown{"the broker closed the connection"}}, now.here);
    return true;
  }
  if (!outgoing_.empty()) {
    auto frame = std::move(outgoing_.front());
    outgoing_.pop_front();
    ++frames_sent_;
    if (watch_) watch_(Direction::to_broker, frame.view());
    broker.take(*connection_, std::move(frame), now.at_broker);
    moved = true;
  }
  if (reconnecting_) {
    reconnecting_ = false;
    disconnect(broker, now);
    connect(broker, now);
    moved = true;
  }
  return moved;
}

std::optional<SharedBytes> TestAgent::as_it_arrives(SharedBytes frame) {
  if (!lie_) return frame;
  auto decoded = wire::decode_frame(frame);
  ensure(decoded.has_value(), "the broker sends frames that decode");
  const auto told = lie_(std::move(*decoded));
  if (!told) return std::nullopt;
  return SharedBytes(wire::encode_frame(*told));
}

// Every round ends at once: readers see what was done.
void TestAgent::play(std::vector<engine::Engine::Event> events, Now now) {
  auto outcome = rounds_->play({std::move(events), {}, {}}, now);
  if (!outcome.ended) outcome = rounds_->end(now);
  perform(std::move(outcome.effects));
}

Result<engine::Submitted> TestAgent::submit(const engine::SubmitRequest& request, Now now) {
  engine::Rounds::Work work;
  work.submissions.push_back(&request);
  auto outcome = rounds_->play(std::move(work), now);
  perform(std::move(outcome.effects));
  KERUEN_CHECK(outcome.durable);
  return std::move(outcome.answers.front());
}

std::vector<Result<engine::Submitted>> TestAgent::submit_all(
    const std::vector<engine::SubmitRequest>& requests, Now now) {
  std::vector<const engine::SubmitRequest*> each;
  for (const auto& request : requests) each.push_back(&request);
  return engine_->submit_all(each, now);
}

void TestAgent::perform(std::vector<engine::Effect> effects) {
  for (auto& effect : effects) {
    if (auto* frame = std::get_if<engine::SendFrame>(&effect)) {
      if (connection_) outgoing_.push_back(std::move(frame->frame));
    } else if (std::holds_alternative<engine::Reconnect>(effect)) {
      reconnecting_ = true;
    } else if (auto* alert = std::get_if<engine::Alert>(&effect)) {
      alerts_.push_back(std::move(alert->text));
    } else {
      stopped_because_ = std::get<engine::StopNow>(std::move(effect)).because;
    }
  }
}

}  // namespace keruen
