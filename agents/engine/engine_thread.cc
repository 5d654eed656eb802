#include "agents/engine/engine_thread.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <iterator>
#include <mutex>
#include <thread>

#include "agents/engine/rounds.h"
#include "agents/engine/submission_queue.h"
#include "schemas/host/clock.h"
#include "schemas/host/wake.h"

namespace keruen::engine {
namespace {

constexpr std::size_t kRequestsQueuedMax = 256;
constexpr std::size_t kListenersMax = 8;
constexpr std::chrono::seconds kSleepMost{1};
// After a full disk refused it: a repeat of what waits costs the engine some milliseconds.
constexpr std::chrono::seconds kPublishAgain{1};

}  // namespace

struct EngineThread::State {
  State(Engine& engine_given, host::Clock& clock_given, Doors doors_given,
        std::unique_ptr<host::Wake> wake_given)
      : engine(engine_given),
        rounds(engine_given),
        clock(clock_given),
        doors(std::move(doors_given)),
        wake(std::move(wake_given)) {}

  struct Request {
    std::function<void(Now)> serve;
    std::function<void(const Result<void>& synced)> answer;
  };

  Engine& engine;
  Rounds rounds;
  host::Clock& clock;
  Doors doors;
  std::unique_ptr<host::Wake> wake;
  std::mutex mutex;
  bool is_asleep = false;  // and nobody rang yet
  std::condition_variable published;
  SubmissionQueue submissions;
  std::deque<Request> requests;
  std::vector<std::function<void(std::uint64_t)>> listeners;
  std::shared_ptr<const certs::Registry> registry;
  bool has_unpublished = false;  // by the last round that ended
  std::uint64_t publish_asked = 0;
  std::uint64_t publish_served = 0;
  Result<void> publish_outcome;  // of the last one served
  MonotonicTime publish_again_at;
  bool ending = false;
  std::atomic<std::uint64_t> told_event = 0;
  bool is_stopped = false;  // main was told, once
  std::thread thread;

