#include "tests/support/fault_disk.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <random>
#include <variant>

namespace keruen {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kSectorBytes = 512;

constexpr std::array<std::string_view, FaultDisk::kOperations> kOperationNames = {
    "read", "write",  "preallocate", "truncate",      "sync",
    "make", "rename", "remove",      "sync directory"};

// What is in a file: pages that were written, zeros elsewhere, cut at size. A copy shares its pages
// until one of the two writes.
class Content {
 public:
  [[nodiscard]] std::uint64_t size() const { return size_; }

  void resize(std::uint64_t size) {
    if (size < size_) {
      pages_.erase(pages_.lower_bound((size + kPageBytes - 1) / kPageBytes), pages_.end());
      if (const auto last = pages_.find(size / kPageBytes); last != pages_.end()) {
        Page& page = own(last->second);
        std::fill(page.begin() + static_cast<std::ptrdiff_t>(size % kPageBytes), page.end(),
                  std::uint8_t{0});
      }
    }
    size_ = size;
  }

  // Inside the size.
  void write(std::uint64_t offset, BytesView bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
      const std::uint64_t at = offset + done;
      const std::size_t in_page = at % kPageBytes;
      const std::size_t count = std::min(kPageBytes - in_page, bytes.size() - done);
      std::memcpy(own(pages_[at / kPageBytes]).data() + in_page, bytes.data() + done, count);
      done += count;
    }
  }

  std::size_t read(std::uint64_t offset, std::span<std::uint8_t> target) const {
    if (offset >= size_) return 0;
    const auto total =
        static_cast<std::size_t>(std::min<std::uint64_t>(target.size(), size_ - offset));
    for (std::size_t done = 0; done < total;) {
      const std::uint64_t at = offset + done;
      const std::size_t in_page = at % kPageBytes;
      const std::size_t count = std::min(kPageBytes - in_page, total - done);
      const auto page = pages_.find(at / kPageBytes);
      if (page == pages_.end()) {
        std::memset(target.data() + done, 0, count);
      } else {
        std::memcpy(target.data() + done, page->second->data() + in_page, count);
      }
      done += count;
    }
    return total;
  }

 private:
  using Page = std::array<std::uint8_t, kPageBytes>;

  static Page& own(std::shared_ptr<Page>& page) {
    if (!page) {
      page = std::make_shared<Page>();
    } else if (page.use_count() > 1) {
      page = std::make_shared<Page>(*page);
    }
    return *page;
  }

  std::map<std::uint64_t, std::shared_ptr<Page>> pages_;
  std::uint64_t size_ = 0;
};

struct Written {
  std::uint64_t offset;
  Bytes bytes;
};
struct Resized {
  std::uint64_t size;
};
using Change = std::variant<Written, Resized>;

void replay(Content& content, const Change& change) {
  if (const auto* resized = std::get_if<Resized>(&change)) {
    content.resize(resized->size);
    return;
  }
  const auto& written = std::get<Written>(change);
  content.resize(std::max(content.size(), written.offset + written.bytes.size()));
  content.write(written.offset, written.bytes);
}

// The standard's generator gives the same numbers everywhere; its distributions do not.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  bool half() { return below(2) == 0; }

 private:
  std::mt19937_64 engine_;
};

// What the platter holds of `changes` after the power went: of each sector, and of the size, the
// state after some number of them.
Content survivors(const Content& durable, const std::vector<Change>& changes, Chance& chance) {
  const std::uint64_t strategy =
      chance.below(4);  // nothing; everything; half of the time a mixture
  const auto cut = [&]() -> std::uint64_t {
    if (strategy == 0) return 0;
    if (strategy == 1) return changes.size();
    return chance.below(changes.size() + 1);
  };
  const std::uint64_t size_cut = cut();
  std::map<std::uint64_t, std::uint64_t> sector_cuts;
  Content left = durable;
  std::uint64_t size = durable.size();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (const auto* resized = std::get_if<Resized>(&changes[i])) {
      if (i < size_cut) size = resized->size;
      left.resize(resized->size);
      continue;
    }
    const auto& written = std::get<Written>(changes[i]);
    const std::uint64_t end = written.offset + written.bytes.size();
    if (i < size_cut) size = std::max(size, end);
    left.resize(std::max(left.size(), end));
    for (std::uint64_t at = written.offset; at < end;) {
      const std::uint64_t sector = at / kSectorBytes;
      const std::uint64_t next = std::min(end, (sector + 1) * kSectorBytes);
      const auto found = sector_cuts.find(sector);
      const std::uint64_t limit =
          found != sector_cuts.end() ? found->second : (sector_cuts[sector] = cut());
      if (i < limit)
        left.write(at, BytesView(written.bytes).subspan(at - written.offset, next - at));
      at = next;
    }
  }
  left.resize(size);
  return left;
}

