// keruen-agent: one agency's agent, unattended for years. Builds the parts and hands them to each
// other; holds nothing itself.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "agents/api/server.h"
#include "agents/authority/agency_files.h"
#include "agents/authority/invitation.h"
#include "agents/engine/engine_thread.h"
#include "agents/forwarder/hot_folder.h"
#include "agents/link/link.h"
#include "agents/store/store.h"
#include "certs/passphrase.h"
#include "schemas/host/agent_config.h"
#include "schemas/host/clock.h"
#include "schemas/host/journal_sink.h"
#include "schemas/host/memory.h"
#include "schemas/host/posix_disk.h"

namespace keruen::agents {
namespace {

enum ExitStatus : int { kOk = 0, kFailed = 1, kUsage = 2, kKeys = 5 };

constexpr const char* kUsageText =
    "keruen-agent: an agency's agent\n\n"
    "Example:\n  keruen-agent --config customs/agent.toml\n\n"
    "  --config FILE     agent.toml, as `keruen agency init` wrote it\n"
    "  --go-on-after-halt\n"
    "                    the evidence that stopped this agent was looked at: take and send again\n"
    "  --check-config    read the configuration, say what is wrong with it, and stop\n"
    "  --version\n  --help\n\n"
    "Exit codes: 0 ok, 1 failed, 2 usage or configuration, 5 keys or access\n";

struct Arguments {
  std::string config;
  bool check_only = false;
  engine::EngineOptions::AfterHalt after_halt = engine::EngineOptions::AfterHalt::stay_halted;
};

int explain(const Error& error, ExitStatus status) {
  std::fprintf(stderr, "keruen-agent: %s\n  %s (%s)\n", error.detail.c_str(),
               std::string(remedy_of(error.code)).c_str(),
               std::string(name_of(error.code)).c_str());
  return status;
}

ExitStatus status_of(const Error& error) {
  return error.code == ErrorCode::denied || error.code == ErrorCode::bad_signature ? kKeys
                                                                                   : kFailed;
}

// systemd's readiness protocol, where NOTIFY_SOCKET names its socket. Source: sd_notify(3).
void notify(const char* state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || std::strlen(path) >= sizeof(sockaddr_un::sun_path)) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  sendto(socket, state, std::strlen(state), MSG_NOSIGNAL,
         reinterpret_cast<const sockaddr*>(&address), size);
  close(socket);
}

// Blocked in every thread before the first is made; waited for here. Until then they end the
// program, as a person at the passphrase expects; what is on disk stands that at any moment.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGUSR1);  // the engine's way to end the wait
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  void wait() const {
    int signal = 0;
    while (sigwait(&set_, &signal) != 0) {
    }
  }
  static void end_wait() { kill(getpid(), SIGUSR1); }

 private:
  sigset_t set_{};
};

// A person opens the keys where no credential file does.
Result<certs::Unlock> unlock(host::Disk& disk, const host::AgentConfig& config) {
  if (!config.credential_file.empty()) {
    return certs::Unlock::with_credential_file(disk, config.credential_file);
  }
  if (isatty(STDIN_FILENO) != 1) {
    return fail(ErrorCode::denied,
                "the keys need a passphrase and nobody is at a terminal; name a credential file "
                "under [keys] in agent.toml");
  }
  KERUEN_TRY(auto passphrase,
             certs::ask_passphrase("Passphrase of the keys of " + config.agency.text()));
  return certs::Unlock::with_passphrase(std::move(passphrase));
}

Result<authority::AgencyKeys> load_keys(host::Disk& disk, const host::AgentConfig& config) {
  KERUEN_TRY(const auto opened, unlock(disk, config));
  return authority::load_agency_keys(disk, config.keys_directory, config.agency, opened);
}

std::map<std::string, content::Author> officers_of(const host::AgentConfig& config) {
  std::map<std::string, content::Author> officers;
  for (const auto& [account, officer] : config.officers) {
    officers[account] = {{officer.id}, officer.name, officer.role, officer.unit};
  }
  return officers;
}

std::string store_file(const host::AgentConfig& config) {
  return authority::path_in(config.store_directory, "store.sqlite");
}

Result<link::Target> target_of(const engine::Engine& engine, const host::AgentConfig& config) {
  KERUEN_TRY(auto target, link::target_of(engine));
  if (!config.broker_endpoint.empty()) target.options.endpoint = config.broker_endpoint;
  return target;
}

