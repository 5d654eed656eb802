#include "tests/support/disk_vfs.h"

#include <sqlite3.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <map>
#include <vector>

#include "tests/support/seeded_randomness.h"

namespace keruen {
namespace {

constexpr int kSectorBytes = 4096;
constexpr int kPathBytesMax = 512;
// SQLite's largest page; its own Unix VFS takes the lower seventeen bits of a longer length.
constexpr int kCallBytesMax = 64 * 1024;
constexpr std::size_t kSharedLocks = SQLITE_SHM_NLOCK;

// The locks and shared memory of one database, as all its connections see them.
struct Shared {
  int connections = 0;
  int readers = 0;                  // at SQLITE_LOCK_SHARED or above
  const void* writer = nullptr;     // at SQLITE_LOCK_RESERVED or above
  const void* exclusive = nullptr;  // alone
  int mapped = 0;
  std::vector<std::unique_ptr<std::uint8_t[]>> regions;
  std::array<int, kSharedLocks> locks{};  // -1: exclusive, else how many share it
};

struct OpenDatabase {
  DiskVfs::State* state = nullptr;
  std::string path;
  std::unique_ptr<host::File> file;
  host::Disk* disk = nullptr;
  bool name_is_new = false;  // its directory is to be synced with it
  int lock = SQLITE_LOCK_NONE;
  bool is_mapped = false;
  std::uint32_t shares = 0;  // bits: locks of the shared memory held shared, exclusively
  std::uint32_t owns = 0;
};

// SQLite gives szOsFile bytes; what is open stands behind.
struct Shim {
  sqlite3_file base;
  OpenDatabase* open;
};
OpenDatabase& open_of(sqlite3_file* file) { return *reinterpret_cast<Shim*>(file)->open; }

int code_of(const Error& error, int otherwise) {
  return error.code == ErrorCode::no_space ? SQLITE_FULL : otherwise;
}

}  // namespace

struct DiskVfs::State {
  sqlite3_vfs vfs{};
  sqlite3_vfs* real = nullptr;
  std::map<std::string, host::Disk*> mounts;
  std::map<std::string, Shared> shared;
  SeededRandomness randomness{1};
  std::size_t open_files = 0;

