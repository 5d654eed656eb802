#include "tests/simulation/world.h"

#include <algorithm>

#include "tests/checker/history_file.h"

namespace keruen::simulation {
namespace {

using std::chrono::milliseconds;

// Small, so that a run sees several; the index keeps what a run can need.
constexpr std::size_t kSegmentBytes = 32 * 1024;
constexpr std::uint64_t kIndexReserveBytes = 512 * 1024;
// The keys of the ground's stores are drawn with this seed and those after it, in every run alike,
// whoever takes part.
constexpr std::uint64_t kKeySeed = 77;
// Frames between three agents and a broker for one reason never come to so many.
constexpr int kRoundsMax = 20'000;
constexpr std::size_t kFramesTogether = 4;
constexpr milliseconds kDrainStepMin{100};
constexpr milliseconds kDrainStepMax{5000};
constexpr std::size_t kStoreBytesMax = 64 * 1024 * 1024;

// What the application's history says last, for the trace.
std::string newest_line(const Application& application) {
  return checker::encode(application.history().records.back());
}

std::string folder_of(const std::string& agency) { return "/" + agency; }

// A store is all files of its folder.
Result<std::map<std::string, Bytes>> store_files(host::Disk& disk, const std::string& agency) {
  std::map<std::string, Bytes> files;
  KERUEN_TRY(const auto names, disk.list(folder_of(agency)));
  for (const std::string& name : names) {
    const std::string path = folder_of(agency) + "/" + name;
    KERUEN_TRY(files[path], host::read_file(disk, path, kStoreBytesMax));
  }
  return files;
}

}  // namespace

World::World(Ground& ground, std::uint64_t seed, Trace& trace, const WorldOptions& options)
    : ground_(ground), trace_(trace), broker_journal_(trace, "broker") {
  TestExchange& exchange = ground.exchange();
  began_ = ground.clock().now().monotonic;
  broker_disk_.become(ground.broker_disk());
  if (options.broker_disk_seam) broker_disk_seam_ = options.broker_disk_seam(broker_disk_);
  host::Disk& broker_sees = broker_disk_seam_ ? *broker_disk_seam_ : broker_disk_;
  ground.vfs().mount(kBrokerFolder, broker_sees);
  for (const std::string& agency : options.agencies) {
    auto made = std::make_unique<Party>(agency);
    made->disk.become(ground.agent_disk(agency));
    ground.vfs().mount(folder_of(agency), made->disk);
    made->journal = std::make_unique<TraceJournal>(trace, agency);
    const auto number = std::ranges::find(kAgencies, agency) - kAgencies.begin();
    exchange.begin_again(kKeySeed + static_cast<std::uint64_t>(number), ground.clock());
    made->agent = std::make_unique<TestAgent>(exchange, agency, *made->journal, made->disk,
                                              folder_of(agency));
    made->agent->watch([this, agency](TestAgent::Direction direction, BytesView frame) {
      trace_.bytes(direction == TestAgent::Direction::to_agent ? agency + " receives a frame"
                                                               : agency + " sends a frame",
                   frame);
    });
    parties_[agency] = std::move(made);
  }
  broker_ = std::make_unique<TestBroker>(
      exchange, broker_sees, std::string(kBrokerFolder) + "/index.sqlite", broker_journal_);
  broker_->keep_bodies(kSegmentBytes, log::LogOptions().batches_kept);
  broker_->reserve_for_index(kIndexReserveBytes);
  exchange.begin_again(seed, ground.clock());
  ground.vfs().begin_again(seed);
}

World::~World() { stop_everybody(); }

void World::say(const std::string& words) {
  trace_.note(std::to_string(true_milliseconds()) + " ms: " + words);
}

std::uint64_t World::true_milliseconds() const {
  const auto passed = ground_.exchange().clock().now().monotonic - began_;
  return static_cast<std::uint64_t>(std::chrono::floor<milliseconds>(passed).count());
}

Now World::broker_now() const {
  Now now = ground_.exchange().clock().now();
  now.wall += broker_ahead_;
  return now;
}

Now World::now_at(const Party& party) const {
  Now now = ground_.exchange().clock().now();
  now.wall += party.ahead;
  return now;
}

bool World::is_running(const std::string& agency) const {
  return parties_.at(agency)->agent->is_running();
}

bool World::carry(const std::string& agency, std::uint64_t frames, std::size_t together) {
  Party& here = party(agency);
  bool moved = false;
  for (std::uint64_t i = 0; i < frames && here.agent->is_running(); ++i) {
    if (!here.agent->exchange_frames(*broker_, moments(here), together)) break;
    moved = true;
    bury_the_stopped();
  }
  return moved;
}

bool World::settle() {
  for (int round = 0; round < kRoundsMax; ++round) {
    bool moved = false;
    for (auto& [agency, here] : parties_) moved = carry(agency, 1, kFramesTogether) || moved;
    for (auto& [agency, here] : parties_) {
      const Now now = now_at(*here);
      if (here->agent->is_running() && here->agent->engine().next_tick() <= now.monotonic) {
        here->agent->tick(now);
      }
    }
    bury_the_stopped();
    if (!moved) return true;
  }
  say("frames go to and fro without end");
  return false;
}

void World::advance(milliseconds time) {
  ground_.exchange().clock().advance(time);
  if (broker_->is_running()) {
    broker_->tick(broker_now());
    broker_was_at_ = std::max(broker_was_at_, broker_now().wall);
  }
  for (auto& [agency, here] : parties_) {
    if (here->agent->is_running()) here->agent->tick(now_at(*here));
  }
  bury_the_stopped();
}

bool World::pass(milliseconds time, milliseconds step) {
  for (auto left = time; left.count() > 0; left -= step) {
    advance(std::min(left, step));
    if (!settle()) return false;
  }
  return true;
}

void World::set_agent_clock_ahead(const std::string& agency, milliseconds by) {
  say(agency + ": clock " + std::to_string(by.count()) + " ms ahead");
  party(agency).ahead = by;
}

void World::set_broker_clock_ahead(milliseconds by) {
  say("broker: clock " + std::to_string(by.count()) + " ms ahead");
  broker_ahead_ = by;
  broker_clock_was_wrong_ = broker_clock_was_wrong_ || by != milliseconds(0);
}

void World::broker_said(const std::string& what, const Error& error) {
  say("broker " + what + ": " + std::string(name_of(error.code)) + ": " + error.detail);
  // A full or failing disk is the fault that was planted; anything else is named by the broker.
  if (error.code == ErrorCode::no_space || error.code == ErrorCode::io_failed) return;
  broker_words_.push_back(what + ": " + std::string(name_of(error.code)) + ": " + error.detail);
}

bool World::start_broker() {
  if (broker_->is_running()) return true;
  const auto started = broker_->start(broker_now());
  if (!started) {
    broker_said("does not start", started.error());
    broker_->kill();
    return false;
  }
  broker_was_at_ = std::max(broker_was_at_, broker_now().wall);
  broker_clock_was_wrong_ = broker_ahead_ != milliseconds(0);
  say("broker started");
  return true;
}

void World::kill_broker() {
  say("broker killed");
  broker_disk_.end_process();
  broker_->kill();
}

void World::cut_broker_power(std::uint64_t seed) {
  say("broker: power cut");
  broker_disk_.crash(seed);
  broker_->kill();
}

bool World::start_agent(const std::string& agency) {
  Party& here = party(agency);
  if (here.agent->is_running()) return true;
  const auto started = here.agent->start(now_at(here));
  if (!started) {
    say(agency + " does not start: " + std::string(name_of(started.error().code)) + ": " +
        started.error().detail);
    if (started.error().code == ErrorCode::corrupt) {
      here.application.named("does not start: " + started.error().detail, true_milliseconds());
    }
    here.agent->kill(*broker_, moments(here));
    return false;
  }
  say(agency + " started");
  here.application.restarted(true_milliseconds());
  return true;
}

void World::kill_agent(const std::string& agency) {
  say(agency + " killed");
  Party& here = party(agency);
  here.disk.end_process();
  here.agent->kill(*broker_, moments(here));
}

void World::cut_agent_power(const std::string& agency, std::uint64_t seed) {
  say(agency + ": power cut");
  Party& here = party(agency);
  here.disk.crash(seed);
  here.agent->kill(*broker_, moments(here));
}

void World::connect(const std::string& agency) {
  Party& here = party(agency);
  if (!here.agent->is_running() || here.agent->is_connected() || !broker_->is_running()) return;
  here.agent->connect(*broker_, moments(here));
  say(agency + (here.agent->is_connected() ? " connects" : " is not let in"));
}

void World::disconnect(const std::string& agency) {
  Party& here = party(agency);
  if (!here.agent->is_running() || !here.agent->is_connected()) return;
  say(agency + ": line cut");
  here.agent->disconnect(*broker_, moments(here));
}

bool World::start_everybody() {
  bool all = start_broker();
  for (const auto& [agency, here] : parties_) all = start_agent(agency) && all;
  for (const auto& [agency, here] : parties_) connect(agency);
  return all && settle();
}

void World::stop_everybody() {
  for (auto& [agency, here] : parties_) here->agent->kill(*broker_, moments(*here));
  broker_->kill();
}

void World::note_alerts(const std::string& agency, Party& here) {
  const auto& alerts = here.agent->alerts();
  for (; here.alerts_seen < alerts.size(); ++here.alerts_seen) {
    say(agency + " alerts: " + alerts[here.alerts_seen]);
  }
}

void World::bury_the_stopped() {
  for (auto& [agency, here] : parties_) {
    note_alerts(agency, *here);
    if (!here->agent->is_running() || !here->agent->stopped_because()) continue;
    say(agency + " stops: " + here->agent->stopped_because()->detail);
    here->agent->kill(*broker_, moments(*here));
  }
  if (broker_->is_running() || !broker_->stopped_because()) return;
  const Error because = *broker_->stopped_because();
  broker_->forget_why_it_stopped();
  broker_said("stops", because);
}

void World::copy_store(const std::string& agency) {
  kill_agent(agency);
  Party& here = party(agency);
  Copy copy;
  auto files = store_files(here.disk, agency);
  // Half of it is no copy.
  if (!files) return say(agency + ": store not copied: " + files.error().detail);
  copy.files = std::move(*files);
  copy.memory = here.application.memory();
  here.copy = std::move(copy);
  say(agency + ": store copied");
}

bool World::has_copy(const std::string& agency) { return party(agency).copy.has_value(); }

void World::restore_store(const std::string& agency) {
  kill_agent(agency);
  Party& here = party(agency);
  here.disk.heal();
  here.disk.set_capacity(FaultDisk::kCapacityDefault);
  const auto names = here.disk.list(folder_of(agency));
  ensure(names.has_value(), "a store's folder can be listed");
  for (const std::string& name : *names) {
    static_cast<void>(here.disk.remove(folder_of(agency) + "/" + name));
  }
  for (const auto& [path, bytes] : here.copy->files) {
    auto file = here.disk.create(path);
    ensure(file && (*file)->write(0, bytes) && (*file)->sync(), "a store is restored");
  }
  ensure(here.disk.sync_directory(folder_of(agency)).has_value(), "a store is restored");
  here.application.restored(here.copy->memory, true_milliseconds());
  say(agency + ": store restored");
}

void World::send(const std::string& agency, const Letter& letter) {
  Party& here = party(agency);
  if (!here.agent->is_running()) return;
  here.application.send(*here.agent, letter, now_at(here), true_milliseconds());
  say(agency + " sends: " + newest_line(here.application));
  // What broke the store while it was asked ends the agent at its next tick.
  here.agent->tick(now_at(here));
  bury_the_stopped();
}

void World::recall(const std::string& agency) {
  Party& here = party(agency);
  if (!here.agent->is_running()) return;
  say(agency + " recalls");
  here.application.recall(*here.agent, now_at(here), true_milliseconds());
}

void World::look(const std::string& agency) {
  Party& here = party(agency);
  if (here.agent->is_running()) here.application.look(*here.agent, true_milliseconds());
}

bool World::heal(Recovery recovery) {
  const bool all_start_again = recovery == Recovery::all_start_again;
  // A clock set right under a running broker is one that moved: it asks for a restart and takes
  // nothing before.
  const bool broker_starts_again = all_start_again || broker_clock_was_wrong_;
  say("everything is healed");
  broker_ahead_ = milliseconds(0);
  broker_disk_.heal();
  broker_disk_.set_capacity(FaultDisk::kCapacityDefault);
  for (auto& [agency, here] : parties_) {
    here->ahead = milliseconds(0);
    here->disk.heal();
    here->disk.set_capacity(FaultDisk::kCapacityDefault);
    if (all_start_again) kill_agent(agency);
  }
  if (broker_starts_again) kill_broker();
  // A log that was written by a clock far ahead takes nothing before that time has come.
  const WallTime true_time = ground_.exchange().clock().wall();
  if (broker_was_at_ > true_time) {
    // Nobody is served meanwhile.
    for (const auto& [agency, here] : parties_) disconnect(agency);
    ground_.exchange().clock().advance(broker_was_at_ - true_time);
  }
  return start_everybody();
}

bool World::anything_under_way() {
  bool under_way = false;
  for (auto& [agency, here] : parties_) {
    look(agency);
    if (here->application.waits()) {
      under_way = true;
      continue;
    }
    const auto status = here->agent->engine().status(now_at(*here));
    // An exchange that lets an agent in no more is not at rest, whatever came before.
    under_way = under_way || !status.connected || status.waiting_messages > 0 ||
                status.unaccepted_batches > 0;
  }
  return under_way;
}

bool World::drain(milliseconds deadline) {
  milliseconds step = kDrainStepMin;
  bool was_quiet = false;
  for (milliseconds passed{0}; passed < deadline;
       passed += step, step = std::min(2 * step, kDrainStepMax)) {
    for (const auto& [agency, here] : parties_) {
      if (!start_broker() || !start_agent(agency)) return false;
      connect(agency);
    }
    if (!settle()) return false;
    // Twice: what an agent has it may take in its next round only.
    const bool is_quiet = !anything_under_way();
    if (is_quiet && was_quiet) return true;
    was_quiet = is_quiet;
    advance(step);
    if (!settle()) return false;
  }
  for (auto& [agency, here] : parties_) {
    if (here->application.waits()) say(agency + " waits for " + here->application.waits_for());
  }
  return false;
}

std::vector<checker::History> World::finish(checker::Ended ended) {
  std::vector<checker::History> histories;
  for (auto& [agency, here] : parties_) {
    look(agency);
    here->application.end(ended, true_milliseconds());
    histories.push_back(here->application.history());
  }
  stop_everybody();
  for (const char* name : {"/broker/index.sqlite", "guard"}) {
    if (const auto bytes = host::read_file(broker_disk_, name, kStoreBytesMax)) {
      trace_.bytes(name, *bytes);
    }
  }
  for (auto& [agency, here] : parties_) {
    const auto files = store_files(here->disk, agency);
    ensure(files.has_value(), "a store can be read in the end");
    for (const auto& [path, bytes] : *files) trace_.bytes(path, bytes);
  }
  return histories;
}

}  // namespace keruen::simulation
