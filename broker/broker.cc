#include "broker/broker.h"

#include <filesystem>

#include "broker/core_loop.h"
#include "broker/directory_copy.h"
#include "broker/index/index.h"
#include "broker/log/log.h"
#include "broker/registry_file.h"
#include "schemas/host/clock.h"
#include "schemas/host/disk.h"
#include "schemas/host/open_files.h"
#include "schemas/host/time_service.h"

namespace keruen::broker {
namespace {

// What the index may need while the log still takes receipts: of the segment under way and of the
// next one. Rows of receipts take about a third of their records (measured), those of the few key
// records and registries as much as they do, SQLite's own log 12 MiB at most.
constexpr std::uint64_t kIndexLogBytesMax = 16 * 1024 * 1024;
constexpr std::uint64_t index_reserve_bytes(std::uint64_t segment_bytes) {
  return segment_bytes + kIndexLogBytesMax;
}
// Segments that are read, SQLite, the guard, sockets of ZeroMQ's own, and connections that are not
// yet known.
constexpr std::uint64_t kOwnFilesMax = 512;

// "./log", "/srv/log" and a link to it may be one directory.
bool are_one(const std::string& one, const std::string& other) {
  std::error_code is_missing;
  return std::filesystem::equivalent(one, other, is_missing);
}

}  // namespace

struct Broker::State {
  State(host::BrokerConfig given, Surroundings around, BrokerKeys pairs)
      : config(std::move(given)),
        surroundings(around),
        transport_key(std::move(pairs.transport)),
        log_key(std::move(pairs.log)) {}

  [[nodiscard]] Result<void> open_log(log::CheckpointSigner::MissingGuard missing_guard);
  [[nodiscard]] Result<void> lock_index();
  [[nodiscard]] Result<void> open_stations();
  [[nodiscard]] Result<void> take_registry();
  [[nodiscard]] Result<void> open_exchange();
  [[nodiscard]] std::size_t connections_max();
  void start_threads();
  [[nodiscard]] std::optional<Submission> look_after_files();
  [[nodiscard]] admission::ClockWatch::Confirmation is_clock_right() const {
    using admission::ClockWord;
    if (surroundings.clock_is == ClockIs::right) return {};
    return [] {
      if (host::is_clock_synchronised()) return ClockWord::right;
      return host::uptime() < admission::kTimeServiceStartsWithin ? ClockWord::nothing_yet
                                                                  : ClockWord::nothing;
    };
  }

  host::BrokerConfig config;
  Surroundings surroundings;
  certs::TransportKeyPair transport_key;
  std::optional<certs::SigningKeyPair> log_key;  // until the signer has it
  certs::Authorities trusted;

