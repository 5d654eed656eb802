#include "schemas/host/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <system_error>

namespace keruen::host {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr std::uint32_t kModeBits = 07777;

// Calls again what a signal interrupted.
template <class Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

ErrorCode code_of(int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::not_found;
    case EEXIST:
      return ErrorCode::duplicate;
    case EACCES:
    case EPERM:
      return ErrorCode::denied;
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::no_space;
    default:
      return ErrorCode::io_failed;
  }
}

// What errno says went wrong while doing `what` with `path`.
tl::unexpected<Error> failed(const std::string& what, const std::string& path) {
  const int number = errno;
  return fail(code_of(number),
              "cannot " + what + " " + path + ": " + std::generic_category().message(number));
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

 private:
  int number_;
};

Descriptor open_path(const std::string& path, int flags, mode_t mode = 0) {
  return Descriptor(retried([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); }));
}

std::uint64_t fillable_bytes(const struct statvfs& file_system) {
  return std::uint64_t{file_system.f_bavail} * file_system.f_frsize;
}

class PosixFile final : public File {
 public:
  PosixFile(std::string path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> target) const override {
    std::size_t done = 0;
    while (done < target.size()) {
      const ssize_t count = retried([&] {
        return ::pread(descriptor_.number(), target.data() + done, target.size() - done,
                       static_cast<off_t>(offset + done));
      });
      if (count < 0) return failed("read", path_);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  Result<void> write(std::uint64_t offset, BytesView bytes) override {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t count = retried([&] {
        return ::pwrite(descriptor_.number(), bytes.data() + done, bytes.size() - done,
                        static_cast<off_t>(offset + done));
      });
      if (count < 0) return failed("write", path_);
      done += static_cast<std::size_t>(count);
    }
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat status {};
    if (::fstat(descriptor_.number(), &status) != 0) return failed("look at", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> preallocate(std::uint64_t size) override {
    if (size == 0) return {};
    KERUEN_TRY(const std::uint64_t before, this->size());
    struct statvfs disk {};
    if (retried([&] { return ::fstatvfs(descriptor_.number(), &disk); }) != 0) {
      return failed("look at the file system of", path_);
    }
    // Asked first: while an attempt that fails is undone, others would find the disk full.
    if (size > before && fillable_bytes(disk) < size - before) {
      errno = ENOSPC;
      return failed("reserve space for", path_);
    }
    const int outcome =
        retried([&] { return ::fallocate(descriptor_.number(), 0, 0, static_cast<off_t>(size)); });
    if (outcome == 0) return {};
    if (errno == ENOSPC || errno == EDQUOT) {
      auto full = failed("reserve space for", path_);
      // ext4 keeps what it got, to the last block of the disk.
      KERUEN_CHECK(truncate(before));
      return full;
    }
    if (errno != EOPNOTSUPP) return failed("reserve space for", path_);
    // A file system without reservation: the size at least is as promised.
    return before >= size ? Result<void>() : truncate(size);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (retried([&] { return ::ftruncate(descriptor_.number(), static_cast<off_t>(size)); }) != 0) {
      return failed("change the size of", path_);
    }
    return {};
  }

  // Not repeated when a signal interrupts it: see disk.h on repeating a sync.
  Result<void> sync() override {
    if (::fdatasync(descriptor_.number()) != 0) return failed("sync", path_);
    return {};
  }

 private:
  const std::string path_;
  const Descriptor descriptor_;
};

class PosixLock final : public DirectoryLock {
 public:
  explicit PosixLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  const Descriptor descriptor_;
};

Result<std::unique_ptr<File>> file_of(const std::string& what, const std::string& path,
                                      Descriptor descriptor) {
  if (!descriptor.is_open()) return failed(what, path);
  return std::make_unique<PosixFile>(path, std::move(descriptor));
}

std::string holder_of(const Descriptor& lock) {
  std::array<char, 32> text{};
  const ssize_t count =
      retried([&] { return ::pread(lock.number(), text.data(), text.size(), 0); });
  if (count <= 0) return "another process";
  const std::string number(text.data(), static_cast<std::size_t>(count));
  return "process " + number.substr(0, number.find('\n'));
}

}  // namespace

Result<std::unique_ptr<File>> PosixDisk::open_read(const std::string& path) {
  return file_of("open", path, open_path(path, O_RDONLY));
}

Result<std::unique_ptr<File>> PosixDisk::open_write(const std::string& path) {
  return file_of("open", path, open_path(path, O_RDWR));
}

Result<std::unique_ptr<File>> PosixDisk::create(const std::string& path, FileMode mode) {
  Descriptor made = open_path(path, O_RDWR | O_CREAT | O_EXCL, mode.bits);
  // The process's umask must not decide who may read: it could only be too strict, never too wide.
  if (made.is_open() && ::fchmod(made.number(), mode.bits) != 0) return failed("make", path);
  return file_of("make", path, std::move(made));
}

Result<void> PosixDisk::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename " + from + " to", to);
  return {};
}

Result<void> PosixDisk::remove(const std::string& path) {
  if (std::remove(path.c_str()) != 0) return failed("remove", path);
  return {};
}

Result<std::vector<std::string>> PosixDisk::list(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), &::closedir);
  if (!stream) return failed("list", directory);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return failed("list", directory);
  std::ranges::sort(names);
  return names;
}

