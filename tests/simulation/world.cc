#include "tests/simulation/world.h"

#include <algorithm>

#include "tests/checker/history_file.h"

namespace keruen::simulation {
namespace {

using std::chrono::milliseconds;

// What a run can need.
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
    auto made = std::make_unique<Party>(agency, options.clocks_off_max);
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
  broker_->keep_bodies(options.segment_bytes, log::LogOptions().batches_kept);
  broker_->reserve_for_index(kIndexReserveBytes);
  exchange.begin_again(seed, ground.clock());
  ground.vfs().begin_again(seed);
}

World::~World() { stop_everybody(); }

void World::say(const std::string& words) {
  trace_.note(std::to_string(true_milliseconds()) + " ms: " + words);
}

void World::complain(std::string words) {
  say(words);
  words_.push_back(std::move(words));
}

// A disk that failed explains what is said of disks, and nothing else: a process that ends by
// itself on a good one is as wrong as one that finds damage.
void World::complain_of_end(const std::string& what, const Error& error, const FaultDisk& disk,
                            const FaultDisk::Failures& failed_before) {
  const std::string words = what + ": " + std::string(name_of(error.code)) + ": " + error.detail;
  const bool is_of_disks = error.code == ErrorCode::no_space || error.code == ErrorCode::io_failed;
  if (is_of_disks && disk.failures() != failed_before) return say(words);
  complain(words);
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
  complain("frames go to and fro without end");
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

bool World::start_broker() {
  if (broker_->is_running()) return true;
  broker_disk_failed_before_ = broker_disk_.failures();
  const auto started = broker_->start(broker_now());
  if (!started) {
    complain_of_end("broker does not start", started.error(), broker_disk_,
                    broker_disk_failed_before_);
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
  here.failed_before = here.disk.failures();
  const auto started = here.agent->start(now_at(here));
  if (!started) {
    complain_of_end(agency + " does not start", started.error(), here.disk, here.failed_before);
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
    complain(agency + ": " + alerts[here.alerts_seen]);
  }
}

void World::bury_the_stopped() {
  for (auto& [agency, here] : parties_) {
    note_alerts(agency, *here);
    if (!here->agent->is_running() || !here->agent->stopped_because()) continue;
    complain_of_end(agency + " stops", *here->agent->stopped_because(), here->disk,
                    here->failed_before);
    here->agent->kill(*broker_, moments(*here));
  }
  if (broker_->is_running() || !broker_->stopped_because()) return;
  const Error because = *broker_->stopped_because();
  broker_->forget_why_it_stopped();
  complain_of_end("broker stops", because, broker_disk_, broker_disk_failed_before_);
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

checker::HowEnded World::send(const std::string& agency, const Letter& letter) {
  Party& here = party(agency);
  if (!here.agent->is_running()) return checker::HowEnded::failed;
  const auto how =
      here.application.send(*here.agent, here.disk, letter, now_at(here), true_milliseconds());
  say(agency + " sends: " + newest_line(here.application));
  // What broke the store while it was asked ends the agent at its next tick.
  here.agent->tick(now_at(here));
  bury_the_stopped();
  return how;
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
  // Once more for those who only now noticed that their line is gone.
  return start_everybody() && start_everybody();
}

// What a disk did to a process before it was healed, the process may find only now: it ends, is
// started again, and then must take it.
bool World::takes(const std::string& agency, const Letter& letter) {
  if (send(agency, letter) == checker::HowEnded::ok) return true;
  if (is_running(agency) || !start_agent(agency)) return false;
  connect(agency);
  return send(agency, letter) == checker::HowEnded::ok;
}

void World::everybody_sends(Letter letter) {
  for (const auto& [agency, here] : parties_) {
    letter.to.clear();
    for (const auto& [other, there] : parties_) {
      if (other != agency) letter.to.push_back(other);
    }
    if (!takes(agency, letter)) complain(agency + ": takes no message once all is healed");
  }
}

bool World::anything_under_way() {
  bool under_way = false;
  for (auto& [agency, here] : parties_) {
    look(agency);
    // One that ended meanwhile is started again, and then asked.
    if (here->application.waits() || !here->agent->is_running()) {
      under_way = true;
      continue;
    }
    const auto status = here->agent->engine().status(now_at(*here));
    // An exchange that lets an agent in no more is not at rest, whatever came before.
    under_way = under_way || !status.connected || status.waiting_messages > 0 ||
                status.waiting_parts > 0 || status.unaccepted_batches > 0;
  }
  return under_way;
}

bool World::drain(milliseconds deadline) {
  milliseconds step = kDrainStepMin;
  bool was_quiet = false;
  for (milliseconds passed{0}; passed < deadline;
       passed += step, step = std::min(2 * step, kDrainStepMax)) {
    if (!start_everybody()) return false;
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
    note_alerts(agency, *here);
    here->application.end(ended, true_milliseconds());
    histories.push_back(here->application.history());
  }
  stop_everybody();
  trace_files(broker_disk_);
  for (auto& [agency, here] : parties_) trace_files(here->disk);
  return histories;
}

void World::trace_files(FaultDisk& disk) {
  for (const std::string& path : disk.files()) {
    const auto bytes = host::read_file(disk, path, kStoreBytesMax);
    ensure(bytes.has_value(), "a healed disk can be read");
    trace_.bytes(path, *bytes);
  }
}

}  // namespace keruen::simulation
