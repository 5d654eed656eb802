#include "agents/engine/engine.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "agents/engine/state.h"

namespace keruen::engine {
namespace {

constexpr std::chrono::seconds kUpkeepEvery{30};
// The window of a key that is known may have opened.
constexpr std::chrono::hours kWakeWaitingEvery{1};
constexpr std::chrono::seconds kExpiryEvery{1};
// Looks through all that has no receipt yet, so not often.
constexpr std::chrono::seconds kUnconfirmedEvery{60};
constexpr std::chrono::milliseconds kClockWarnAt{120'000};
// A fault sent before the line is closed arrives with its end.
constexpr std::chrono::seconds kRefusedBeforeClosed{5};
// A broker that is alive answers pings within kSilenceMax, or brings something.
constexpr std::chrono::seconds kBrokerSilenceMax = kSilenceMax * 3 / 2;
// Of connection: an inbox that is never quiet counts for served after this.
constexpr std::chrono::hours kServedWithin{1};

Result<void> check_owner(Desk& desk) {
  const auto check = [&](const char* name, const std::string& expected) -> Result<void> {
    KERUEN_TRY(const auto stored, desk.store.fact(name));
    if (!stored) return desk.store.save_fact(name, bytes_of(expected));
    if (text_of(*stored) == expected) return {};
    return fail(ErrorCode::denied,
                "this store belongs to " + std::string(text_of(*stored)) + ", not to " + expected);
  };
  KERUEN_CHECK(check(kFactAgency, desk.options.agency.text()));
  return check(kFactOrigin, desk.options.origin.text());
}

// What stopped the agent stays until people decide; the evidence stays for good.
Result<void> take_halt(Desk& desk, Now now) {
  KERUEN_TRY(const auto halted, desk.store.fact(kFactHalted));
  if (!halted || halted->empty()) return {};
  const std::string why(text_of(*halted));
  if (desk.options.after_halt == EngineOptions::AfterHalt::stay_halted) {
    desk.halted = Halt{why, {}, {}, true};
    desk.remember_warning(words_of_halt(why));
    return {};
  }
  KERUEN_CHECK(desk.store.save_fact(kFactHalted, {}));
  store::Learned learned;
  learned.at = now.wall;
  learned.notes.push_back(
      {store::EventType::warning, {}, {}, {}, {}, "People decided to go on after: " + why});
  return desk.store.learn(learned);
}

}  // namespace

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::open(EngineOptions options, InitialKeys keys,
                                             store::Store& store, certs::Randomness& randomness,
                                             host::Disk& disk, host::Journal& journal, Now now) {
  certs::Directory directory(options.origin, options.trusted);
  Desk desk{std::move(options), store, randomness, disk, journal, std::move(directory)};
  KERUEN_CHECK(check_owner(desk));
  KERUEN_TRY(auto state, State::load(std::move(desk), std::move(keys), now));
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

Result<std::unique_ptr<Engine::State>> Engine::State::load(Desk given, InitialKeys keys, Now now) {
  auto state = std::make_unique<State>(std::move(given));
  Desk& desk = state->desk;
  desk.link.since = now.wall;
  state->began = now;
  KERUEN_CHECK(take_halt(desk, now));
  KERUEN_CHECK(state->sync.load());
  KERUEN_CHECK(state->checkpoints.load());
  KERUEN_CHECK(state->keyring.open(std::move(keys), now));
  KERUEN_CHECK(state->streams.load());
  KERUEN_CHECK(state->inbox.load());
  state->batcher.there_may_be_work(now);
  return state;
}

// What is in memory may be ahead of the store: it is thrown away, and the broker repeats what it
// has no word on.
Result<void> Engine::begin_anew(Now now) {
  Desk& before = state_->desk;
  certs::Directory directory(before.options.origin, before.options.trusted);
  Desk desk{before.options, before.store,   before.randomness,
            before.disk,    before.journal, std::move(directory)};
  desk.warnings = std::move(before.warnings);
  desk.link.clock_heard = before.link.clock_heard;
  // People decided about what they knew of.
  desk.options.after_halt = EngineOptions::AfterHalt::stay_halted;
  auto halted = std::move(before.halted);
  InitialKeys keys;
  keys.identity = state_->keyring.release_identity();
  const auto forgetting_pace = state_->forgetting.pace_after_full_disk(now);
  const Now began = state_->began;
  KERUEN_TRY(state_, State::load(std::move(desk), std::move(keys), now));
  state_->began = began;
  state_->forgetting.go_on_at(forgetting_pace);
  if (halted && !state_->desk.halted) {
    // Where it was found in the round that is undone, nobody was told.
    state_->unperformed.emplace_back(Alert{halted->note.text});
    halted->is_stored = false;
    state_->desk.halted = std::move(halted);
  }
  state_->unperformed.emplace_back(Reconnect{});
  state_->wake_up(now);
  return {};
}

std::vector<Effect> Engine::handle(std::vector<Event> events, Now now) {
  Turn turn(state_->desk, now);
  state_->now = now.monotonic;
  state_->wake = false;
  auto effects = std::exchange(state_->unperformed, {});
  if (state_->failed) {
    turn.store_failed(*state_->failed);
  } else if (!state_->desk.stopped) {
    for (const Event& event : events) {
      std::visit([&](const auto& one) { state_->on(one, turn); }, event);
      if (state_->desk.stopped) break;
    }
    state_->settle(turn);
  }
  std::ranges::move(turn.finish(), std::back_inserter(effects));
  return effects;
}

void Engine::State::settle(Turn& turn) {
  if (desk.stopped) return;
  if (const auto lost = checkpoints.take_lost_from()) {
    // The broker goes on from what the hello says.
    if (inbox.forget_beyond(TreeSize{lost->value}, turn)) turn.reconnect();
  }
  if (sync.take_changed()) {
    wakes_waiting = true;
    keyring.upkeep(turn);
    inbox.try_again();
  }
  if (wakes_waiting && turn.checked(desk.store.wake_waiting())) {
    wakes_waiting = false;
    batcher.there_may_be_work(turn.now());
  }
  inbox.drain(turn);
  if (inbox.take_work()) batcher.there_may_be_work(turn.now());
  batcher.pump(turn);
}

void Engine::State::lose_link(const std::string& why, Turn& turn) {
  const bool was_welcomed = std::exchange(desk.link.welcomed, false);
  desk.link.connected = false;
  desk.link.since = turn.now().wall;
  desk.link.fault = why;
  if (!was_welcomed) return;
  store::Learned learned;
  learned.at = turn.now().wall;
  learned.notes.push_back(
      {store::EventType::link, {}, {}, {}, {}, "The broker is out of reach: " + why});
  (void)turn.checked(desk.store.learn(learned));
}

void Engine::State::give_link_up_when_silent(Turn& turn) {
  // On a line that is known not to be thin no frame takes so long.
  const bool is_patient = desk.link.welcomed && pace.is_thin();
  const auto silence_max = is_patient ? kFrameTimeMax : kBrokerSilenceMax;
  if (turn.now().monotonic < desk.link.heard_at + silence_max) return;
  lose_link("the broker says nothing; connecting anew", turn);
  gave_link_up = true;
  turn.reconnect();
}

void Engine::State::on(const LinkUp&, Turn& turn) {
  turn.drop_frames();
  gave_link_up = false;
  desk.link.connected = true;
  desk.link.welcomed = false;
  desk.link.refused.reset();
  desk.link.since = turn.now().wall;
  desk.link.heard_at = turn.now().monotonic;
  desk.link.pinged_at = turn.now().monotonic;
  streams.forget_sent();
  streams.forget_stated();
  checkpoints.forget_asked();
  sync.forget_asked();
  keyring.forget_handed_in();
  inbox.connected();
  pace.begin_line();
  wire::Hello hello;
  hello.versions = {wire::kProtocolVersion};
  hello.suites = {wire::Suite::x25519_chacha20poly1305_ed25519};
  hello.frame_bytes_max = kFrameBytesMax;
  hello.note = checkpoints.note();
  hello.directory_count = desk.directory.position().count;
  hello.cursors = inbox.cursors();
  hello.credit_bytes = kCreditBytesDefault;
  hello.streams = streams.to_name();
  turn.send(hello);
}

void Engine::State::on(const LinkDown& event, Turn& turn) {
  turn.drop_frames();
  if (std::exchange(gave_link_up, false)) return;  // it is known why
  // What the broker said before it closed the line says more than that the line is closed.
  const auto& refused = desk.link.refused;
  const bool was_refused =
      desk.link.connected && refused && turn.now().monotonic - refused->at < kRefusedBeforeClosed;
  const std::string why = was_refused ? refused->words : event.why;
  if (desk.link.connected || !desk.link.fault) return lose_link(why, turn);
  desk.link.fault = why;
}

void Engine::State::on(const FrameReceived& event, Turn& turn) {
  if (!desk.link.connected) return;
  desk.link.hear(turn.now().monotonic);
  auto frame = wire::decode_frame(event.frame);
  if (!frame) {
    desk.journal.write_error(host::JournalLevel::warning, "frame_refused", frame.error());
    return;
  }
  std::visit(
      [&](auto& one) {
        if constexpr (requires { on(one, turn); }) {
          on(one, turn);
        } else {
          desk.journal.write(host::JournalLevel::warning, "frame_not_for_agents");
        }
      },
      *frame);
}

void Engine::State::set_clock(WallTime broker_time, Turn& turn) {
  const auto ahead =
      std::chrono::duration_cast<std::chrono::milliseconds>(turn.now().wall - broker_time);
  const bool was_wrong =
      desk.link.clock_ahead && std::chrono::abs(*desk.link.clock_ahead) > kClockWarnAt;
  desk.link.clock_ahead = ahead;
  desk.link.clock_heard = {broker_time, turn.now().monotonic};
  (void)begin_lives(turn);
  if (std::chrono::abs(ahead) < kClockAheadMax) desk.link.clock_doubted = false;
  if (std::chrono::abs(ahead) <= kClockWarnAt || was_wrong) return;
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(std::chrono::abs(ahead));
  turn.tell({store::EventType::warning,
             {},
             {},
             {},
             ErrorCode::expired,
             "This machine's clock is " + std::to_string(minutes.count()) + " minutes " +
                 (ahead.count() > 0 ? "ahead of" : "behind") +
                 " the broker's; set it right, messages may wait until then."});
}

void Engine::State::on(const wire::Welcome& frame, Turn& turn) {
  if (desk.link.welcomed) return;  // once a connection
  if (frame.origin != desk.options.origin) {
    turn.alert("The broker serves the exchange " + frame.origin.text() + ", not " +
               desk.options.origin.text());
    return;
  }
  if (frame.version != wire::kProtocolVersion) {
    turn.alert("The broker speaks another version of the protocol; update this agent");
    return;
  }
  desk.link.welcomed = true;
  desk.link.welcomed_at = turn.now().monotonic;
  desk.link.fault.reset();
  set_clock(frame.broker_time, turn);
  store::Learned learned;
  learned.at = turn.now().wall;
  learned.notes.push_back({store::EventType::link, {}, {}, {}, {}, "Connected to the broker."});
  (void)turn.checked(desk.store.learn(learned));
  sync.welcome(frame.directory, turn);
  if (desk.halted) return;
  recovery.welcome(frame.streams, turn);
  batcher.there_may_be_work(turn.now());
  keyring.upkeep(turn);
}

void Engine::State::on(wire::DeliverSlice& frame, Turn& turn) {
  if (!desk.link.welcomed || desk.halted) return;
  inbox.deliver(std::move(frame), turn);
}

void Engine::State::on(const wire::Pong& frame, Turn& turn) {
  if (frame.token != ping_token) return;
  ++ping_token;  // each is answered once
  desk.link.answered_until = desk.link.pinged_at;
  set_clock(frame.broker_time, turn);
}

void Engine::State::on(const wire::Fault& frame, Turn& turn) {
  desk.link.refused = {words_of_fault(frame.code), turn.now().monotonic};
  desk.link.fault = desk.link.refused->words;
  desk.journal.write(host::JournalLevel::warning, "fault", {{"code", name_of(frame.code)}});
  // Asked for from where the log was proved to reach, it may serve us.
  if (!desk.link.welcomed && frame.code == ErrorCode::chain_fork) {
    (void)inbox.forget_beyond(checkpoints.seen().size, turn);
  }
}

void Engine::State::on(const Tick&, Turn& turn) {
  const auto monotonic = turn.now().monotonic;
  // Whichever clock is wrong: what it ends stays ended when it is right again.
  const bool may_expire = desk.knows_time(turn.now());
  if (monotonic >= expiry_at) {
    expiry_at = monotonic + kExpiryEvery;
    if (may_expire && begin_lives(turn)) {
      (void)turn.checked(desk.store.expire_outbox(over_before(turn.now())));
    }
    if (desk.disk_full) batcher.there_may_be_work(turn.now());
    desk.disk_full = false;  // tried again
    turn.store_halt();
  }
  if (!desk.link.connected) return;
  if (monotonic >= desk.link.pinged_at + kPingEvery) {
    desk.link.pinged_at = monotonic;
    turn.send(wire::Ping{++ping_token});
  }
  give_link_up_when_silent(turn);
  if (!desk.link.connected) return;
  recovery.tick(turn);
  sync.tick(turn);
  checkpoints.tick(turn);
  inbox.tick(turn);
  peers.tick(turn);
  const bool may_end = may_expire && has_been_served(turn.now());
  if (monotonic >= unconfirmed_at) {
    unconfirmed_at = monotonic + kUnconfirmedEvery;
    // Clocks differ; and a receipt may be under way, or wait for us since before we were away.
    if (may_end) {
      (void)turn.checked(desk.store.expire_unconfirmed(over_before(turn.now()) - kClockAheadMax));
    }
  }
  if (may_end && !desk.halted) forgetting.tick(turn);
  if (monotonic >= wake_waiting_at) {
    wake_waiting_at = monotonic + kWakeWaitingEvery;
    wakes_waiting |= a_window_opened(turn);
  }
  if (monotonic >= upkeep_at) {
    upkeep_at = monotonic + kUpkeepEvery;
    keyring.upkeep(turn);
    keyring.warn_of_ends(turn);
    if (desk.link.welcomed && sync.is_complete()) {
      keyring.destroy_old(inbox.is_caught_up(turn.now()), turn);
    }
  }
}

bool Engine::State::begin_lives(Turn& turn) {
  if (!desk.store.has_lives_to_begin()) return true;
  const Now at = turn.now();
  if (!desk.knows_time(at)) return false;
  const WallTime time = std::max(desk.exchange_time(at), at.wall);
  const WallTime by_first_clock =
      began.wall +
      std::chrono::duration_cast<std::chrono::milliseconds>(at.monotonic - began.monotonic);
  // It was right all the time: what was to live for an hour is over after a day's outage.
  const bool was_right = std::chrono::abs(time - by_first_clock) < kClockAheadMax;
  const auto stored = was_right ? desk.store.keep_lives() : desk.store.begin_lives(time);
  if (!turn.checked(stored)) return false;
  batcher.there_may_be_messages(at);
  return true;
}

WallTime Engine::State::over_before(Now at) const {
  return std::min(desk.exchange_time(at), at.wall);
}

bool Engine::State::has_been_served(Now at) const {
  return desk.link.welcomed &&
         (inbox.is_caught_up(at) || at.monotonic >= desk.link.welcomed_at + kServedWithin);
}

bool Engine::State::a_window_opened(Turn& turn) {
  const auto waited_for = turn.checked(desk.store.waited_for());
  return waited_for && std::ranges::any_of(*waited_for, [&](const AgencyId& agency) {
           return desk.directory.prekey_to_use(agency, turn.now().wall).has_value();
         });
}

Result<std::vector<Result<Submitted>>> Engine::State::submit_together(
    const std::vector<const SubmitRequest*>& requests, Now at) {
  Turn turn(desk, at);
  std::vector<Result<Submitted>> answers;
  const auto stored = desk.store.together([&]() -> Result<void> {
    KERUEN_TRY(answers, outbox.submit(requests, at));
    batcher.there_may_be_messages(at);
    batcher.pump(turn);
    return {};
  });
  // Its batches do not exist, and the streams stand where they stood.
  if (!stored) turn.drop_frames();
  auto effects = turn.finish();
  if (!stored) {
    batcher.there_may_be_work(at);
    KERUEN_CHECK(streams.load());
  }
  std::ranges::move(effects, std::back_inserter(unperformed));
  if (!stored) return fail(stored.error());
  return answers;
}

std::vector<Result<Submitted>> Engine::State::submit(
    const std::vector<const SubmitRequest*>& requests, Now at) {
  std::vector<Result<Submitted>> answers;
  auto together = submit_together(requests, at);
  if (together) {
    answers = std::move(*together);
  } else if (requests.size() > 1 && !store::is_of_the_disk(together.error().code)) {
    // One whose attachment changed under way spoils the transaction, not the others.
    for (const auto* request : requests) answers.push_back(submit({request}, at).front());
  } else {
    answers.assign(requests.size(), fail(together.error()));
  }
  for (const auto& answer : answers) {
    // What a full disk refuses is told to the one who asked; anything else stops the engine.
    if (answer || answer.error().code != ErrorCode::io_failed) continue;
    failed = answer.error();
  }
  wake_up(at);
  return answers;
}

void Engine::State::work_came(Now at) {
  batcher.there_may_be_work(at);
  wake_up(at);
}

void Engine::State::wake_up(Now at) {
  now = at.monotonic;
  wake = true;
}

MonotonicTime Engine::next_tick() const {
  const State& state = *state_;
  if (state.wake) return state.now;
  MonotonicTime next = state.expiry_at;
  const auto sooner = [&](const std::optional<MonotonicTime>& due) {
    if (due) next = std::min(next, *due);
  };
  sooner(state.batcher.due());
  if (state.desk.link.connected) {
    sooner(state.inbox.due());
    sooner(state.desk.link.pinged_at + kPingEvery);
  }
  return next;
}

Result<Submitted> Engine::submit(const SubmitRequest& request, Now now) {
  return state_->submit({&request}, now).front();
}

std::vector<Result<Submitted>> Engine::submit_all(const std::vector<const SubmitRequest*>& requests,
                                                  Now now) {
  std::vector<Result<Submitted>> answers;
  std::vector<const SubmitRequest*> group;
  const auto flush = [&] {
    if (group.empty()) return;
    for (auto& answer : state_->submit(group, now)) answers.push_back(std::move(answer));
    group.clear();
  };
  for (const SubmitRequest* request : requests) {
    // What is sent once must see what the one before it wrote.
    if (request->once) flush();
    group.push_back(request);
    if (request->once) flush();
  }
  flush();
  return answers;
}

Result<std::optional<Submitted>> Engine::sent_before(const DuplicateKey& once,
                                                     const std::vector<PartyId>& to) {
  return state_->outbox.sent_before(once, to);
}

Result<std::vector<RecallAnswer>> Engine::recall(const RecallRequest& request, Now now) {
  auto answers = state_->outbox.recall(request, now);
  state_->work_came(now);
  return answers;
}

Result<void> Engine::mark_read(const ReadRequest& request, Now now) {
  auto marked = state_->outbox.mark_read(request, now);
  state_->work_came(now);
  return marked;
}

Result<void> Engine::mark_processed(const ProcessRequest& request, Now now) {
  auto marked = state_->outbox.mark_processed(request, now);
  state_->work_came(now);
  return marked;
}

std::optional<HeldStatus> Engine::State::held(Now at) const {
  if (const auto hold = batcher.hold(at)) {
    return words_of(*hold, desk.halted ? desk.halted->why : std::string());
  }
  const auto put_off = streams.put_off();
  if (!put_off) return std::nullopt;
  return HeldStatus{put_off->code, put_off->since, words_of_put_off(put_off->code)};
}

Status Engine::status(Now now) const {
  const Desk& desk = state_->desk;
  Status status;
  status.agency = desk.options.agency;
  status.origin = desk.options.origin;
  status.connected = desk.link.welcomed;
  status.link_since = desk.link.since;
  if (!desk.link.welcomed) status.link_fault = desk.link.fault;
  status.clock_ahead = desk.link.clock_ahead;
  status.keys = state_->keyring.lives(now);
  status.store_bytes = desk.store.file_bytes();
  status.keep = desk.options.keep;
  if (const auto free = desk.disk.free_bytes(desk.options.store_directory)) {
    status.disk_free_bytes = *free;
  }
  if (const auto figures = desk.store.figures()) {
    status.waiting_messages = figures->waiting_messages;
    status.waiting_parts = figures->waiting_parts;
    status.waiting_for_key = figures->waiting_for_key;
    status.unaccepted_batches = figures->unaccepted_batches;
    status.oldest_waiting = figures->oldest_waiting;
    status.unread_messages = figures->unread_messages;
  }
  if (desk.link.welcomed || desk.halted) status.held = state_->held(now);
  status.warnings = desk.warnings;
  return status;
}

std::shared_ptr<const certs::Registry> Engine::registry() const {
  return state_->desk.directory.newest_registry();
}

void Engine::begin_round() { state_->desk.store.begin_round(); }

bool Engine::take_arrived() { return state_->inbox.take_arrived(); }

Result<void> Engine::end_round(Now now) {
  const auto ended = state_->desk.store.end_round();
  if (ended || ended.error().code != ErrorCode::no_space) return ended;
  state_->desk.journal.write_error(host::JournalLevel::warning, "round_undone", ended.error());
  if (auto begun = begin_anew(now); !begun) {
    return fail(ErrorCode::io_failed, "after a full disk: " + begun.error().detail);
  }
  return ended;
}

Result<void> Engine::publish() { return state_->desk.store.publish(); }

bool Engine::has_unpublished() const { return state_->desk.store.has_unpublished(); }

bool Engine::is_disk_full() const { return state_->desk.disk_full_told; }

bool Engine::round_wrote() const { return state_->desk.store.round_wrote(); }

std::uint64_t Engine::newest_event() const { return state_->desk.store.newest_event(); }

LinkTarget Engine::link_target() const {
  LinkTarget target;
  target.endpoint = state_->desk.options.broker_endpoint;
  target.broker_key = state_->desk.options.broker_key;
  if (const auto registry = state_->desk.directory.newest_registry()) {
    target.endpoint = registry->broker().endpoint;
    // The one in use stands first.
    if (!registry->broker().transport_keys.empty()) {
      target.broker_key = registry->broker().transport_keys.front();
    }
  }
  return target;
}

const certs::TransportKeyPair& Engine::transport_key() const { return state_->keyring.transport(); }

}  // namespace keruen::engine