std::string normal(const std::string& path) {
  std::string text = std::filesystem::path(path).lexically_normal().string();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

Error not_found(const std::string& path) {
  return {ErrorCode::not_found, path + ": nothing there"};
}

}  // namespace

struct FaultDisk::Inode {
  Content live;                 // what reads show
  Content durable;              // what a crash leaves at least
  std::vector<Change> changes;  // since the last sync
  host::FileMode mode;

  void change(Change change) {
    replay(live, change);
    changes.push_back(std::move(change));
  }
  void sync() {
    for (const Change& one : changes) replay(durable, one);
    changes.clear();
  }
  // As sync(), without a second copy of the pages: for a disk none of whose syncs was lost.
  void settle() {
    durable = live;
    changes.clear();
  }
};

// A name and what it stands for from then on; nothing: it was removed.
struct FaultDisk::NameChange {
  struct Entry {
    std::string path;
    std::shared_ptr<Inode> inode;
  };
  std::vector<Entry> entries;  // two for a rename: both happen or neither
};

class FaultDisk::OpenFile final : public host::File {
 public:
  enum class Access : std::uint8_t { read, write };
  OpenFile(FaultDisk& disk, std::string path, std::shared_ptr<Inode> inode, Access access)
      : disk_(disk),
        path_(std::move(path)),
        inode_(std::move(inode)),
        access_(access),
        generation_(disk.generation_) {}

  Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> target) const override {
    const std::lock_guard lock(disk_.mutex_);
    KERUEN_CHECK(begin(Operation::read));
    return inode_->live.read(offset, target);
  }

  Result<void> write(std::uint64_t offset, BytesView bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    ensure(access_ == Access::write, "a file opened for reading is not written");
    if (auto begun = begin(Operation::write); !begun) {
      // Half of it may have reached the file before the call failed.
      if (generation_ == disk_.generation_) {
        const std::uint64_t half = std::min<std::uint64_t>(
            bytes.size() / 2, inode_->live.size() > offset ? inode_->live.size() - offset : 0);
        if (half != 0) inode_->change(Written{offset, copy_of(bytes.first(half))});
      }
      return begun;
    }
    if (bytes.empty()) return {};
    KERUEN_CHECK(disk_.grow(*inode_, offset + bytes.size(), path_));
    inode_->change(Written{offset, copy_of(bytes)});
    disk_.written_bytes_ += bytes.size();
    return {};
  }

  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(disk_.mutex_);
    KERUEN_CHECK(check_alive());
    return inode_->live.size();
  }

  Result<void> preallocate(std::uint64_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    KERUEN_CHECK(begin(Operation::preallocate));
    if (size <= inode_->live.size()) return {};
    KERUEN_CHECK(disk_.grow(*inode_, size, path_));
    inode_->change(Resized{size});
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    KERUEN_CHECK(begin(Operation::truncate));
    KERUEN_CHECK(disk_.grow(*inode_, size, path_));
    inode_->change(Resized{size});
    return {};
  }

  Result<void> sync() override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto begun = begin(Operation::sync); !begun) {
      // The pages are marked clean all the same: no later sync writes them.
      if (generation_ == disk_.generation_) inode_->changes.clear();
      return begun;
    }
    inode_->sync();
    return {};
  }

 private:
  Result<void> check_alive() const {
    if (generation_ == disk_.generation_) return {};
    return fail(ErrorCode::io_failed, path_ + ": opened before the power went");
  }
  Result<void> begin(Operation operation) const {
    KERUEN_CHECK(check_alive());
    if (auto fault = disk_.fault_of(operation, path_)) return fail(std::move(*fault));
    return {};
  }

  FaultDisk& disk_;
  const std::string path_;
  const std::shared_ptr<Inode> inode_;
  const Access access_;
  const std::uint64_t generation_;
};

class FaultDisk::Lock final : public host::DirectoryLock {
 public:
  Lock(FaultDisk& disk, std::string directory)
      : disk_(disk), directory_(std::move(directory)), generation_(disk.generation_) {}
  ~Lock() override {
    const std::lock_guard lock(disk_.mutex_);
    if (generation_ == disk_.generation_) disk_.locked_.erase(directory_);
  }

 private:
  FaultDisk& disk_;
  const std::string directory_;
  const std::uint64_t generation_;
};

FaultDisk::FaultDisk() : directories_{"/", "."} {}
FaultDisk::~FaultDisk() = default;

void FaultDisk::fail_nth(Operation operation, std::uint64_t n, ErrorCode code, Repeat repeat) {
  ensure(n >= 1, "calls are counted from the next");
  const std::lock_guard lock(mutex_);
  faults_[operation] = {n, code, repeat};
}

