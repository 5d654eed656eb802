#include "agents/forwarder/folder_events.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace keruen::forwarder {
namespace {

constexpr std::uint32_t kWritten = IN_CREATE | IN_MODIFY;
constexpr std::uint32_t kWhole = IN_CLOSE_WRITE | IN_MOVED_TO;
constexpr std::uint32_t kMask = kWritten | kWhole | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;

}  // namespace

Result<std::unique_ptr<FolderEvents>> FolderEvents::open() {
  const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) {
    return fail(ErrorCode::io_failed,
                "cannot watch folders: " + std::generic_category().message(errno));
  }
  return std::unique_ptr<FolderEvents>(new FolderEvents(descriptor));
}

FolderEvents::~FolderEvents() { ::close(descriptor_); }

void FolderEvents::watch(const std::string& folder, const std::string& path) {
  // The same folder gets the same number again; one that was made anew gets a new one.
  const int number = ::inotify_add_watch(descriptor_, path.c_str(), kMask);
  if (number >= 0) folders_[number] = folder;
}

FolderEvents::Told FolderEvents::collect() {
  Told told;
  alignas(inotify_event) std::array<char, 64 * 1024> buffer;
  while (true) {
    const ssize_t size = ::read(descriptor_, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return told;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(size);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      at += sizeof event + event.len;
      if ((event.mask & IN_MODIFY) == 0) told.anything = true;
      if ((event.mask & IN_IGNORED) != 0) folders_.erase(event.wd);
      const auto folder = folders_.find(event.wd);
      const bool is_of_file = (event.mask & (kWritten | kWhole)) != 0;
      if (!is_of_file || folder == folders_.end() || event.len == 0) continue;
      using enum ToldFile::State;
      told.files.push_back({folder->second, std::string(name, ::strnlen(name, event.len)),
                            (event.mask & kWhole) != 0 ? closed : being_written});
    }
  }
}

}  // namespace keruen::forwarder