Result<void> PosixDisk::make_directory(const std::string& path) {
  bool made = ::mkdir(path.c_str(), kDirectoryMode) == 0;
  if (!made && errno == ENOENT && directory_of(path) != path) {
    KERUEN_CHECK(make_directory(directory_of(path)));
    made = ::mkdir(path.c_str(), kDirectoryMode) == 0;
  }
  if (made) return sync_directory(directory_of(path));
  if (errno != EEXIST) return failed("make the directory", path);
  KERUEN_TRY(const EntryStatus there, status(path));
  if (there.kind == EntryKind::directory) return {};
  return fail(ErrorCode::duplicate, "cannot make the directory " + path + ": a file has that name");
}

Result<void> PosixDisk::sync_directory(const std::string& path) {
  const Descriptor directory = open_path(path, O_RDONLY | O_DIRECTORY);
  if (!directory.is_open() || ::fsync(directory.number()) != 0) {
    return failed("sync the directory", path);
  }
  return {};
}

Result<EntryStatus> PosixDisk::status(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return failed("look at", path);
  EntryStatus entry;
  entry.kind = S_ISREG(status.st_mode)   ? EntryKind::file
               : S_ISDIR(status.st_mode) ? EntryKind::directory
                                         : EntryKind::other;
  entry.bytes = static_cast<std::uint64_t>(status.st_size);
  entry.mode = {status.st_mode & kModeBits};
  return entry;
}

Result<std::uint64_t> PosixDisk::free_bytes(const std::string& path) {
  struct statvfs status {};
  if (retried([&] { return ::statvfs(path.c_str(), &status); }) != 0) {
    return failed("look at the file system of", path);
  }
  return fillable_bytes(status);
}

Result<std::unique_ptr<DirectoryLock>> PosixDisk::lock_directory(const std::string& directory) {
  const std::string path = directory + "/lock";
  Descriptor lock = open_path(path, O_RDWR | O_CREAT, kPrivateMode.bits);
  if (!lock.is_open()) return failed("open", path);
  if (retried([&] { return ::flock(lock.number(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return failed("lock", path);
    return fail(ErrorCode::denied, directory + " is in use by " + holder_of(lock) +
                                       ": stop it first, or use another directory");
  }
  // For people only; the lock itself is the kernel's, so a failure here changes nothing.
  const std::string holder = std::to_string(::getpid()) + "\n";
  [[maybe_unused]] const int cut = ::ftruncate(lock.number(), 0);
  [[maybe_unused]] const ssize_t written = ::pwrite(lock.number(), holder.data(), holder.size(), 0);
  return std::make_unique<PosixLock>(std::move(lock));
}

}  // namespace keruen::host
