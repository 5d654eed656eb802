#include "agents/forwarder/drop_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <system_error>

namespace keruen::forwarder {
namespace {

constexpr std::size_t kStemBytesMax = 160;  // so that a number and ".reason.txt" still fit
constexpr int kSameNamesMax = 200;
constexpr int kCountedMax = 100;  // a schedule dropped every hour for years: the time tells it
constexpr mode_t kModeBits = 07777;
constexpr std::string_view kReason = ".reason.txt";

tl::unexpected<Error> failed(const std::string& what, const std::string& path) {
  const int number = errno;
  ErrorCode code = ErrorCode::io_failed;
  if (number == ENOENT || number == ENOTDIR) code = ErrorCode::not_found;
  if (number == EACCES || number == EPERM || number == ELOOP) code = ErrorCode::denied;
  if (number == ENOSPC || number == EDQUOT) code = ErrorCode::no_space;
  return fail(code, "cannot " + what + " " + path + ": " + std::generic_category().message(number));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

Descriptor open_folder(int parent, const std::string& name) {
  const char* path = name.empty() ? "." : name.c_str();
  return Descriptor(::openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

std::int64_t nanoseconds_of(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileMark mark_of(const struct stat& status) {
  FileMark mark;
  mark.device = status.st_dev;
  mark.inode = status.st_ino;
  mark.bytes = static_cast<std::uint64_t>(status.st_size);
  mark.modified_nanoseconds = nanoseconds_of(status.st_mtim);
  return mark;
}

DroppedKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return DroppedKind::file;
  if (S_ISDIR(mode)) return DroppedKind::folder;
  return S_ISLNK(mode) ? DroppedKind::link : DroppedKind::other;
}

Result<void> make_folder(int parent, const std::string& name, const std::string& path) {
  if (::mkdirat(parent, name.c_str(), 0700) == 0) {
    struct stat status {};
    const Descriptor made = open_folder(parent, name);
    if (!made.is_open() || ::fstat(parent, &status) != 0 ||
        ::fchmod(made.number(), status.st_mode & kModeBits) != 0) {
      return failed("make the folder", path);
    }
    return {};
  }
  if (errno != EEXIST) return failed("make the folder", path);
  if (open_folder(parent, name).is_open()) return {};
  return fail(ErrorCode::denied, path + " is not a folder: remove it, and it is made anew");
}

// Sorted, without . and ..
Result<std::vector<std::string>> names_in(int folder, const std::string& path) {
  // A descriptor of its own: readdir moves the position all duplicates share.
  Descriptor copy = open_folder(folder, {});
  if (!copy.is_open()) return failed("list", path);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(copy.number()), &::closedir);
  if (!stream) return failed("list", path);
  (void)copy.release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return failed("list", path);
  std::ranges::sort(names);
  return names;
}

// What its own program will rename or remove when it is done with it.
bool is_half_done(std::string_view name) {
  constexpr auto kEnds = std::to_array<std::string_view>(
      {".part", ".partial", ".tmp", ".temp", ".new", ".filepart", ".crdownload", ".swp", "~"});
  return name.starts_with('.') || name.starts_with('~') ||
         std::ranges::any_of(kEnds, [&](std::string_view end) { return name.ends_with(end); });
}

Result<Bytes> read_whole(const Descriptor& file, std::size_t size, const std::string& path) {
  Bytes bytes(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count =
        ::pread(file.number(), bytes.data() + done, size - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("read", path);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

// "course.ics", "course.2.ics", …, "course.1764400000.ics", "course.1764400000.102.ics", …
std::string numbered(const std::string& name, int number, std::time_t now) {
  const auto dot = name.rfind('.');
  std::string stem = name.substr(0, dot == 0 ? std::string::npos : dot);
  std::string end = name.substr(stem.size());
  if (end.size() > 16) end.clear();
  if (stem.size() > kStemBytesMax) {
    std::size_t size = kStemBytesMax;
    while (size > 0 && (static_cast<unsigned char>(stem[size]) & 0xc0) == 0x80) --size;
    stem.resize(size);
  }
  if (number == 1) return stem + end;
  if (number > kCountedMax) {
    stem += "." + std::to_string(now);
    if (number == kCountedMax + 1) return stem + end;
  }
  return stem + "." + std::to_string(number) + end;
}

Result<void> sync_folder(int folder, const std::string& path) {
  // Some network file systems sync no folders: when a name is durable is their server's to say.
  if (::fsync(folder) == 0 || errno == EINVAL || errno == ENOTSUP) return {};
  return failed("sync the folder", path);
}

// Durable when it returns.
Result<void> write_reason(int folder, const std::string& name, std::string_view text,
                          const std::string& path) {
  const std::string temporary = "." + name + ".new";
  (void)::unlinkat(folder, temporary.c_str(), 0);
  const Descriptor file(::openat(folder, temporary.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.is_open()) return failed("write", path);
  const auto give_up = [&] {
    auto error = failed("write", path);
    (void)::unlinkat(folder, temporary.c_str(), 0);
    return error;
  };
  while (!text.empty()) {
    const ssize_t count = ::write(file.number(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return give_up();
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file.number()) != 0 ||
      ::renameat(folder, temporary.c_str(), folder, name.c_str()) != 0) {
    return give_up();
  }
  auto synced = sync_folder(folder, path);
  if (!synced) (void)::unlinkat(folder, name.c_str(), 0);
  return synced;
}

bool is_taken(int folder, const std::string& name) {
  struct stat status {};
  return ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

// Some network file systems cannot refuse to replace; there the look before has to do.
bool rename_without_replacing(int from, const std::string& name, int to,
                              const std::string& target) {
  if (::renameat2(from, name.c_str(), to, target.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  if (is_taken(to, target)) {
    errno = EEXIST;
    return false;
  }
  return ::renameat(from, name.c_str(), to, target.c_str()) == 0;
}

// overloaded: it was written to, or another has its name.
Result<void> check_same(int folder, const std::string& name, const FileMark& mark,
                        const std::string& path) {
  struct stat status {};
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return failed("look at", path + "/" + name);
  }
  if (mark_of(status) == mark) return {};
  return fail(ErrorCode::overloaded,
              path + "/" + name + " was changed or replaced meanwhile; it is looked at again");
}

}  // namespace

Result<std::unique_ptr<DropFolder>> DropFolder::open(const std::string& path) {
  const auto slash = path.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor above(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!above.is_open()) return failed("open the folder", parent);
  const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  KERUEN_CHECK(make_folder(above.number(), name, path));
  Descriptor own = open_folder(above.number(), name);
  if (!own.is_open()) return failed("open the folder", path);
  return std::unique_ptr<DropFolder>(new DropFolder(path, own.release()));
}

DropFolder::~DropFolder() { ::close(descriptor_); }

bool DropFolder::is_in_place() const {
  struct stat named {};
  struct stat own {};
  return ::lstat(path_.c_str(), &named) == 0 && ::fstat(descriptor_, &own) == 0 &&
         named.st_dev == own.st_dev && named.st_ino == own.st_ino;
}

std::string DropFolder::path_of(const std::string& folder) const {
  return folder.empty() ? path_ : path_ + "/" + folder;
}

Result<void> DropFolder::make(const std::string& folder) {
  return make_folder(descriptor_, folder, path_of(folder));
}

Result<std::vector<std::string>> DropFolder::folders() const {
  KERUEN_TRY(auto names, names_in(descriptor_, path_));
  std::erase_if(names, [&](const std::string& name) {
    struct stat status {};
    return name.starts_with('.') || name == "refused" || name == "done" ||
           ::fstatat(descriptor_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
           !S_ISDIR(status.st_mode);
  });
  return names;
}

Result<std::vector<DroppedEntry>> DropFolder::entries(const std::string& folder) const {
  const Descriptor own = open_folder(descriptor_, folder);
  if (!own.is_open()) return failed("open the folder", path_of(folder));
  KERUEN_TRY(const auto names, names_in(own.number(), path_of(folder)));
  std::vector<DroppedEntry> entries;
  for (const std::string& name : names) {
    struct stat status {};
    if (is_half_done(name)) continue;
    if (::fstatat(own.number(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const DroppedKind kind = kind_of(status.st_mode);
    if (kind == DroppedKind::folder && (folder.empty() || name == "done" || name == "refused")) {
      continue;
    }
    entries.push_back({name, kind, mark_of(status), nanoseconds_of(status.st_ctim)});
  }
  // By name alone "course (1).ics", the newer export, would go before "course.ics".
  std::ranges::stable_sort(entries, {}, &DroppedEntry::came_nanoseconds);
  return entries;
}

Result<Bytes> DropFolder::read(const std::string& folder, const DroppedEntry& entry,
                               std::size_t bytes_max) const {
  const std::string path = path_of(folder) + "/" + entry.name;
  const auto changed = [&] {
    return fail(ErrorCode::overloaded, path + " is still being written");
  };
  const Descriptor own = open_folder(descriptor_, folder);
  if (!own.is_open()) return failed("open the folder", path_of(folder));
  // Not blocking: a pipe put in its place meanwhile would hold us until somebody writes to it.
  const Descriptor file(::openat(own.number(), entry.name.c_str(),
                                 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.is_open()) return failed("read", path);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return failed("read", path);
  if (!S_ISREG(status.st_mode) || mark_of(status) != entry.mark) return changed();
  if (entry.mark.bytes > bytes_max) {
    return fail(ErrorCode::too_large, "the file has " + std::to_string(entry.mark.bytes) +
                                          " bytes, at most " + std::to_string(bytes_max) +
                                          " are allowed: split it");
  }
  KERUEN_TRY(Bytes bytes, read_whole(file, entry.mark.bytes, path));
  if (::fstat(file.number(), &status) != 0 || mark_of(status) != entry.mark) return changed();
  return bytes;
}

Result<Moved> DropFolder::move(const std::string& folder, const DroppedEntry& entry,
                               Destination destination, std::string_view reason) {
  const std::string inside = destination == Destination::done ? "done" : "refused";
  const std::string path = path_of(folder) + "/" + inside;
  const Descriptor from = open_folder(descriptor_, folder);
  if (!from.is_open()) return failed("open the folder", path_of(folder));
  KERUEN_CHECK(check_same(from.number(), entry.name, entry.mark, path_of(folder)));
  KERUEN_CHECK(make_folder(from.number(), inside, path));
  const Descriptor to = open_folder(from.number(), inside);
  if (!to.is_open()) return failed("open the folder", path);
  const std::time_t now = std::time(nullptr);
  for (int number = 1; number <= kSameNamesMax; ++number) {
    const std::string name = numbered(entry.name, number, now);
    if (is_taken(to.number(), name)) continue;
    const std::string beside = name + std::string(kReason);
    // First: a file moved in vain and put back would be told to us as a new one, round and round.
    if (!reason.empty()) {
      KERUEN_CHECK(write_reason(to.number(), beside, reason, path + "/" + beside));
    }
    const auto remove_reason = [&] {
      if (!reason.empty()) (void)::unlinkat(to.number(), beside.c_str(), 0);
    };
    if (!rename_without_replacing(from.number(), entry.name, to.number(), name)) {
      const bool was_taken = errno == EEXIST;
      auto error = failed("move " + entry.name + " into", path);
      remove_reason();
      if (was_taken) continue;
      return error;
    }
    // Another file may have come into its place a moment ago.
    if (auto same = check_same(to.number(), name, entry.mark, path); !same) {
      (void)rename_without_replacing(to.number(), name, from.number(), entry.name);
      remove_reason();
      return fail(std::move(same).error());
    }
    // Its new name first, so that no power cut leaves it without any.
    auto synced = sync_folder(to.number(), path);
    if (synced) synced = sync_folder(from.number(), path_of(folder));
    Moved moved{name, {}};
    if (!synced) {
      moved.not_durable = {synced.error().code,
                           synced.error().detail + "; " + entry.name +
                               " was moved, and a power cut may bring it back: check the disk"};
    }
    return moved;
  }
  return fail(ErrorCode::io_failed,
              path + " holds too many files named like " + entry.name + ": remove old ones");
}

}  // namespace keruen::forwarder
