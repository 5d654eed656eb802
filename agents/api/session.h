// One connection of the API: reads requests, answers them, streams what is long.
// Shape: HTTP/1.1 with keep-alive; header at most 16 KiB, bodies as each route allows.
// Threads: run() on its own thread; stop() from any.
// Lifetime: the doors outlive it.
//
// A deadline stands on every request and answer. Content-Length beside Transfer-Encoding is refused
// by the parser (request smuggling); bytes are never held but for JSON bodies.
#pragma once

#include <memory>
#include <string>

#include "agents/api/event_signal.h"
#include "agents/api/routes.h"

namespace keruen::host {
class Journal;
}

namespace keruen::api {

// What a session works with.
struct Doors {
  engine::EngineThread& engine;
  Uploads& uploads;
  EventSignal& events;
  host::Clock& clock;
  host::Journal& journal;
  AgencyId self;
  std::function<std::vector<std::string>()> forwarder_faults{};  // ServerOptions
};

class Session {
 public:
  Session(int descriptor, content::Author officer, std::unique_ptr<store::Reader> reader,
          Doors doors);
  ~Session();
  void run();
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keruen::api