void FaultDisk::heal() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
}

std::uint64_t FaultDisk::written_bytes() const {
  const std::lock_guard lock(mutex_);
  return written_bytes_;
}

FaultDisk::Failures FaultDisk::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

std::vector<std::string> FaultDisk::files() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> paths;
  for (const auto& [path, inode] : names_) paths.push_back(path);
  return paths;
}

std::uint64_t FaultDisk::count(Operation operation) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(operation);
  return found == counts_.end() ? 0 : found->second;
}

void FaultDisk::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

void FaultDisk::crash(std::uint64_t seed) {
  const std::lock_guard lock(mutex_);
  Chance chance(seed);
  for (const NameChange& change : changes_) {
    if (chance.half()) continue;
    for (const auto& [path, inode] : change.entries) {
      if (inode) {
        durable_names_[path] = inode;
      } else {
        durable_names_.erase(path);
      }
    }
  }
  changes_.clear();
  names_ = durable_names_;
  std::set<Inode*> done;  // one file may have two names by now
  for (const auto& [path, inode] : names_) {
    if (!done.insert(inode.get()).second) continue;
    inode->durable = survivors(inode->durable, inode->changes, chance);
    inode->live = inode->durable;
    inode->changes.clear();
  }
  locked_.clear();
  faults_.clear();
  ++generation_;
}

void FaultDisk::end_process() {
  const std::lock_guard lock(mutex_);
  locked_.clear();
  ++generation_;
}

void FaultDisk::become(const FaultDisk& other) {
  const std::lock_guard lock(mutex_);
  names_.clear();
  for (const auto& [path, inode] : other.names_) {
    auto copied = std::make_shared<Inode>();
    copied->live = inode->live;
    copied->mode = inode->mode;
    copied->settle();
    names_[path] = std::move(copied);
  }
  durable_names_ = names_;
  changes_.clear();
  directories_ = other.directories_;
  locked_.clear();
  ++generation_;
}

void FaultDisk::sync_everything() {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, inode] : names_) inode->sync();
  durable_names_ = names_;
  changes_.clear();
}

void FaultDisk::damage(const std::string& path, std::uint64_t offset, std::uint8_t mask) {
  const std::lock_guard lock(mutex_);
  const auto inode = find(normal(path));
  ensure(inode.has_value() && offset < (*inode)->live.size(), "there is a byte to damage");
  for (Content* content : {&(*inode)->live, &(*inode)->durable}) {
    if (offset >= content->size()) continue;
    std::array<std::uint8_t, 1> byte{};
    content->read(offset, byte);
    byte[0] ^= mask;
    content->write(offset, byte);
  }
}

Result<std::unique_ptr<host::File>> FaultDisk::open_read(const std::string& path) {
  const std::lock_guard lock(mutex_);
  KERUEN_TRY(auto inode, find(normal(path)));
  return std::make_unique<OpenFile>(*this, normal(path), std::move(inode), OpenFile::Access::read);
}

Result<std::unique_ptr<host::File>> FaultDisk::open_write(const std::string& path) {
  const std::lock_guard lock(mutex_);
  KERUEN_TRY(auto inode, find(normal(path)));
  return std::make_unique<OpenFile>(*this, normal(path), std::move(inode), OpenFile::Access::write);
}

Result<std::unique_ptr<host::File>> FaultDisk::create(const std::string& given,
                                                      host::FileMode mode) {
  const std::lock_guard lock(mutex_);
  const std::string path = normal(given);
  if (auto fault = fault_of(Operation::create, path)) return fail(std::move(*fault));
  if (!directories_.contains(host::directory_of(path))) return fail(not_found(path));
  if (names_.contains(path) || directories_.contains(path)) {
    return fail(ErrorCode::duplicate, path + ": there already");
  }
  auto inode = std::make_shared<Inode>();
  inode->mode = mode;
  names_[path] = inode;
  changes_.push_back({{{path, inode}}});
  return std::make_unique<OpenFile>(*this, path, std::move(inode), OpenFile::Access::write);
}

Result<void> FaultDisk::rename(const std::string& from_given, const std::string& to_given) {
  const std::lock_guard lock(mutex_);
  const std::string from = normal(from_given);
  const std::string to = normal(to_given);
  if (auto fault = fault_of(Operation::rename, from)) return fail(std::move(*fault));
  KERUEN_TRY(auto inode, find(from));
  if (!directories_.contains(host::directory_of(to))) return fail(not_found(to));
  if (from == to) return {};
  names_[to] = inode;
  names_.erase(from);
  changes_.push_back({{{to, inode}, {from, nullptr}}});
  return {};
}

