#include "agents/cli/passphrase.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "certs/passphrase.h"

namespace keruen::cli {
namespace {

constexpr std::size_t kPassphraseBytesMin = 8;

}  // namespace

Result<certs::Unlock> unlock_with(host::Disk& disk, const std::string& credential,
                                  const std::string& what, Ask ask) {
  if (!credential.empty()) return certs::Unlock::with_credential_file(disk, credential);
  if (isatty(STDIN_FILENO) != 1) {
    return fail(ErrorCode::denied, "a passphrase is needed for " + what +
                                       ", and nobody is at a terminal to type it; give "
                                       "--credential FILE instead");
  }
  KERUEN_TRY(auto first, certs::ask_passphrase("Passphrase for " + what));
  if (ask == Ask::twice) {
    if (first.size() < kPassphraseBytesMin) {
      return fail(ErrorCode::malformed, "a new passphrase needs at least " +
                                            std::to_string(kPassphraseBytesMin) +
                                            " characters; five words are better");
    }
    KERUEN_TRY(const auto second, certs::ask_passphrase("The same again"));
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

Answer ask_to_confirm(const std::string& question) {
  if (isatty(STDIN_FILENO) != 1) return Answer::nobody_there;
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::fflush(stderr);
  const int answer = std::getchar();
  return answer == 'y' || answer == 'Y' ? Answer::yes : Answer::no;
}

}  // namespace keruen::cli