  // Each borrows from those before it.
  std::unique_ptr<host::Wake> wake;
  std::unique_ptr<log::CheckpointSigner> signer;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<host::DirectoryLock> index_lock;  // empty: the log's holds it
  std::unique_ptr<index::Index> index;
  std::unique_ptr<LogStation> station;
  std::unique_ptr<ReaderStation> reader;
  std::unique_ptr<ReaderStation> operators_reader;
  std::unique_ptr<Caretaker> caretaker;
  std::unique_ptr<RegistryFile> registry_file;
  std::unique_ptr<Exchange> exchange;
  std::unique_ptr<gateway::Router> router;
  std::unique_ptr<LogThread> log_thread;
  std::unique_ptr<ReaderThread> reader_thread;
  std::unique_ptr<SigningThread> signing_thread;
  std::unique_ptr<CareThread> care_thread;
};

Result<void> Broker::State::open_log(log::CheckpointSigner::MissingGuard missing_guard) {
  host::Disk& disk = surroundings.disk;
  KERUEN_CHECK(disk.make_directory(config.log_directory));
  KERUEN_CHECK(disk.make_directory(host::directory_of(config.guard_file)));
  KERUEN_CHECK(disk.make_directory(host::directory_of(config.index_file)));
  KERUEN_TRY(signer, log::CheckpointSigner::open(disk, config.guard_file, config.origin,
                                                 std::move(*log_key), missing_guard));
  log_key.reset();
  log::LogOptions options;
  options.directory = config.log_directory;
  options.segment_bytes = config.segment_bytes;
  options.guarded_size = signer->guarded_size();
  options.checksum_seed = surroundings.randomness.draw_number();
  KERUEN_TRY(log, log::Log::open(disk, options, surroundings.journal));
  return signer->check(*log);
}

// Of two brokers on one index each would empty it of what the other wrote.
Result<void> Broker::State::lock_index() {
  const std::string directory = host::directory_of(config.index_file);
  if (are_one(directory, config.log_directory)) return {};
  auto lock = surroundings.disk.lock_directory(directory);
  if (!lock) {
    return fail(lock.error().code, "the folder of the index: " + lock.error().detail);
  }
  index_lock = std::move(*lock);
  return {};
}

Result<void> Broker::State::open_stations() {
  KERUEN_CHECK(lock_index());
  KERUEN_TRY(index, index::Index::open(config.index_file, surroundings.journal));
  KERUEN_CHECK(index->reserve(surroundings.disk, index_reserve_bytes(config.segment_bytes)));
  KERUEN_TRY(station, LogStation::open(*log, *index, config.origin, trusted, surroundings.journal,
                                       is_clock_right()));
  KERUEN_TRY(reader,
             ReaderStation::open(*log, config.index_file, config.origin, surroundings.journal));
  KERUEN_TRY(operators_reader,
             ReaderStation::open(*log, config.index_file, config.origin, surroundings.journal));
  KERUEN_TRY(caretaker,
             Caretaker::open(*log, config.index_file, surroundings.randomness.draw_number(),
                             surroundings.journal));
  return {};
}

Result<void> Broker::State::take_registry() {
  const auto submission = registry_file->changed(
      [&](const Digest& head) { return station->directory().snapshot(head) != nullptr; },
      surroundings.clock.now());
  if (!submission) {
    // The log's own registry is in force, whatever became of the file.
    if (!station->directory().newest_registry()) return fail(submission.error());
    surroundings.journal.write_error(host::JournalLevel::warning, "registry_file_unreadable",
                                     submission.error());
    return {};
  }
  if (*submission) {
    for (const LogEvent& event : station->process({**submission}, surroundings.clock.now())) {
      if (const auto* fault = std::get_if<LogFault>(&event); fault != nullptr && fault->error) {
        if (fault->error->code == ErrorCode::io_failed) return fail(*fault->error);
        continue;
      }
      registry_file->report(event);
    }
  }
  if (station->directory().newest_registry()) return {};
  return fail(ErrorCode::not_found,
              "there is no registry the authorities signed at " + config.registry_file +
                  ": run `keruen authority publish` and put its registry there");
}

// Connections must leave the log its files: without one more descriptor it cannot be read.
std::size_t Broker::State::connections_max() {
  const std::uint64_t files = host::raise_open_files();
  const std::uint64_t left = files > kOwnFilesMax ? files - kOwnFilesMax : 1;
  if (left >= config.agents_max) return config.agents_max;
  surroundings.journal.write(host::JournalLevel::warning, "few_open_files",
                             {{"open_files_max", files}, {"agents_max", left}});
  return static_cast<std::size_t>(left);
}

Result<void> Broker::State::open_exchange() {
  LogAtStart at_start{
      station->heads(), log->size(), log->newest_accepted_at(), {}, station->refusing()};
  if (log->size().value > 0) {
    auto newest = signer->sign(*log, log->size());
    // On a full disk there is none yet: the core asks for one until there is.
    if (!newest && newest.error().code != ErrorCode::no_space) return fail(newest.error());
    if (newest) at_start.newest = std::move(*newest);
  }
  KERUEN_TRY(auto directory, copy_directory(station->directory(), trusted));
  ExchangeOptions options;
  options.origin = config.origin;
  options.connections_max = connections_max();
  options.is_clock_right = is_clock_right();
  exchange = std::make_unique<Exchange>(options, std::move(directory), std::move(at_start),
                                        surroundings.journal, surroundings.clock.now());
  gateway::RouterOptions listening;
  listening.endpoint = config.endpoint;
  listening.connections_max = options.connections_max;
  KERUEN_TRY(router, gateway::Router::bind(
                         listening, transport_key,
                         [core = exchange.get()](const KeyId& key) { return core->admits(key); },
                         surroundings.journal));
  return {};
}

void Broker::State::start_threads() {
  log_thread = start_log_thread(*station, surroundings.clock, *wake);
  reader_thread = start_reader_thread(*reader, *operators_reader, surroundings.clock, *wake);
  signing_thread = start_signing_thread(*signer, *log, *wake);
  care_thread = start_care_thread(*caretaker, surroundings.clock, *wake);
}

std::optional<Submission> Broker::State::look_after_files() {
  MachineFacts facts;
  facts.log_bytes = log->bytes_on_disk();
  facts.disk_free_bytes = surroundings.disk.free_bytes(config.log_directory).value_or(0);
  exchange->set_machine_facts(facts);
  auto submission = registry_file->changed(
      [&](const Digest& head) { return exchange->has_registry(head); }, surroundings.clock.now());
  if (submission) return std::move(*submission);
  surroundings.journal.write_error(host::JournalLevel::warning, "registry_file_unreadable",
                                   submission.error());
  return std::nullopt;
}

Broker::Broker(std::unique_ptr<State> state) : state_(std::move(state)) {}
Broker::~Broker() = default;

Result<std::unique_ptr<Broker>> Broker::open(const host::BrokerConfig& config, BrokerKeys keys,
                                             log::CheckpointSigner::MissingGuard missing_guard,
                                             Surroundings surroundings) {
  auto state = std::make_unique<State>(config, surroundings, std::move(keys));
  KERUEN_TRY(state->wake, host::Wake::make());
  KERUEN_TRY(state->trusted, load_authorities(surroundings.disk, config.authorities_file));
  state->registry_file =
      std::make_unique<RegistryFile>(surroundings.disk, config.registry_file, surroundings.journal);
  KERUEN_CHECK(state->open_log(missing_guard));
  KERUEN_CHECK(state->open_stations());
  KERUEN_CHECK(state->take_registry());
  KERUEN_CHECK(state->open_exchange());
  return std::unique_ptr<Broker>(new Broker(std::move(state)));
}

const std::string& Broker::endpoint() const { return state_->router->endpoint(); }

Result<void> Broker::run(int stop_descriptor) {
  State& state = *state_;
  KERUEN_CHECK(state.index->move_log_beside());
  state.start_threads();
  CoreLoop loop({*state.router, *state.exchange, *state.log_thread, *state.reader_thread,
                 *state.signing_thread, *state.care_thread, *state.wake, state.surroundings.clock,
                 stop_descriptor, [&state](Now) { return state.look_after_files(); }});
  auto because = loop.run();
  state.log_thread->stop();
  state.reader_thread->stop();
  state.signing_thread->stop();
  state.care_thread->stop();
  if (because) return fail(std::move(*because));
  return {};
}

}  // namespace keruen::broker
