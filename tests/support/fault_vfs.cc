#include "tests/support/fault_vfs.h"

#include <sqlite3.h>

#include <array>
#include <cstring>
#include <mutex>
#include <optional>

#include "schemas/error.h"

namespace keruen {

struct FaultVfs::State {
  sqlite3_vfs vfs{};
  sqlite3_vfs* real = nullptr;
  std::mutex mutex;
  std::string folder;
  std::array<std::uint64_t, 2> calls{};
  struct Planned {
    Operation operation;
    std::uint64_t from;
    Fault fault;
  };
  std::optional<Planned> planned;

  // SQLITE_OK, or what the call fails with.
  int judge(const std::string& path, Operation operation) {
    const std::lock_guard lock(mutex);
    if (!path.starts_with(folder)) return SQLITE_OK;
    const std::uint64_t call = ++calls[static_cast<std::size_t>(operation)];
    if (!planned || planned->operation != operation || call < planned->from) return SQLITE_OK;
    if (planned->fault == Fault::full) return SQLITE_FULL;
    return operation == Operation::write ? SQLITE_IOERR_WRITE : SQLITE_IOERR_FSYNC;
  }
};

namespace {

// SQLite gives szOsFile bytes; the real file stands behind ours.
struct ShimFile {
  sqlite3_file base;
  FaultVfs::State* state;
  std::string* path;
};

ShimFile* shim(sqlite3_file* file) { return reinterpret_cast<ShimFile*>(file); }
sqlite3_file* real_of(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + sizeof(ShimFile));
}

int close_file(sqlite3_file* file) {
  delete shim(file)->path;
  sqlite3_file* real = real_of(file);
  return real->pMethods != nullptr ? real->pMethods->xClose(real) : SQLITE_OK;
}
int read_file(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  return real_of(file)->pMethods->xRead(real_of(file), to, size, offset);
}
int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  const int verdict = shim(file)->state->judge(*shim(file)->path, FaultVfs::Operation::write);
  if (verdict != SQLITE_OK) return verdict;
  return real_of(file)->pMethods->xWrite(real_of(file), from, size, offset);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return real_of(file)->pMethods->xTruncate(real_of(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
  const int verdict = shim(file)->state->judge(*shim(file)->path, FaultVfs::Operation::sync);
  if (verdict != SQLITE_OK) return verdict;
  return real_of(file)->pMethods->xSync(real_of(file), flags);
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real_of(file)->pMethods->xFileSize(real_of(file), size);
}
int lock_file(sqlite3_file* file, int level) {
  return real_of(file)->pMethods->xLock(real_of(file), level);
}
int unlock_file(sqlite3_file* file, int level) {
  return real_of(file)->pMethods->xUnlock(real_of(file), level);
}
int check_lock(sqlite3_file* file, int* held) {
  return real_of(file)->pMethods->xCheckReservedLock(real_of(file), held);
}
int control_file(sqlite3_file* file, int operation, void* argument) {
  return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}
int sector_size(sqlite3_file* file) { return real_of(file)->pMethods->xSectorSize(real_of(file)); }
int characteristics(sqlite3_file* file) {
  return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}
int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** at) {
  return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, at);
}
int lock_shared(sqlite3_file* file, int offset, int count, int flags) {
  return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}
void fence_shared(sqlite3_file* file) { real_of(file)->pMethods->xShmBarrier(real_of(file)); }
int unmap_shared(sqlite3_file* file, int remove) {
  return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

// Version 2: write-ahead logging, no memory mapping, which would pass us by.
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
  auto* state = static_cast<FaultVfs::State*>(vfs->pAppData);
  std::memset(file, 0, static_cast<std::size_t>(vfs->szOsFile));
  const int opened = state->real->xOpen(state->real, name, real_of(file), flags, granted);
  if (opened != SQLITE_OK) return opened;
  shim(file)->base.pMethods = &kMethods;
  shim(file)->state = state;
  shim(file)->path = new std::string(name != nullptr ? name : "");
  return SQLITE_OK;
}

}  // namespace

FaultVfs::FaultVfs() : state_(new State) {
  state_->real = sqlite3_vfs_find(nullptr);
  ensure(state_->real != nullptr, "SQLite has a default VFS");
  state_->vfs = *state_->real;
  state_->vfs.pNext = nullptr;
  state_->vfs.zName = "keruen-faults";
  state_->vfs.szOsFile = state_->real->szOsFile + static_cast<int>(sizeof(ShimFile));
  // The real VFS reads its own pAppData; every call but open passes through it untouched.
  state_->vfs.pAppData = state_;
  state_->vfs.xOpen = open_file;
  state_->vfs.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync) {
    auto* real = static_cast<State*>(vfs->pAppData)->real;
    return real->xDelete(real, name, sync);
  };
  state_->vfs.xAccess = [](sqlite3_vfs* vfs, const char* name, int flags, int* result) {
    auto* real = static_cast<State*>(vfs->pAppData)->real;
    return real->xAccess(real, name, flags, result);
  };
  state_->vfs.xFullPathname = [](sqlite3_vfs* vfs, const char* name, int size, char* full) {
    auto* real = static_cast<State*>(vfs->pAppData)->real;
    return real->xFullPathname(real, name, size, full);
  };
  sqlite3_vfs_register(&state_->vfs, 1);
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&state_->vfs);
  sqlite3_vfs_register(state_->real, 1);
  delete state_;
}

void FaultVfs::fail_from(const std::string& folder, Operation operation, std::uint64_t n,
                         Fault fault) {
  const std::lock_guard lock(state_->mutex);
  state_->folder = folder;
  state_->calls = {};
  state_->planned = State::Planned{operation, n, fault};
}

void FaultVfs::heal() {
  const std::lock_guard lock(state_->mutex);
  state_->planned.reset();
}

std::uint64_t FaultVfs::count(Operation operation) const {
  const std::lock_guard lock(state_->mutex);
  return state_->calls[static_cast<std::size_t>(operation)];
}

}  // namespace keruen
