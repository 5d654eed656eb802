#include "broker/core_loop.h"

#include <array>

namespace keruen::broker {

std::optional<Error> CoreLoop::run() {
  while (!is_over_) {
    std::array<pollfd, 2> called = {pollfd{parts_.wake.descriptor(), POLLIN, 0},
                                    pollfd{parts_.stop_descriptor, POLLIN, 0}};
    // The stop is level-triggered: once seen it must not keep the loop awake.
    parts_.router.wait(std::span(called).first(is_stopping_ ? 1 : 2), kTickEvery);
    const Now now = parts_.clock.now();
    if (called[1].revents != 0) {
      is_stopping_ = true;
      handle(StopRequested{}, now);
    }
    // Before what it rang for is taken: who rings meanwhile must be heard.
    if (called[0].revents != 0) parts_.wake.quiet();
    collect(now);
    look_after(now);
    hand_on();
  }
  return because_;
}

void CoreLoop::collect(Now now) {
  for (auto& arrival : parts_.router.receive(now)) {
    std::visit([&](auto&& one) { handle(Event(std::forward<decltype(one)>(one)), now); },
               std::move(arrival));
  }
  for (LogEvent& event : parts_.log.take()) handle(std::move(event), now);
  for (ReadAnswer& answer : parts_.reader.take()) handle(std::move(answer), now);
  for (LogFault& fault : parts_.caretaker.take()) handle(LogEvent(std::move(fault)), now);
  for (SigningEvent& event : parts_.signer.take()) {
    std::visit([&](auto&& one) { handle(Event(std::forward<decltype(one)>(one)), now); },
               std::move(event));
  }
}

void CoreLoop::look_after(Now now) {
  if (now.monotonic - ticked_at_ >= kTickEvery) {
    ticked_at_ = now.monotonic;
    handle(Tick{}, now);
  }
  if (now.monotonic - chore_at_ >= kChoreEvery) {
    chore_at_ = now.monotonic;
    if (auto submission = parts_.chore(now)) for_log_.push_back(std::move(*submission));
  }
}

void CoreLoop::hand_on() {
  while (!for_log_.empty() && parts_.log.submit(for_log_.front())) for_log_.pop_front();
  while (!for_reader_.empty() && parts_.reader.submit(for_reader_.front())) {
    for_reader_.pop_front();
  }
}

void CoreLoop::handle(Event event, Now now) {
  if (is_over_) return;
  for (Effect& effect : parts_.exchange.handle(std::move(event), now)) {
    carry_out(std::move(effect), now);
  }
}

void CoreLoop::carry_out(Effect effect, Now now) {
  if (auto* frame = std::get_if<SendFrame>(&effect)) {
    parts_.router.send(std::move(*frame), now);
  } else if (const auto* closing = std::get_if<CloseConnection>(&effect)) {
    parts_.router.close(*closing, now);
  } else if (auto* submitted = std::get_if<SubmitToLog>(&effect)) {
    for_log_.push_back(std::move(submitted->submission));
  } else if (auto* read = std::get_if<Read>(&effect)) {
    for_reader_.push_back(std::move(read->request));
  } else if (const auto* wanted = std::get_if<RequestCheckpoint>(&effect)) {
    // Asked for again in a second if the signer has too much to do.
    static_cast<void>(parts_.signer.submit(wanted->size));
  } else if (const auto* shut = std::get_if<ShutDoor>(&effect)) {
    parts_.router.shut_door(shut->transport_key, shut->until);
  } else {
    is_over_ = true;
    because_ = std::get<StopNow>(std::move(effect)).because;
  }
}

}  // namespace keruen::broker
