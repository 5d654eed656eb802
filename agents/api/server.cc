#include "agents/api/server.h"

#include <poll.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <list>
#include <thread>

#include "agents/api/problem.h"
#include "agents/api/session.h"
#include "schemas/host/clock.h"
#include "schemas/host/config_value.h"
#include "schemas/host/disk.h"
#include "schemas/host/journal.h"

namespace keruen::api {
namespace {

constexpr mode_t kSocketMode = 0660;
constexpr int kPendingMax = 64;

Error system_error(const std::string& what) {
  return {ErrorCode::io_failed, what + ": " + std::strerror(errno)};
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  return address;
}

bool somebody_listens(const std::string& path) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const sockaddr_un address = address_of(path);
  const bool connected =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return connected;
}

// A slip in agent.toml may name a file that nothing brings back, such as the credential.
Result<void> remove_socket(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) {
    return fail(ErrorCode::malformed,
                "there is something at " + path +
                    " that is no socket; name another path under [api] in agent.toml");
  }
  if (unlink(path.c_str()) != 0) return fail(system_error("cannot remove the socket " + path));
  return {};
}

Error cannot_listen(const std::string& path) {
  if (errno != ENOENT) return system_error("cannot listen at " + path);
  return {ErrorCode::not_found, "cannot listen at " + path +
                                    ": its folder does not exist; make it, or let the agent's unit "
                                    "do so (RuntimeDirectory=)"};
}

Result<int> listen_at(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(ErrorCode::malformed, "the socket path " + path +
                                          " is longer than 107 bytes; "
                                          "choose a shorter one under [api] in agent.toml");
  }
  if (somebody_listens(path)) {
    return fail(ErrorCode::denied, "another agent already answers at " + path +
                                       "; stop it first, or give this one another socket");
  }
  KERUEN_CHECK(remove_socket(path));  // a leftover of a process that ended hard
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return fail(system_error("cannot make a socket"));
  const sockaddr_un address = address_of(path);
  // Who may connect is decided by account; the group may reach the socket, others may not. Nobody
  // reaches it before listen(), so that its mode is never a wider one; a umask would be that of
  // every thread's files.
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      chmod(path.c_str(), kSocketMode) != 0 || listen(listener, kPendingMax) != 0) {
    const Error error = cannot_listen(path);
    close(listener);
    return fail(error);
  }
  return listener;
}

std::string account_of(uid_t user) {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return entry.pw_name;
  }
  return std::to_string(user);
}

}  // namespace

struct Server::State {
  struct Running {
    std::unique_ptr<Session> session;
    std::thread thread;
    std::atomic<bool> done{false};
  };

  ServerOptions options;
  certs::SecretBytes store_key;
  host::Journal& journal;
  std::unique_ptr<Uploads> uploads;
  // The engine's listener outlives this server.
  std::shared_ptr<EventSignal> events = std::make_shared<EventSignal>();
  Doors doors;
  int listener;
  int stop_signal;
  std::list<Running> running;
  std::thread acceptor;

  State(ServerOptions given, engine::EngineThread& engine, const certs::SecretBytes& key,
        std::unique_ptr<Uploads> upload_store, host::Clock& clock, host::Journal& to, int socket)
      : options(std::move(given)),
        store_key(key.duplicate()),
        journal(to),
        uploads(std::move(upload_store)),
        doors{engine, *uploads, *events, clock, to, options.agency, options.forwarder_faults},
        listener(socket),
        stop_signal(eventfd(0, EFD_CLOEXEC)) {}

  ~State() {
    const std::uint64_t one = 1;
    static_cast<void>(write(stop_signal, &one, sizeof one));
    if (acceptor.joinable()) acceptor.join();
    events->end();
    for (Running& each : running) each.session->stop();
    for (Running& each : running) each.thread.join();
    close(listener);
    close(stop_signal);
    static_cast<void>(remove_socket(options.socket_path));
  }

  void accept_all();
  void admit(int descriptor);
  void turn_away(int descriptor, const Error& error, const std::string& problem);
  void forget_finished();
};

void Server::State::forget_finished() {
  for (auto each = running.begin(); each != running.end();) {
    if (!each->done) {
      ++each;
      continue;
    }
    each->thread.join();
    each = running.erase(each);
  }
}

// Before a session begins: nothing of the request was read, and no answer of it fills a buffer.
void Server::State::turn_away(int descriptor, const Error& error, const std::string& problem) {
  const std::string text =
      "HTTP/1.1 " + std::to_string(http_status_of(error.code)) +
      " Refused\r\nContent-Type: " + kProblemMediaType +
      "\r\nConnection: close\r\nContent-Length: " + std::to_string(problem.size()) + "\r\n\r\n" +
      problem;
  static_cast<void>(send(descriptor, text.data(), text.size(), MSG_NOSIGNAL));
  journal.write_error(host::JournalLevel::warning, "api_refused", error);
  shutdown(descriptor, SHUT_WR);
  close(descriptor);
}

void Server::State::admit(int descriptor) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    close(descriptor);
    return;
  }
  const std::string account = account_of(peer.uid);
  const auto officer = options.officers.find(account);
  if (officer == options.officers.end()) {
    const Error error{ErrorCode::denied,
                      "the account \"" + account + "\" is no officer here: add [officers." +
                          host::quoted_toml(account) + "] to agent.toml and restart the agent"};
    return turn_away(descriptor, error, account_problem_json(error));
  }
  auto reader =
      store::Reader::open(options.store_path, store_key, [this] { return doors.engine.publish(); });
  if (!reader) return turn_away(descriptor, reader.error(), problem_json(reader.error()));
  Running& started = running.emplace_back();
  started.session =
      std::make_unique<Session>(descriptor, officer->second, std::move(*reader), doors);
  started.thread = std::thread([&started] {
    started.session->run();
    started.done = true;
  });
}

void Server::State::accept_all() {
  while (true) {
    std::array<pollfd, 2> waiting = {pollfd{listener, POLLIN, 0}, pollfd{stop_signal, POLLIN, 0}};
    if (poll(waiting.data(), waiting.size(), 1000) < 0 && errno != EINTR) return;
    if ((waiting[1].revents & POLLIN) != 0) return;
    forget_finished();
    uploads->remove_old(doors.clock.now());
    if ((waiting[0].revents & POLLIN) == 0) continue;
    const int descriptor = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) continue;
    if (running.size() >= kConnectionsMax) {
      const Error error{ErrorCode::overloaded,
                        std::to_string(kConnectionsMax) +
                            " connections are open, as many as this agent serves; close a `keruen "
                            "watch`, then try again"};
      turn_away(descriptor, error, problem_json(error));
      continue;
    }
    admit(descriptor);
  }
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, engine::EngineThread& engine,
                                              const certs::SecretBytes& store_key, host::Disk& disk,
                                              host::Clock& clock, host::Journal& journal) {
  KERUEN_TRY(auto uploads, Uploads::open(disk, options.upload_directory));
  KERUEN_TRY(const int listener, listen_at(options.socket_path));
  auto state = std::make_unique<State>(std::move(options), engine, store_key, std::move(uploads),
                                       clock, journal, listener);
  State& running = *state;
  engine.listen([events = running.events](std::uint64_t newest) { events->announce(newest); });
  running.events->announce(engine.newest_event());
  running.acceptor = std::thread([&running] { running.accept_all(); });
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

}  // namespace keruen::api
