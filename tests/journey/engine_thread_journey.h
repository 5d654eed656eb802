// A journey whose border guard's engine goes to a thread of its own, as its agent runs it.
// Threads: the test's and the engine's.   Lifetime: whatever asks `engine` ends before it.
#pragma once

#include "agents/engine/engine_thread.h"
#include "tests/journey/journey.h"
#include "tests/support/turned_clock.h"

namespace keruen {

class EngineThreadJourney : public Journey {
 protected:
  // From here on the engine belongs to its thread; the broker is out of reach.
  void start_engine_thread() {
    start_all();
    agent(kGuard).disconnect(broker, now());
    clock = std::make_unique<TurnedClock>(now());
    engine = *engine::EngineThread::start(agent(kGuard).engine(), *clock, {});
  }

  std::unique_ptr<TurnedClock> clock;
  std::unique_ptr<engine::EngineThread> engine;
};

}  // namespace keruen
