#include "tests/bench/child_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace keruen::bench {
namespace {

// Fields of /proc/PID/stat after the name, which may hold blanks and parentheses.
constexpr std::size_t kGroup = 2;
constexpr std::size_t kUserTicks = 11;
constexpr std::size_t kSystemTicks = 12;

std::vector<std::string> stat_of(const std::filesystem::path& process) {
  std::ifstream file(process / "stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  std::vector<std::string> stat{std::istream_iterator<std::string>(fields), {}};
  return stat.size() > kSystemTicks ? stat : std::vector<std::string>();
}

void add_cost(ProcessCost& cost, const std::filesystem::path& process,
              const std::vector<std::string>& stat) {
  const std::int64_t ticks = std::stoll(stat[kUserTicks]) + std::stoll(stat[kSystemTicks]);
  cost.cpu += std::chrono::nanoseconds(ticks * (1'000'000'000 / sysconf(_SC_CLK_TCK)));
  std::ifstream status(process / "status");
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kibibytes = 0;
    words >> key >> kibibytes;
    if (key == "VmRSS:") cost.memory_bytes += kibibytes * 1024;
    if (key == "VmHWM:") cost.memory_peak_bytes += kibibytes * 1024;
  }
}

std::vector<char*> words_of(const std::vector<std::string>& texts) {
  std::vector<char*> words;
  for (const auto& text : texts) words.push_back(const_cast<char*>(text.c_str()));
  words.push_back(nullptr);
  return words;
}

}  // namespace

ProcessCost own_cost() {
  ProcessCost cost;
  add_cost(cost, "/proc/self", stat_of("/proc/self"));
  return cost;
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(
    const std::vector<std::string>& arguments, const std::string& output_file,
    const std::vector<std::string>& environment) {
  std::vector<std::string> settings = environment;
  for (char** setting = environ; *setting != nullptr; ++setting) settings.emplace_back(*setting);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output_file.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  auto words = words_of(arguments);
  auto names = words_of(settings);
  pid_t process = 0;
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int failed =
      ::posix_spawnp(&process, words.front(), &actions, &attributes, words.data(), names.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return fail(ErrorCode::not_found,
                "cannot start " + arguments.front() + ": " + std::strerror(failed));
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(process, output_file));
}

ChildProcess::~ChildProcess() { stop(); }

bool ChildProcess::is_running() {
  if (process_ == 0) return false;
  if (::waitpid(process_, nullptr, WNOHANG) == 0) return true;
  process_ = 0;
  return false;
}

ProcessCost ChildProcess::cost() const {
  ProcessCost cost;
  const std::string group = std::to_string(process_);
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (entry.path().filename().string().find_first_not_of("0123456789") != std::string::npos) {
      continue;
    }
    const auto stat = stat_of(entry.path());  // empty: it ended meanwhile
    if (!stat.empty() && stat[kGroup] == group) add_cost(cost, entry.path(), stat);
  }
  return cost;
}

void ChildProcess::stop(std::chrono::seconds patience) {
  if (!is_running()) return;
  ::kill(-process_, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (is_running()) {
    if (std::chrono::steady_clock::now() > until) return kill();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void ChildProcess::kill() {
  if (!is_running()) return;
  ::kill(-process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = 0;
}

std::string ChildProcess::last_words() const {
  constexpr std::size_t kWords = 2000;
  std::ifstream file(output_file_);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return text.size() <= kWords ? text : text.substr(text.size() - kWords);
}

Result<int> free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = socket >= 0 &&
                     ::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (socket >= 0) ::close(socket);
  if (!bound) return fail(ErrorCode::io_failed, "no port of 127.0.0.1 is free");
  return static_cast<int>(ntohs(address.sin_port));
}

}  // namespace keruen::bench
