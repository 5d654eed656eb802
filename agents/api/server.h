// The agent's API on a Unix socket: one process-wide listener, one thread per connection.
// Shape: schemas/api/openapi.yaml.   Threads: start() and the destructor from one thread.
// Lifetime: engine, disk, clock, journal outlive it; stops, joins and removes the socket at its
// end.
//
// The caller's account, as the kernel states it, decides which officer speaks; an account that
// no officer has is refused. At most kConnectionsMax connections; one more is refused: overloaded.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agents/engine/engine_thread.h"
#include "certs/secret.h"
#include "schemas/content/sealed_header.h"

namespace keruen::host {
class Clock;
class Disk;
class Journal;
}  // namespace keruen::host

namespace keruen::api {

inline constexpr std::size_t kConnectionsMax = 48;

struct ServerOptions {
  std::string socket_path;  // at most 107 bytes
  std::string store_path;
  std::string upload_directory;
  AgencyId agency;
  std::map<std::string, content::Author> officers;  // by account name of this machine
  // What keeps the forwarder from its work just now, from any thread; empty: there is none here.
  std::function<std::vector<std::string>()> forwarder_faults{};
};

class Server {
 public:
  // io_failed: the socket cannot be made. not_found: its folder is not there. malformed: its path
  // is too long, or names something else, which stays. denied: another agent listens there.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(ServerOptions options,
                                                             engine::EngineThread& engine,
                                                             const certs::SecretBytes& store_key,
                                                             host::Disk& disk, host::Clock& clock,
                                                             host::Journal& journal);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::api