  void run();
  // What came and what waited.
  struct Taken {
    std::vector<Engine::Event> events;
    std::vector<SubmissionQueue::Submission> submissions;
    std::vector<Request> requests;
    std::uint64_t publish_asked = 0;
    bool is_last = false;  // the end, and all that was asked before is answered
  };
  [[nodiscard]] Taken wait_and_take();
  [[nodiscard]] std::vector<Engine::Event> receive(std::chrono::nanoseconds longest);
  // Both with the mutex held. Who is awake looks before it sleeps: no ring is needed.
  void rouse();
  [[nodiscard]] bool has_work() const;
  void serve(Taken& taken);
  void publish(std::uint64_t asked);
  void perform(std::vector<Effect>& effects);
  void stop(const Error& because);
  void tell_listeners();
  template <class Answer>
  [[nodiscard]] Answer ask(std::function<Answer(Now)> question);
  [[nodiscard]] static tl::unexpected<Error> overloaded() {
    return fail(ErrorCode::overloaded, "the agent has too much to do or is ending; try again");
  }
};

void EngineThread::State::rouse() {
  if (std::exchange(is_asleep, false)) wake->ring();
}

bool EngineThread::State::has_work() const {
  return ending || !submissions.empty() || !requests.empty() || publish_asked > publish_served;
}

EngineThread::State::Taken EngineThread::State::wait_and_take() {
  const auto pause = std::clamp<std::chrono::nanoseconds>(rounds.due() - clock.now().monotonic,
                                                          std::chrono::nanoseconds{0}, kSleepMost);
  bool sleeps = false;
  {
    const std::lock_guard lock(mutex);
    sleeps = is_asleep = !has_work();
  }
  Taken taken;
  taken.events = receive(sleeps ? pause : std::chrono::nanoseconds{0});
  const std::lock_guard lock(mutex);
  const bool was_roused = sleeps && !std::exchange(is_asleep, false);
  if (was_roused) wake->quiet();
  taken.is_last = ending && submissions.empty() && requests.empty();
  taken.publish_asked = publish_asked;
  auto round = submissions.take(clock.now().monotonic);
  taken.submissions = std::move(round.submissions);
  if (!round.is_only_urgent) {
    taken.requests.assign(std::make_move_iterator(requests.begin()),
                          std::make_move_iterator(requests.end()));
    requests.clear();
  }
  return taken;
}

std::vector<Engine::Event> EngineThread::State::receive(std::chrono::nanoseconds longest) {
  if (doors.receive) return doors.receive(wake->descriptor(), longest);
  pollfd waited{wake->descriptor(), POLLIN, 0};
  host::poll_for({&waited, 1}, longest);
  return {};
}

void EngineThread::State::run() {
  while (true) {
    Taken taken = wait_and_take();
    if (taken.is_last) {
      (void)rounds.end(clock.now());  // what is lost was promised to nobody
      publish(taken.publish_asked);
      return;
    }
    serve(taken);
    if (taken.publish_asked > publish_served) publish(taken.publish_asked);
  }
}

void EngineThread::State::serve(Taken& taken) {
  Rounds::Work work;
  work.events = std::move(taken.events);
  for (const auto& submission : taken.submissions) {
    for (const auto& request : submission.requests) work.submissions.push_back(&request);
  }
  const std::size_t submitted = work.submissions.size();
  for (auto& request : taken.requests) work.questions.push_back(std::move(request.serve));
  // An open round would stand between: it ends.
  if (taken.publish_asked > publish_served) work.questions.emplace_back([](Now) {});
  auto outcome = rounds.play(std::move(work), clock.now());
  {
    const std::lock_guard lock(mutex);
    registry = engine.registry();
    if (outcome.ended) has_unpublished = engine.has_unpublished();
  }
  if (!outcome.ended) return;
  perform(outcome.effects);
  if (!outcome.durable) outcome.answers.assign(submitted, fail(outcome.durable.error()));
  std::span<Result<Submitted>> answers(outcome.answers);
  for (const auto& submission : taken.submissions) {
    submission.answer(answers.first(submission.requests.size()));
    answers = answers.subspan(submission.requests.size());
  }
  for (auto& request : taken.requests) request.answer(outcome.durable);
  if (outcome.durable) tell_listeners();
}

// A full disk: readers see what they saw, and ask again in a moment.
void EngineThread::State::publish(std::uint64_t asked) {
  const auto done = engine.publish();
  if (!done && done.error().code != ErrorCode::no_space) stop(done.error());
  {
    const std::lock_guard lock(mutex);
    if (!done) publish_again_at = clock.now().monotonic + kPublishAgain;
    publish_served = asked;
    publish_outcome = done;
    has_unpublished = engine.has_unpublished();
  }
  published.notify_all();
}

void EngineThread::State::perform(std::vector<Effect>& effects) {
  for (auto& effect : effects) {
    if (auto* frame = std::get_if<SendFrame>(&effect)) {
      if (doors.send) doors.send(std::move(frame->frame));
    } else if (std::holds_alternative<Reconnect>(effect)) {
      if (doors.reconnect) doors.reconnect();
    } else if (const auto* alert = std::get_if<Alert>(&effect)) {
      if (doors.alert) doors.alert(alert->text);
    } else if (const auto* ended = std::get_if<StopNow>(&effect)) {
      stop(ended->because);
    }
  }
}

void EngineThread::State::stop(const Error& because) {
  if (std::exchange(is_stopped, true)) return;
  if (doors.stop) doors.stop(because);
}

void EngineThread::State::tell_listeners() {
  const std::uint64_t newest = engine.newest_event();
  if (newest == told_event) return;
  told_event = newest;
  std::vector<std::function<void(std::uint64_t)>> told;
  {
    const std::lock_guard lock(mutex);
    told = listeners;
  }
  for (const auto& listener : told) listener(newest);
}

// The answer's promise lives until the engine thread has fulfilled it: this call waits for it.
template <class Answer>
Answer EngineThread::State::ask(std::function<Answer(Now)> question) {
  std::promise<Answer> promise;
  std::optional<Answer> made;
  auto answer = promise.get_future();
  {
    const std::lock_guard lock(mutex);
    if (ending || requests.size() >= kRequestsQueuedMax) return overloaded();
    requests.push_back({[&](Now now) { made.emplace(question(now)); },
                        [&](const Result<void>& synced) {
                          promise.set_value(synced ? std::move(*made)
                                                   : Answer(fail(synced.error())));
                        }});
    rouse();
  }
  return answer.get();
}

EngineThread::EngineThread(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([running = state_.get()] { running->run(); });
}

Result<std::unique_ptr<EngineThread>> EngineThread::start(Engine& engine, host::Clock& clock,
                                                          Doors doors) {
  KERUEN_TRY(auto wake, host::Wake::make());
  auto state = std::make_unique<State>(engine, clock, std::move(doors), std::move(wake));
  state->registry = engine.registry();
  state->has_unpublished = engine.has_unpublished();
  state->told_event = engine.newest_event();
  return std::unique_ptr<EngineThread>(new EngineThread(std::move(state)));
}

EngineThread::~EngineThread() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
    state_->rouse();
  }
  state_->thread.join();
}

