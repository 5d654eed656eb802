#include "certs/passphrase.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

namespace keruen::certs {
namespace {

// Echo comes back however the reading ends: what would end the program waits until it is back, and
// ends it then.
class Silence {
 public:
  explicit Silence(const termios& before) : before_(before) {
    sigset_t ending;
    ::sigemptyset(&ending);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::sigaddset(&ending, signal);
    ::pthread_sigmask(SIG_BLOCK, &ending, &mask_before_);
    ending_ = ::signalfd(-1, &ending, SFD_CLOEXEC);
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~Silence() {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::fputs("\n", stderr);
    if (ending_ >= 0) ::close(ending_);
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

  // False: a signal that ends the program waits.
  [[nodiscard]] bool wait_for_input() const {
    std::array<pollfd, 2> waited{{{STDIN_FILENO, POLLIN, 0}, {ending_, POLLIN, 0}}};
    while (::poll(waited.data(), waited.size(), -1) < 0) {
      if (errno != EINTR) return false;
    }
    return (waited[1].revents & POLLIN) == 0;
  }

 private:
  termios before_;
  sigset_t mask_before_{};
  int ending_ = -1;
};

}  // namespace

Result<SecretBytes> ask_passphrase(const std::string& prompt) {
  termios before{};
  if (::tcgetattr(STDIN_FILENO, &before) != 0) {
    return fail(ErrorCode::denied, "nobody is at a terminal to type the passphrase");
  }
  std::fprintf(stderr, "%s: ", prompt.c_str());
  std::fflush(stderr);
  const Silence silence(before);
  SecretBytes typed(kPassphraseBytesMax);
  const auto room = typed.writable();
  std::size_t size = 0;
  while (true) {
    if (!silence.wait_for_input()) {
      return fail(ErrorCode::denied, "interrupted before a passphrase was typed");
    }
    if (size == room.size() || ::read(STDIN_FILENO, &room[size], 1) != 1) break;
    if (room[size] == '\n') break;
    ++size;
  }
  return SecretBytes(typed.view().first(size));
}

}  // namespace keruen::certs