Result<void> FaultDisk::remove(const std::string& given) {
  const std::lock_guard lock(mutex_);
  const std::string path = normal(given);
  if (auto fault = fault_of(Operation::remove, path)) return fail(std::move(*fault));
  if (names_.erase(path) != 0) {
    changes_.push_back({{{path, nullptr}}});
    return {};
  }
  if (!directories_.contains(path)) return fail(not_found(path));
  KERUEN_TRY(const auto inside, list(path));
  if (!inside.empty()) return fail(ErrorCode::io_failed, path + ": not empty");
  directories_.erase(path);
  return {};
}

Result<std::vector<std::string>> FaultDisk::list(const std::string& given) {
  const std::lock_guard lock(mutex_);
  const std::string directory = normal(given);
  if (!directories_.contains(directory)) return fail(not_found(directory));
  std::vector<std::string> found;
  const auto add = [&](const std::string& path) {
    if (path != directory && host::directory_of(path) == directory) {
      found.push_back(std::filesystem::path(path).filename().string());
    }
  };
  for (const auto& [path, inode] : names_) add(path);
  for (const auto& path : directories_) {
    if (path != "/" && path != ".") add(path);
  }
  std::ranges::sort(found);
  return found;
}

Result<void> FaultDisk::make_directory(const std::string& given) {
  const std::lock_guard lock(mutex_);
  const std::string path = normal(given);
  if (directories_.contains(path)) return {};
  if (names_.contains(path)) return fail(ErrorCode::duplicate, path + ": a file has that name");
  KERUEN_CHECK(make_directory(host::directory_of(path)));
  directories_.insert(path);
  return {};
}

Result<void> FaultDisk::sync_directory(const std::string& given) {
  const std::lock_guard lock(mutex_);
  const std::string directory = normal(given);
  if (auto fault = fault_of(Operation::sync_directory, directory)) return fail(std::move(*fault));
  if (!directories_.contains(directory)) return fail(not_found(directory));
  const auto concerns = [&](const NameChange& change) {
    return std::ranges::any_of(change.entries, [&](const NameChange::Entry& entry) {
      return host::directory_of(entry.path) == directory;
    });
  };
  for (const NameChange& change : changes_) {
    if (!concerns(change)) continue;
    for (const auto& [path, inode] : change.entries) {
      if (inode) {
        durable_names_[path] = inode;
      } else {
        durable_names_.erase(path);
      }
    }
  }
  std::erase_if(changes_, concerns);
  return {};
}

Result<host::EntryStatus> FaultDisk::status(const std::string& given) {
  const std::lock_guard lock(mutex_);
  const std::string path = normal(given);
  if (directories_.contains(path)) return host::EntryStatus{host::EntryKind::directory, 0, {0700}};
  KERUEN_TRY(const auto inode, find(path));
  return host::EntryStatus{host::EntryKind::file, inode->live.size(), inode->mode};
}

Result<std::uint64_t> FaultDisk::free_bytes(const std::string&) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t used = used_bytes();
  return used >= capacity_ ? 0 : capacity_ - used;
}

Result<std::unique_ptr<host::DirectoryLock>> FaultDisk::lock_directory(
    const std::string& directory) {
  const std::lock_guard lock(mutex_);
  if (!directories_.contains(normal(directory))) return fail(not_found(directory));
  if (!locked_.insert(normal(directory)).second) {
    return fail(ErrorCode::denied, directory + " is in use by another process: stop it first");
  }
  return std::make_unique<Lock>(*this, normal(directory));
}

std::optional<Error> FaultDisk::fault_of(Operation operation, const std::string& path) {
  ++counts_[operation];
  const auto found = faults_.find(operation);
  if (found == faults_.end() || --found->second.calls_until != 0) return std::nullopt;
  ++failures_.told;
  const Error error{found->second.code,
                    "cannot " + std::string(kOperationNames[static_cast<std::size_t>(operation)]) +
                        " " + path + ": told to fail"};
  if (found->second.repeat == Repeat::once) {
    faults_.erase(found);
  } else {
    found->second.calls_until = 1;
  }
  return error;
}

Result<std::shared_ptr<FaultDisk::Inode>> FaultDisk::find(const std::string& path) const {
  const auto found = names_.find(path);
  if (found == names_.end()) return fail(not_found(path));
  return found->second;
}

std::uint64_t FaultDisk::used_bytes() const {
  std::uint64_t used = 0;
  for (const auto& [path, inode] : names_) used += inode->live.size();
  return used;
}

Result<void> FaultDisk::grow(Inode& inode, std::uint64_t size, const std::string& path) {
  if (size <= inode.live.size()) return {};
  if (used_bytes() + (size - inode.live.size()) <= capacity_) return {};
  ++failures_.full;
  return fail(ErrorCode::no_space, "cannot write " + path + ": no space left on the device");
}

}  // namespace keruen
