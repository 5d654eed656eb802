#include "agents/cli/passphrase.h"

#include <pwd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace keruen::cli {
namespace {

constexpr std::size_t kPassphraseBytesMax = 1024;
constexpr std::size_t kPassphraseBytesMin = 8;

// Echo comes back however the reading ends.
class Silence {
 public:
  Silence() {
    tcgetattr(STDIN_FILENO, &before_);
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~Silence() { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  termios before_{};
};

certs::SecretBytes read_line(const std::string& prompt) {
  std::fprintf(stderr, "%s: ", prompt.c_str());
  std::fflush(stderr);
  const Silence silence;
  certs::SecretBytes buffer(kPassphraseBytesMax);
  std::size_t size = 0;
  char character = 0;
  while (size < kPassphraseBytesMax && read(STDIN_FILENO, &character, 1) == 1 &&
         character != '\n') {
    buffer.writable()[size++] = static_cast<std::uint8_t>(character);
  }
  std::fputs("\n", stderr);
  return certs::SecretBytes(buffer.view().first(size));
}

}  // namespace

Result<certs::Unlock> unlock_with(host::Disk& disk, const std::string& credential,
                                  const std::string& what, Ask ask) {
  if (!credential.empty()) return certs::Unlock::with_credential_file(disk, credential);
  if (isatty(STDIN_FILENO) != 1) {
    return fail(ErrorCode::denied, "a passphrase is needed for " + what +
                                       ", and nobody is at a terminal to type it; give "
                                       "--credential FILE instead");
  }
  certs::SecretBytes first = read_line("Passphrase for " + what);
  if (ask == Ask::twice) {
    if (first.size() < kPassphraseBytesMin) {
      return fail(ErrorCode::malformed, "a new passphrase needs at least " +
                                            std::to_string(kPassphraseBytesMin) +
                                            " characters; five words are better");
    }
    const certs::SecretBytes second = read_line("The same again");
    if (!certs::equal_in_constant_time(first.view(), second.view())) {
      return fail(ErrorCode::malformed, "the two passphrases differ; nothing was made");
    }
  }
  return certs::Unlock::with_passphrase(std::move(first));
}

std::string account_name() {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    return entry.pw_name;
  }
  return std::to_string(geteuid());
}

bool confirmed(const std::string& question) {
  if (isatty(STDIN_FILENO) != 1) return true;
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::fflush(stderr);
  const int answer = std::getchar();
  return answer == 'y' || answer == 'Y';
}

}  // namespace keruen::cli