  host::Disk* disk_of(const std::string& path) const {
    const auto found = mounts.find(path.substr(0, path.find('/', 1)));
    return found == mounts.end() ? nullptr : found->second;
  }
};

namespace {

int close_file(sqlite3_file* file) {
  OpenDatabase& open = open_of(file);
  auto& all = open.state->shared;
  if (const auto found = all.find(open.path); --found->second.connections == 0) all.erase(found);
  --open.state->open_files;
  delete &open;
  reinterpret_cast<Shim*>(file)->open = nullptr;
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  ensure(size <= kCallBytesMax, "a file of SQLite's is read by pages");
  const std::span<std::uint8_t> target(static_cast<std::uint8_t*>(to),
                                       static_cast<std::size_t>(size));
  const auto read = open_of(file).file->read(static_cast<std::uint64_t>(offset), target);
  if (!read) return SQLITE_IOERR_READ;
  if (*read == target.size()) return SQLITE_OK;
  std::memset(target.data() + *read, 0, target.size() - *read);
  return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  ensure(size <= kCallBytesMax, "a file of SQLite's is written by pages");
  const BytesView bytes(static_cast<const std::uint8_t*>(from), static_cast<std::size_t>(size));
  const auto written = open_of(file).file->write(static_cast<std::uint64_t>(offset), bytes);
  return written ? SQLITE_OK : code_of(written.error(), SQLITE_IOERR_WRITE);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  const auto cut = open_of(file).file->truncate(static_cast<std::uint64_t>(size));
  return cut ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

int sync_file(sqlite3_file* file, int) {
  OpenDatabase& open = open_of(file);
  if (!open.file->sync()) return SQLITE_IOERR_FSYNC;
  if (open.name_is_new) {
    // SQLite's own VFS does not ask whether the directory could be synced either.
    static_cast<void>(open.disk->sync_directory(host::directory_of(open.path)));
    open.name_is_new = false;
  }
  return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  const auto found = open_of(file).file->size();
  if (!found) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(*found);
  return SQLITE_OK;
}

// Everybody is in one thread: a lock that is not free now never becomes free while we wait.
int lock_file(sqlite3_file* file, int level) {
  OpenDatabase& open = open_of(file);
  Shared& shared = open.state->shared[open.path];
  if (open.lock >= level) return SQLITE_OK;
  const bool others_alone = shared.exclusive != nullptr && shared.exclusive != &open;
  const bool others_write = shared.writer != nullptr && shared.writer != &open;
  if (others_alone || (level >= SQLITE_LOCK_RESERVED && others_write)) return SQLITE_BUSY;
  if (level >= SQLITE_LOCK_EXCLUSIVE && shared.readers > 1) return SQLITE_BUSY;
  if (open.lock == SQLITE_LOCK_NONE) ++shared.readers;
  if (level >= SQLITE_LOCK_RESERVED) shared.writer = &open;
  if (level >= SQLITE_LOCK_EXCLUSIVE) shared.exclusive = &open;
  open.lock = level;
  return SQLITE_OK;
}

int unlock_file(sqlite3_file* file, int level) {
  OpenDatabase& open = open_of(file);
  Shared& shared = open.state->shared[open.path];
  if (open.lock <= level) return SQLITE_OK;
  if (shared.writer == &open) shared.writer = nullptr;
  if (shared.exclusive == &open) shared.exclusive = nullptr;
  if (level == SQLITE_LOCK_NONE) --shared.readers;
  open.lock = level;
  return SQLITE_OK;
}

int check_lock(sqlite3_file* file, int* held) {
  OpenDatabase& open = open_of(file);
  *held = open.state->shared[open.path].writer != nullptr ? 1 : 0;
  return SQLITE_OK;
}

int control_file(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return kSectorBytes; }
// Bytes beside those written are never torn: FaultDisk keeps that promise, as SQLite assumes of
// real disks.
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int map_shared(sqlite3_file* file, int region, int size, int extend, void volatile** at) {
  OpenDatabase& open = open_of(file);
  Shared& shared = open.state->shared[open.path];
  if (!open.is_mapped) {
    open.is_mapped = true;
    ++shared.mapped;
  }
  *at = nullptr;
  const auto place = static_cast<std::size_t>(region);
  while (shared.regions.size() <= place) {
    if (extend == 0) return SQLITE_OK;
    shared.regions.push_back(std::make_unique<std::uint8_t[]>(static_cast<std::size_t>(size)));
  }
  *at = shared.regions[place].get();
  return SQLITE_OK;
}

int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
  OpenDatabase& open = open_of(file);
  Shared& shared = open.state->shared[open.path];
  const bool locks = (flags & SQLITE_SHM_LOCK) != 0;
  const bool alone = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  for (int slot = offset; slot < offset + count && locks; ++slot) {
    const int held = shared.locks[static_cast<std::size_t>(slot)];
    const bool own_share = (open.shares & (1U << slot)) != 0;
    const bool busy = alone ? held - (own_share ? 1 : 0) != 0 : held < 0;
    if (busy && (open.owns & (1U << slot)) == 0) return SQLITE_BUSY;
  }
  for (int slot = offset; slot < offset + count; ++slot) {
    const std::uint32_t bit = 1U << slot;
    int& held = shared.locks[static_cast<std::size_t>(slot)];
    if (locks && alone) {
      held = -1;
      open.owns |= bit;
      open.shares &= ~bit;
    } else if (locks && (open.shares & bit) == 0) {
      ++held;
      open.shares |= bit;
    } else if (!locks && (open.owns & bit) != 0) {
      held = 0;
      open.owns &= ~bit;
    } else if (!locks && (open.shares & bit) != 0) {
      --held;
      open.shares &= ~bit;
    }
  }
  return SQLITE_OK;
}

void fence_shared(sqlite3_file*) {}

int unmap_shared(sqlite3_file* file, int) {
  OpenDatabase& open = open_of(file);
  if (!open.is_mapped) return SQLITE_OK;
  open.is_mapped = false;
  Shared& shared = open.state->shared[open.path];
  if (--shared.mapped == 0) {
    shared.regions.clear();
    shared.locks = {};
  }
  return SQLITE_OK;
}

// Version 2: write-ahead logging, no memory mapping.
const sqlite3_io_methods kMethods = {2,
                                     close_file,
                                     read_file,
                                     write_file,
                                     truncate_file,
                                     sync_file,
                                     file_size,
                                     lock_file,
                                     unlock_file,
                                     check_lock,
                                     control_file,
                                     sector_size,
                                     characteristics,
                                     map_shared,
                                     lock_shared,
                                     fence_shared,
                                     unmap_shared,
                                     nullptr,
                                     nullptr};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* granted) {
  auto* state = static_cast<DiskVfs::State*>(vfs->pAppData);
  reinterpret_cast<Shim*>(file)->base.pMethods = nullptr;
  const std::string path = name != nullptr ? name : "";
  host::Disk* disk = state->disk_of(path);
  if (disk == nullptr) return SQLITE_CANTOPEN;
  const bool writes = (flags & SQLITE_OPEN_READWRITE) != 0;
  bool is_new = false;
  auto opened = writes ? disk->open_write(path) : disk->open_read(path);
  if (!opened && opened.error().code == ErrorCode::not_found && (flags & SQLITE_OPEN_CREATE) != 0) {
    opened = disk->create(path);
    is_new = true;
  }
  if (!opened) return code_of(opened.error(), SQLITE_CANTOPEN);
  constexpr int kSyncedWithTheirName =
      SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
  auto open = std::make_unique<OpenDatabase>();
  open->state = state;
  open->path = path;
  open->file = std::move(*opened);
  open->disk = disk;
  open->name_is_new = is_new && (flags & kSyncedWithTheirName) != 0;
  ++state->shared[path].connections;
  ++state->open_files;
  if (granted != nullptr) *granted = flags;
  reinterpret_cast<Shim*>(file)->open = open.release();
  reinterpret_cast<Shim*>(file)->base.pMethods = &kMethods;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int sync) {
  host::Disk* disk = static_cast<DiskVfs::State*>(vfs->pAppData)->disk_of(name);
  if (disk == nullptr) return SQLITE_IOERR_DELETE;
  if (const auto removed = disk->remove(name); !removed) {
    return removed.error().code == ErrorCode::not_found ? SQLITE_IOERR_DELETE_NOENT
                                                        : SQLITE_IOERR_DELETE;
  }
  if (sync != 0 && !disk->sync_directory(host::directory_of(name))) return SQLITE_IOERR_DIR_FSYNC;
  return SQLITE_OK;
}

int access_file(sqlite3_vfs* vfs, const char* name, int, int* result) {
  host::Disk* disk = static_cast<DiskVfs::State*>(vfs->pAppData)->disk_of(name);
  const auto status =
      disk != nullptr ? disk->status(name) : fail(ErrorCode::not_found, "no such disk");
  // As SQLite's own: an empty journal is none.
  *result = status && status->bytes > 0 ? 1 : 0;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int size, char* full) {
  if (std::strlen(name) + 1 > static_cast<std::size_t>(size)) return SQLITE_CANTOPEN;
  std::memcpy(full, name, std::strlen(name) + 1);
  return SQLITE_OK;
}

int draw_random(sqlite3_vfs* vfs, int size, char* target) {
  static_cast<DiskVfs::State*>(vfs->pAppData)
      ->randomness.fill({reinterpret_cast<std::uint8_t*>(target), static_cast<std::size_t>(size)});
  return size;
}

int rest(sqlite3_vfs*, int microseconds) { return microseconds; }

// No statement of ours asks SQLite for the time.
int current_time(sqlite3_vfs*, sqlite3_int64* milliseconds) {
  *milliseconds = 0;
  return SQLITE_OK;
}

}  // namespace

