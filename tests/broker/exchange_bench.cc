#include "tests/broker/exchange_bench.h"

#include "broker/directory_copy.h"
#include "broker/gateway/connections.h"
#include "certs/hash.h"

namespace keruen::broker {
namespace {

constexpr std::uint64_t kKeepAlive = 0xa11ce;  // the token of pings nobody asked for

}  // namespace

Result<void> ExchangeBench::try_start() {
  KERUEN_CHECK(disk.make_directory("guard"));
  KERUEN_TRY(auto key, certs::SigningKeyPair::from_seed(exchange.log_key().seed()));
  KERUEN_TRY(signer,
             log::CheckpointSigner::open(disk, "guard/guard", exchange.origin(), std::move(key),
                                         log::CheckpointSigner::MissingGuard::accept));
  KERUEN_CHECK(try_open());
  KERUEN_CHECK(signer->check(*log));
  if (log->size().value == 0) found_log();
  KERUEN_TRY(auto newest, signer->sign(*log, log->size()));
  KERUEN_TRY(auto directory_of_core, copy_directory(station->directory(), exchange.authorities()));
  ExchangeOptions options;
  options.origin = exchange.origin();
  options.is_clock_right = is_clock_right;
  core = std::make_unique<Exchange>(
      options, std::move(directory_of_core),
      LogAtStart{station->heads(), log->size(), log->newest_accepted_at(), std::move(newest)},
      journal, exchange.clock().now());
  return {};
}

void ExchangeBench::start() { ASSERT_THAT(try_start(), IsOk()); }

void ExchangeBench::found_log() {
  for (const TestRecord& record : exchange.founding()) {
    const auto logged = process({submission(record)});
    const auto& outcome = std::get<RecordOutcome>(logged.front());
    ensure(outcome.logged != nullptr, "the founding is logged");
    exchange.learn(outcome.logged->line, record);
  }
}

void ExchangeBench::restart() {
  core.reset();
  signer.reset();
  close();
  for (auto& [id, peer] : peers) peer.closed.emplace("the broker went away");
  events.clear();
  for_log.clear();
  for_reader.clear();
  for_signer.reset();
  ended.reset();
  start();
}

// ---- peers ----

wire::Hello ExchangeBench::hello() const {
  wire::Hello greeting;
  greeting.versions = {wire::kProtocolVersion};
  greeting.suites = {wire::Suite::x25519_chacha20poly1305_ed25519};
  greeting.frame_bytes_max = kFrameBytesMax;
  greeting.directory_count = exchange.directory().position().count;
  greeting.credit_bytes = kCreditBytesDefault;
  return greeting;
}

Peer& ExchangeBench::dial(const KeyId& key) {
  const ConnectionId id{++connections};
  return peers.emplace(id, Peer{id, key, {}}).first->second;
}

Peer& ExchangeBench::connect(std::string_view agency, const wire::Hello& greeting) {
  Peer& peer = dial(agency);
  say(peer, greeting);
  return peer;
}

void ExchangeBench::say(Peer& peer, Bytes frame) {
  if (peer.closed) return;
  happen(FrameArrived{peer.connection, peer.key, SharedBytes(std::move(frame))});
}

void ExchangeBench::hang_up(Peer& peer) {
  peer.closed.emplace("hung up");
  happen(ConnectionClosed{peer.connection});
}

wire::BatchAccepted ExchangeBench::accept(Peer& peer, const TestBatch& batch) {
  say(peer, wire::SubmitBatch{batch.bytes});
  EXPECT_EQ(take<wire::BatchRefused>(peer).size(), 0u);
  return only<wire::BatchAccepted>(peer);
}

wire::BatchRefused ExchangeBench::refuse(Peer& peer, const SharedBytes& batch) {
  say(peer, wire::SubmitBatch{batch});
  EXPECT_EQ(take<wire::BatchAccepted>(peer).size(), 0u);
  return only<wire::BatchRefused>(peer);
}

wire::RecordAnswer ExchangeBench::hand_in(Peer& peer, const TestRecord& record) {
  const auto* snapshot = std::get_if<wire::UnverifiedSnapshot>(&record);
  if (snapshot == nullptr) {
    say(peer, wire::SubmitRecord{std::get<wire::SignedRecord>(record)});
    return only<wire::RecordAnswer>(peer);
  }
  std::map<Digest, Bytes> entries;
  wire::SubmitSnapshot submitted{snapshot->head, snapshot->signatures, {}};
  for (const Bytes& entry : snapshot->entries) {
    submitted.entries.push_back(certs::sha256(entry));
    entries[submitted.entries.back()] = entry;
  }
  say(peer, submitted);
  for (auto fetches = take<wire::FetchEntries>(peer); !fetches.empty();
       fetches = take<wire::FetchEntries>(peer)) {
    // What does not fit one frame is asked for again.
    wire::Entries answer;
    std::size_t bytes = 0;
    for (const Digest& hash : fetches.front().hashes) {
      bytes += entries.at(hash).size();
      if (bytes > kFrameBytesMax / 2 && !answer.entries.empty()) break;
      answer.entries.push_back(entries.at(hash));
    }
    say(peer, answer);
  }
  return only<wire::RecordAnswer>(peer);
}

void ExchangeBench::publish(Peer& peer, const TestRecord& record) {
  const auto answer = hand_in(peer, record);
  ASSERT_EQ(answer.refused, std::nullopt);
  exchange.learn(exchange.line_of(record, answer.index), record);
}

std::vector<Delivery> ExchangeBench::deliveries(Peer& peer) {
  std::vector<Delivery> result;
  for (auto& frame : take<wire::DeliverSlice>(peer)) {
    const auto decoded = wire::decode_batch(frame.slice);
    EXPECT_THAT(decoded, IsOk());
    if (!decoded) continue;
    auto slice = certs::verify_slice(
        *decoded, exchange.origin(), [&](const AgencyId& sender, const KeyId& id) {
          const auto key = exchange.directory().signing_key(sender, id);
          return key ? std::optional(key->key) : std::nullopt;
        });
    EXPECT_THAT(slice, IsOk());
    if (slice) result.push_back({std::move(frame), std::move(*slice)});
  }
  return result;
}

Places ExchangeBench::places(Peer& peer) {
  Places found;
  for (const Delivery& delivery : deliveries(peer)) {
    for (const auto& leaf : delivery.slice.leaves) {
      found.emplace_back(delivery.frame.index.value, leaf.number);
    }
  }
  return found;
}

// ---- time and stations ----

void ExchangeBench::keep_alive() {
  for (auto& [id, peer] : peers) say(peer, wire::Ping{kKeepAlive});
}

void ExchangeBench::let_go(Station which) {
  held.erase(which);
  settle();
}

void ExchangeBench::wake_log() {
  for (LogEvent& event : station->process({}, exchange.clock().now())) {
    events.emplace_back(std::move(event));
  }
  settle();
}

void ExchangeBench::happen(Event event) {
  events.push_back(std::move(event));
  settle();
}

void ExchangeBench::settle() {
  while (step()) {
  }
}

bool ExchangeBench::step() {
  const Now now = exchange.clock().now();
  if (!events.empty()) {
    Event event = std::move(events.front());
    events.pop_front();
    std::size_t bytes = 0;
    for (Effect& effect : core->handle(std::move(event), now)) {
      if (const auto* sent = std::get_if<SendFrame>(&effect)) bytes += sent->frame.size();
      perform(std::move(effect));
    }
    busiest_turn_bytes = std::max(busiest_turn_bytes, bytes);
    return true;
  }
  if (!for_log.empty() && !held.contains(Station::log)) {
    for (LogEvent& event : station->process(std::exchange(for_log, {}), now)) {
      events.emplace_back(std::move(event));
    }
    return true;
  }
  if (!for_reader.empty() && !held.contains(Station::reader)) {
    const ReadRequest request = std::move(for_reader.front());
    for_reader.pop_front();
    events.emplace_back(reader->answer(request, now));
    return true;
  }
  if (for_signer && !held.contains(Station::signer)) {
    auto checkpoint = signer->sign(*log, *std::exchange(for_signer, std::nullopt));
    if (checkpoint) {
      events.emplace_back(CheckpointSigned{std::move(*checkpoint)});
    } else {
      events.emplace_back(CheckpointNotSigned{checkpoint.error()});
    }
    return true;
  }
  return false;
}

void ExchangeBench::perform(Effect effect) {
  if (const auto* sent = std::get_if<SendFrame>(&effect)) {
    deliver(*sent);
  } else if (auto* closing = std::get_if<CloseConnection>(&effect)) {
    Peer& peer = peers.at(closing->connection);
    if (!peer.closed) peer.closed = std::move(closing->reason);
    events.emplace_back(ConnectionClosed{closing->connection});
  } else if (auto* submitted = std::get_if<SubmitToLog>(&effect)) {
    for_log.push_back(std::move(submitted->submission));
  } else if (auto* read = std::get_if<Read>(&effect)) {
    for_reader.push_back(std::move(read->request));
  } else if (const auto* wanted = std::get_if<RequestCheckpoint>(&effect)) {
    for_signer = wanted->size;
  } else if (const auto* door = std::get_if<ShutDoor>(&effect)) {
    shut.insert(door->transport_key);
  } else {
    EXPECT_FALSE(ended.has_value()) << "it ends once";
    ended = std::get<StopNow>(std::move(effect));
  }
}

void ExchangeBench::deliver(const SendFrame& sent) {
  Peer& peer = peers.at(sent.connection);
  if (peer.closed) return;
  EXPECT_LE(sent.frame.size(), kFrameBytesMax);
  if (peer.reading == Peer::Reading::no) {
    peer.unread_bytes += sent.frame.size();
    if (peer.unread_bytes > gateway::kLineBytesMax) {
      peer.closed.emplace("does not read what it is sent");
      events.emplace_back(ConnectionClosed{peer.connection});
    }
    return;
  }
  auto frame = wire::decode_frame(sent.frame);
  ASSERT_THAT(frame, IsOk());
  const auto* pong = std::get_if<wire::Pong>(&*frame);
  if (pong == nullptr || pong->token != kKeepAlive) peer.inbox.push_back(std::move(*frame));
}

}  // namespace keruen::broker
