// keruen-broker: reads the command line, the configuration and the keys, and runs the broker until
// it is told to stop.
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "broker/broker.h"
#include "certs/key_file.h"
#include "certs/passphrase.h"
#include "certs/random.h"
#include "schemas/host/clock.h"
#include "schemas/host/journal_limit.h"
#include "schemas/host/journal_sink.h"
#include "schemas/host/memory.h"
#include "schemas/host/posix_disk.h"

namespace keruen::broker {
namespace {

enum class Exit : int { stopped = 0, failed = 1, usage = 2, keys = 5 };

constexpr std::string_view kHelp =
    "keruen-broker --config broker/broker.toml\n"
    "\n"
    "Carries sealed messages between the agencies of an exchange; it can read none of them.\n"
    "\n"
    "  --config FILE           what it runs with; `keruen authority broker` writes it\n"
    "  --check-config          read the configuration, say what is wrong with it, start nothing\n"
    "  --accept-missing-guard  the signer's guard file is gone on purpose: begin a new one. Only\n"
    "                          when the log is known to be complete, never after a restore\n"
    "  --clock-is-right        this machine's clock is right although the log's newest entry is\n"
    "                          old and no time service says so\n"
    "  --version               print the version\n"
    "  --help                  print this\n"
    "\n"
    "SIGTERM and SIGINT end it cleanly.\n"
    "Exit codes: 0 stopped as asked, 1 failed, 2 usage or configuration, 5 keys.\n";

enum class Task : std::uint8_t { run, check_config, version, help };

struct Arguments {
  Task task = Task::run;
  std::string config;
  log::CheckpointSigner::MissingGuard missing_guard = log::CheckpointSigner::MissingGuard::refuse;
  Broker::ClockIs clock_is = Broker::ClockIs::unconfirmed;
};

void say(std::string_view words) {
  std::fprintf(stderr, "keruen-broker: %.*s\n", static_cast<int>(words.size()), words.data());
}

Exit fail_with(Exit code, const Error& error) {
  say(error.detail.empty() ? std::string(cause_of(error.code)) : error.detail);
  return code;
}

Result<Arguments> parse_arguments(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view value = values[i];
    if (value == "--help" || value == "-h") {
      arguments.task = Task::help;
    } else if (value == "--version") {
      arguments.task = Task::version;
    } else if (value == "--check-config") {
      arguments.task = Task::check_config;
    } else if (value == "--accept-missing-guard") {
      arguments.missing_guard = log::CheckpointSigner::MissingGuard::accept;
    } else if (value == "--clock-is-right") {
      arguments.clock_is = Broker::ClockIs::right;
    } else if (value == "--config" && i + 1 < count) {
      arguments.config = values[++i];
    } else if (value.starts_with("--config=")) {
      arguments.config = value.substr(std::strlen("--config="));
    } else {
      return fail(ErrorCode::malformed,
                  "unknown or unfinished argument " + std::string(value) + "; see --help");
    }
  }
  const bool needs_config = arguments.task == Task::run || arguments.task == Task::check_config;
  if (needs_config && arguments.config.empty()) {
    return fail(ErrorCode::malformed, "--config FILE is missing; see --help");
  }
  return arguments;
}

Result<certs::Unlock> unlock_for(host::Disk& disk, const host::BrokerConfig& config) {
  if (!config.credential_file.empty()) {
    return certs::Unlock::with_credential_file(disk, config.credential_file);
  }
  if (::isatty(STDIN_FILENO) == 0) {
    return fail(ErrorCode::denied,
                "keys.credential_file is not set and there is no terminal to ask for the "
                "passphrase; set it for an unattended start");
  }
  KERUEN_TRY(auto passphrase, certs::ask_passphrase("Passphrase of the broker's keys"));
  return certs::Unlock::with_passphrase(std::move(passphrase));
}

Result<BrokerKeys> load_keys(host::Disk& disk, const host::BrokerConfig& config) {
  KERUEN_TRY(const auto unlock, unlock_for(disk, config));
  KERUEN_TRY(const auto transport,
             certs::load_key(disk, config.transport_key_file, kTransportKeyPurpose, unlock));
  KERUEN_TRY(const auto log, certs::load_key(disk, config.log_key_file, kLogKeyPurpose, unlock));
  KERUEN_TRY(auto transport_pair, certs::TransportKeyPair::from_secret(transport.view()));
  KERUEN_TRY(auto log_pair, certs::SigningKeyPair::from_seed(log.view()));
  return BrokerKeys{std::move(transport_pair), std::move(log_pair)};
}

// The sd_notify protocol: one datagram to the socket systemd names; nothing without one.
void notify_manager(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  const std::size_t size = std::strlen(path);
  if (size >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, path, size);
  if (path[0] == '@') address.sun_path[0] = '\0';  // Linux's abstract names
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  static_cast<void>(::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), length));
  ::close(socket);
}

// SIGTERM and SIGINT as a descriptor, blocked before any thread of ours is there to be interrupted.
// Until then they end the program, however long a prompt or a recovery takes: the log stands that
// at any moment.
int stop_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

Exit run(const Arguments& arguments, const host::BrokerConfig& config, host::Disk& disk) {
  const host::SystemClock clock;
  certs::SystemRandomness randomness;
  auto journal = host::open_journal(config.journal, clock);
  if (!journal) return fail_with(Exit::failed, journal.error());
  auto keys = load_keys(disk, config);
  if (!keys) return fail_with(Exit::keys, keys.error());
  // Its lines are written for peers who do not trust each other.
  host::JournalLimit limit(**journal, clock);
  auto broker = Broker::open(config, std::move(*keys), arguments.missing_guard,
                             {disk, clock, limit, randomness, arguments.clock_is});
  if (!broker) {
    (*journal)->write_error(host::JournalLevel::error, "start_failed", broker.error());
    return fail_with(Exit::failed, broker.error());
  }
  const int stop = stop_signals();
  (*journal)->write(host::JournalLevel::info, "broker_started",
                    {{"origin", config.origin.text()}, {"endpoint", (*broker)->endpoint()}});
  say("serving " + config.origin.text() + " on " + (*broker)->endpoint());
  notify_manager("READY=1\nSTATUS=listening on " + (*broker)->endpoint());
  const auto served = (*broker)->run(stop);
  notify_manager("STOPPING=1");
  if (!served) return fail_with(Exit::failed, served.error());
  (*journal)->write(host::JournalLevel::info, "broker_stopped");
  say("stopped");
  return Exit::stopped;
}

Exit main_with(int count, char** values) {
  const auto arguments = parse_arguments(count, values);
  if (!arguments) return fail_with(Exit::usage, arguments.error());
  if (arguments->task == Task::help) {
    std::fwrite(kHelp.data(), 1, kHelp.size(), stdout);
    return Exit::stopped;
  }
  if (arguments->task == Task::version) {
    std::puts("keruen-broker " KERUEN_VERSION);
    return Exit::stopped;
  }
  host::PosixDisk disk;
  const auto config = host::load_broker_config(disk, arguments->config);
  if (!config) return fail_with(Exit::usage, config.error());
  if (arguments->task == Task::check_config) {
    say(arguments->config + " is in order");
    return Exit::stopped;
  }
  return run(*arguments, *config, disk);
}

}  // namespace
}  // namespace keruen::broker

int main(int count, char** values) {
  keruen::host::keep_freed_memory();
  return static_cast<int>(keruen::broker::main_with(count, values));
}