DiskVfs::DiskVfs() : state_(std::make_unique<State>()) {
  state_->real = sqlite3_vfs_find(nullptr);
  ensure(state_->real != nullptr, "SQLite has a default VFS");
  state_->vfs.iVersion = 2;
  state_->vfs.szOsFile = static_cast<int>(sizeof(Shim));
  state_->vfs.mxPathname = kPathBytesMax;
  state_->vfs.zName = "keruen-disk";
  state_->vfs.pAppData = state_.get();
  state_->vfs.xOpen = open_file;
  state_->vfs.xDelete = delete_file;
  state_->vfs.xAccess = access_file;
  state_->vfs.xFullPathname = full_path;
  state_->vfs.xRandomness = draw_random;
  state_->vfs.xSleep = rest;
  state_->vfs.xCurrentTime = [](sqlite3_vfs*, double* days) {
    *days = 0;
    return SQLITE_OK;
  };
  state_->vfs.xGetLastError = [](sqlite3_vfs*, int, char*) { return 0; };
  state_->vfs.xCurrentTimeInt64 = current_time;
  sqlite3_vfs_register(&state_->vfs, 1);
  begin_again(1);
}

DiskVfs::~DiskVfs() {
  ensure(state_->open_files == 0, "every database is closed before its disk goes");
  sqlite3_vfs_unregister(&state_->vfs);
  sqlite3_vfs_register(state_->real, 1);
}

void DiskVfs::mount(const std::string& folder, host::Disk& disk) {
  ensure(disk.make_directory(folder).has_value(), "a folder can be made on a mounted disk");
  state_->mounts[folder] = &disk;
}

void DiskVfs::begin_again(std::uint64_t seed) {
  state_->randomness.begin_again(seed);
  // SQLite's generator is the process's: it draws its own seed from us at the next use.
  sqlite3_randomness(0, nullptr);
}

std::size_t DiskVfs::open_files() const { return state_->open_files; }

}  // namespace keruen