// Everything in the order of its dependence; destruction in reverse ends it cleanly.
Result<void> run(const host::AgentConfig& config, engine::EngineOptions::AfterHalt after_halt,
                 authority::AgencyKeys keys, host::Disk& disk, host::Clock& clock,
                 host::Journal& journal) {
  KERUEN_TRY(const auto invitation, authority::load_invitation(disk, config.invitation_file));
  if (const auto made = disk.make_directory(config.store_directory); !made) {
    return fail(made.error().code,
                made.error().detail +
                    "; `directory` under [store] in agent.toml must name a folder that the agent's "
                    "account may make or write: give it that, or name another");
  }
  KERUEN_TRY(const auto lock, disk.lock_directory(config.store_directory));
  certs::SystemRandomness randomness;
  KERUEN_TRY(const auto store, store::Store::open(store_file(config), keys.store_key, randomness));
  const Signals signals;
  KERUEN_TRY(const auto backfiller,
             host::Backfiller::start(store_file(config), "the store", store::kLogLengths));
  store->on_log_grown([&](std::size_t pages) { return backfiller->log_grown(pages); });

  engine::EngineOptions options;
  options.agency = config.agency;
  options.origin = invitation.origin;
  options.trusted = invitation.authorities;
  options.log_keys = invitation.log_keys;
  options.broker_endpoint = invitation.broker_endpoint;
  options.broker_key = invitation.broker_key;
  options.store_directory = config.store_directory;
  options.keep = config.keep;
  options.after_halt = after_halt;
  engine::InitialKeys initial{std::move(keys.identity), std::move(keys.signing),
                              std::move(keys.transport)};
  KERUEN_TRY(const auto core, engine::Engine::open(std::move(options), std::move(initial), *store,
                                                   randomness, disk, journal, clock.now()));

  // SQLite passes over a folder that cannot be synced; its log was made by now.
  KERUEN_CHECK(disk.sync_directory(config.store_directory));

  KERUEN_TRY(const auto link,
             link::Link::make([&] { return target_of(*core, config); }, randomness, journal));
  std::optional<Error> stopped_by;
  auto doors = link::doors_to(*link);
  doors.alert = [&](const std::string& text) {
    journal.write(host::JournalLevel::warning, "alert", {{"text", text}});
  };
  doors.stop = [&](const Error& error) {
    stopped_by = error;
    Signals::end_wait();
  };
  KERUEN_TRY(const auto engine, engine::EngineThread::start(*core, clock, std::move(doors)));

  std::unique_ptr<forwarder::HotFolder> forwarder;
  if (config.forwarder) {
    KERUEN_TRY(auto reader, store::Reader::open(store_file(config), keys.store_key,
                                                [&engine] { return engine->publish(); }));
    forwarder::HotFolderOptions folders;
    folders.agency = config.agency;
    folders.outgoing_directory = config.forwarder->outgoing_directory;
    folders.incoming_directory = config.forwarder->incoming_directory;
    folders.state_directory = config.store_directory;
    KERUEN_TRY(forwarder, forwarder::HotFolder::start(std::move(folders), *engine,
                                                      std::move(reader), disk, clock, journal));
  }
  api::ServerOptions api_options;
  api_options.socket_path = config.socket_file;
  api_options.store_path = store_file(config);
  api_options.upload_directory = authority::path_in(config.store_directory, "uploads");
  api_options.agency = config.agency;
  api_options.officers = officers_of(config);
  if (forwarder) api_options.forwarder_faults = [&forwarder] { return forwarder->faults(); };
  KERUEN_TRY(const auto server, api::Server::start(std::move(api_options), *engine, keys.store_key,
                                                   disk, clock, journal));
  link->start();
  journal.write(host::JournalLevel::info, "started",
                {{"agency", config.agency.text()}, {"version", KERUEN_VERSION}});
  std::fprintf(stderr, "keruen-agent of %s answers at %s\n", config.agency.text().c_str(),
               config.socket_file.c_str());
  notify("READY=1");
  signals.wait();
  notify("STOPPING=1");
  journal.write(host::JournalLevel::info, "stopping", {});
  if (stopped_by) return fail(*stopped_by);
  return {};
}

int start(const Arguments& arguments) {
  host::PosixDisk disk;
  host::SystemClock clock;
  const auto config = host::load_agent_config(disk, arguments.config);
  if (!config) {
    return explain(config.error(), kUsage);
  }
  if (arguments.check_only) {
    std::printf("%s: the configuration of %s is complete\n", arguments.config.c_str(),
                config->agency.text().c_str());
    return kOk;
  }
  auto journal = host::open_journal(config->journal, clock);
  if (!journal) return explain(journal.error(), status_of(journal.error()));
  auto keys = load_keys(disk, *config);
  if (!keys) {
    (*journal)->write_error(host::JournalLevel::error, "stopped", keys.error());
    return explain(keys.error(), kKeys);
  }
  const auto done = run(*config, arguments.after_halt, std::move(*keys), disk, clock, **journal);
  if (done) return kOk;
  (*journal)->write_error(host::JournalLevel::error, "stopped", done.error());
  return explain(done.error(), status_of(done.error()));
}

int main_with(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--config" && i + 1 < argc) {
      arguments.config = argv[++i];
    } else if (word == "--go-on-after-halt") {
      arguments.after_halt = engine::EngineOptions::AfterHalt::go_on;
    } else if (word == "--check-config") {
      arguments.check_only = true;
    } else if (word == "--version") {
      std::puts("keruen-agent " KERUEN_VERSION);
      return kOk;
    } else if (word == "--help") {
      std::fputs(kUsageText, stdout);
      return kOk;
    } else {
      std::fprintf(stderr, "keruen-agent: unknown or incomplete \"%s\"\n\n%s", word.c_str(),
                   kUsageText);
      return kUsage;
    }
  }
  if (arguments.config.empty()) {
    std::fprintf(stderr, "keruen-agent: --config is missing\n\n%s", kUsageText);
    return kUsage;
  }
  return start(arguments);
}

}  // namespace
}  // namespace keruen::agents

int main(int argc, char** argv) {
  keruen::host::keep_freed_memory();
  return keruen::agents::main_with(argc, argv);
}