Result<Submitted> EngineThread::submit(const SubmitRequest& request) {
  KERUEN_TRY(auto answers, submit_all({&request, 1}));
  return std::move(answers.front());
}

Result<std::vector<Result<Submitted>>> EngineThread::submit_all(
    std::span<const SubmitRequest> requests) {
  std::vector<Result<Submitted>> answers;
  if (requests.empty()) return answers;
  answers.reserve(requests.size());
  std::promise<void> answered;
  const auto answer = [&](std::span<Result<Submitted>> part) {
    std::ranges::move(part, std::back_inserter(answers));
    if (answers.size() == requests.size()) answered.set_value();
  };
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->ending || !state_->submissions.push(requests, answer)) return State::overloaded();
    state_->rouse();
  }
  answered.get_future().wait();
  return answers;
}

Result<std::optional<Submitted>> EngineThread::sent_before(const DuplicateKey& once,
                                                           const std::vector<PartyId>& to) {
  return state_->ask<Result<std::optional<Submitted>>>(
      [&](Now) { return state_->engine.sent_before(once, to); });
}

Result<std::vector<RecallAnswer>> EngineThread::recall(RecallRequest request) {
  return state_->ask<Result<std::vector<RecallAnswer>>>(
      [&](Now now) { return state_->engine.recall(request, now); });
}

Result<void> EngineThread::mark_read(ReadRequest request) {
  return state_->ask<Result<void>>([&](Now now) { return state_->engine.mark_read(request, now); });
}

Result<void> EngineThread::mark_processed(ProcessRequest request) {
  return state_->ask<Result<void>>(
      [&](Now now) { return state_->engine.mark_processed(request, now); });
}

Result<Status> EngineThread::status() {
  return state_->ask<Result<Status>>(
      [&](Now now) -> Result<Status> { return state_->engine.status(now); });
}

Result<void> EngineThread::publish() {
  std::unique_lock lock(state_->mutex);
  if (!state_->has_unpublished || state_->ending) return {};
  if (state_->clock.now().monotonic < state_->publish_again_at) return state_->publish_outcome;
  const std::uint64_t asked = ++state_->publish_asked;
  state_->rouse();
  state_->published.wait(lock, [&] { return state_->publish_served >= asked; });
  return state_->publish_outcome;
}

std::uint64_t EngineThread::newest_event() const { return state_->told_event; }

std::shared_ptr<const certs::Registry> EngineThread::registry() {
  const std::lock_guard lock(state_->mutex);
  return state_->registry;
}

void EngineThread::listen(std::function<void(std::uint64_t newest_event)> listener) {
  const std::lock_guard lock(state_->mutex);
  ensure(state_->listeners.size() < kListenersMax, "at most eight listeners");
  state_->listeners.push_back(std::move(listener));
}

}  // namespace keruen::engine
