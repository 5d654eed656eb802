#include "tests/support/test_broker.h"

#include "broker/directory_copy.h"

namespace keruen {

Result<void> TestBroker::open_log() {
  KERUEN_TRY(auto key, certs::SigningKeyPair::from_seed(exchange_.log_key().seed()));
  KERUEN_TRY(signer_,
             log::CheckpointSigner::open(disk_, "guard", exchange_.origin(), std::move(key),
                                         log::CheckpointSigner::MissingGuard::refuse));
  log::LogOptions options;
  options.directory = "log";
  options.segment_bytes = segment_bytes_;
  options.batches_kept = batches_kept_;
  options.guarded_size = signer_->guarded_size();
  options.checksum_seed = 5;
  KERUEN_TRY(log_, log::Log::open(disk_, options, journal_));
  KERUEN_CHECK(signer_->check(*log_));
  KERUEN_TRY(index_, index::Index::open(index_path_, journal_));
  if (index_reserve_bytes_ > 0) KERUEN_CHECK(index_->reserve(disk_, index_reserve_bytes_));
  KERUEN_TRY(station_, broker::LogStation::open(*log_, *index_, exchange_.origin(),
                                                exchange_.authorities(), journal_));
  KERUEN_TRY(reader_,
             broker::ReaderStation::open(*log_, index_path_, exchange_.origin(), journal_));
  KERUEN_TRY(caretaker_, broker::Caretaker::open(*log_, index_path_, 0, journal_));
  return {};
}

Result<void> TestBroker::start(Now now) {
  kill();
  stopped_because_.reset();
  KERUEN_CHECK(open_log());
  if (!station_->directory().newest_registry()) {
    auto first = exchange_.founding().front();
    const broker::Submission submission =
        broker::SubmittedSnapshot{std::nullopt, std::get<wire::UnverifiedSnapshot>(first)};
    for (const auto& event : station_->process({submission}, now)) {
      const auto* outcome = std::get_if<broker::RecordOutcome>(&event);
      if (outcome != nullptr && outcome->answer.refused) {
        return fail(*outcome->answer.refused, "the first registry is refused");
      }
    }
  }
  broker::LogAtStart at_start{station_->heads(), log_->size(), log_->newest_accepted_at(), {}};
  if (log_->size().value > 0) {
    KERUEN_TRY(at_start.newest, signer_->sign(*log_, log_->size()));
  }
  KERUEN_TRY(auto directory,
             broker::copy_directory(station_->directory(), exchange_.authorities()));
  broker::ExchangeOptions options;
  options.origin = exchange_.origin();
  core_ = std::make_unique<broker::Exchange>(options, std::move(directory), std::move(at_start),
                                             journal_, now);
  return {};
}

void TestBroker::kill() {
  core_.reset();
  events_.clear();
  connections_.clear();
  shut_.clear();
  caretaker_.reset();
  reader_.reset();
  station_.reset();
  index_.reset();
  log_.reset();
  signer_.reset();
}

std::optional<broker::ConnectionId> TestBroker::connect(const KeyId& transport_key, Now now) {
  if (core_ == nullptr || !core_->admits(transport_key)) return std::nullopt;
  const auto shut = shut_.find(transport_key);
  if (shut != shut_.end() && now.monotonic < shut->second) return std::nullopt;
  const broker::ConnectionId connection{++connections_made_};
  connections_[connection].key = transport_key;
  return connection;
}

void TestBroker::disconnect(broker::ConnectionId connection, Now now) {
  const auto gone = connections_.extract(connection);
  if (gone.empty() || gone.mapped().is_closing) return;
  handle(broker::ConnectionClosed{connection}, now);
}

void TestBroker::take(broker::ConnectionId from, SharedBytes frame, Now now) {
  const auto connection = connections_.find(from);
  if (connection == connections_.end() || connection->second.is_closing) return;
  handle(broker::FrameArrived{from, connection->second.key, std::move(frame)}, now);
}

std::optional<SharedBytes> TestBroker::next_for(broker::ConnectionId connection) {
  const auto found = connections_.find(connection);
  if (found == connections_.end() || found->second.frames.empty()) return std::nullopt;
  auto frame = std::move(found->second.frames.front());
  found->second.frames.pop_front();
  if (found->second.is_closing && found->second.frames.empty()) connections_.erase(found);
  return frame;
}

void TestBroker::take_record(const AgencyId& agency, const wire::SignedRecord& record, Now now) {
  submit(broker::SubmittedRecord{broker::ConnectionId{}, agency, record}, now);
  handle(broker::Tick{}, now);
}

void TestBroker::publish(const wire::UnverifiedSnapshot& registry, Now now) {
  submit(broker::SubmittedSnapshot{std::nullopt, registry}, now);
  handle(broker::Tick{}, now);
}

Result<void> TestBroker::look_after_log(Now now) {
  // Enough for every segment of a test; what is over reads the log again.
  constexpr int kSteps = 200;
  for (int i = 0; i < kSteps; ++i) KERUEN_CHECK(caretaker_->step(now));
  return {};
}

void TestBroker::handle(broker::Event event, Now now) {
  events_.push_back(std::move(event));
  while (core_ != nullptr && !events_.empty()) {
    auto next = std::move(events_.front());
    events_.pop_front();
    for (auto& effect : core_->handle(std::move(next), now)) {
      carry_out(std::move(effect), now);
      if (core_ == nullptr) return;
    }
  }
}

void TestBroker::submit(const broker::Submission& submission, Now now) {
  for (auto& event : station_->process({submission}, now)) events_.push_back(std::move(event));
}

void TestBroker::carry_out(broker::Effect effect, Now now) {
  if (auto* frame = std::get_if<broker::SendFrame>(&effect)) {
    const auto connection = connections_.find(frame->connection);
    if (connection == connections_.end()) return;
    connection->second.frames.push_back(std::move(frame->frame));
  } else if (const auto* closing = std::get_if<broker::CloseConnection>(&effect)) {
    const auto connection = connections_.find(closing->connection);
    if (connection == connections_.end()) return;
    connection->second.is_closing = true;
    if (connection->second.frames.empty()) connections_.erase(connection);
  } else if (const auto* submitted = std::get_if<broker::SubmitToLog>(&effect)) {
    submit(submitted->submission, now);
  } else if (const auto* read = std::get_if<broker::Read>(&effect)) {
    events_.push_back(reader_->answer(read->request, now));
  } else if (const auto* wanted = std::get_if<broker::RequestCheckpoint>(&effect)) {
    if (auto checkpoint = signer_->sign(*log_, wanted->size)) {
      events_.push_back(broker::CheckpointSigned{std::move(*checkpoint)});
    } else {
      events_.push_back(broker::CheckpointNotSigned{checkpoint.error()});
    }
  } else if (const auto* shut = std::get_if<broker::ShutDoor>(&effect)) {
    shut_[shut->transport_key] = shut->until;
  } else {
    stopped_because_ = std::get<broker::StopNow>(std::move(effect)).because;
    kill();
  }
}

}  // namespace keruen
