#include "agents/store/side_file.h"

#include <sqlite3.h>

#include <algorithm>

namespace keruen::store {

namespace {

Result<void> checked_of(const std::string& name, int code, std::string_view doing) {
  if (code == SQLITE_OK) return {};
  return fail(
      error_of(SQLite::Exception(sqlite3_errstr(code), code), std::string(doing) + " its " + name));
}

}  // namespace

SideFile::SideFile(std::string path, std::string name)
    : path_(std::move(path)),
      name_(std::move(name)),
      vfs_(sqlite3_vfs_find(nullptr)),
      memory_(static_cast<std::size_t>(vfs_->szOsFile) / sizeof(std::max_align_t) + 1) {}

SideFile::~SideFile() {
  if (file()->pMethods != nullptr) file()->pMethods->xClose(file());
}

Result<void> SideFile::checked(int code, std::string_view doing) const {
  return checked_of(name_, code, doing);
}

Result<bool> SideFile::is_there(const std::string& path, const std::string& name) {
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  int found = 0;
  const int code = vfs->xAccess(vfs, path.c_str(), SQLITE_ACCESS_EXISTS, &found);
  KERUEN_CHECK(checked_of(name, code, "looking for"));
  return found != 0;
}

Result<void> SideFile::remove(const std::string& path, const std::string& name) {
  constexpr int kSyncsFolder = 1;
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  const int code = vfs->xDelete(vfs, path.c_str(), kSyncsFolder);
  if (code == SQLITE_IOERR_DELETE_NOENT) return {};
  return checked_of(name, code, "removing");
}

Result<void> SideFile::open(Connection::Mode mode) {
  const int access = mode == Connection::Mode::read_only
                         ? SQLITE_OPEN_READONLY
                         : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  // As a write-ahead log: a new one's directory is synced with it.
  const int code = vfs_->xOpen(vfs_, path_.c_str(), file(), access | SQLITE_OPEN_WAL, nullptr);
  // SQLite has forgotten why by now. Its own file lies beside it and could be opened: what a disk
  // lacks is room for one more.
  if (code == SQLITE_CANTOPEN && mode == Connection::Mode::read_write) {
    return fail(ErrorCode::no_space, "the store, while making its " + name_ +
                                         ": there is no room for one more file, or this account "
                                         "may not open " +
                                         path_ + " or write its folder; make room");
  }
  return checked(code, "opening");
}

Result<std::uint64_t> SideFile::size() {
  sqlite3_int64 bytes = 0;
  KERUEN_CHECK(checked(file()->pMethods->xFileSize(file(), &bytes), "looking at"));
  return static_cast<std::uint64_t>(bytes);
}

Result<bool> SideFile::read(std::span<std::uint8_t> target, std::uint64_t offset) {
  while (!target.empty()) {
    const std::size_t bytes = std::min(target.size(), kPieceBytes);
    const int code = file()->pMethods->xRead(file(), target.data(), static_cast<int>(bytes),
                                             static_cast<sqlite3_int64>(offset));
    if (code == SQLITE_IOERR_SHORT_READ) return false;
    KERUEN_CHECK(checked(code, "reading"));
    target = target.subspan(bytes);
    offset += bytes;
  }
  return true;
}

Result<void> SideFile::write(BytesView source, std::uint64_t offset) {
  while (!source.empty()) {
    // Pieces end at multiples of their size: the kernel's memory for such a piece is one, where
    // across them it is many small ones, and takes two thirds of the time to fill and to write.
    const std::size_t bytes = std::min(source.size(), kPieceBytes - offset % kPieceBytes);
    KERUEN_CHECK(checked(file()->pMethods->xWrite(file(), source.data(), static_cast<int>(bytes),
                                                  static_cast<sqlite3_int64>(offset)),
                         "writing"));
    source = source.subspan(bytes);
    offset += bytes;
  }
  return {};
}

Result<void> SideFile::sync() {
  return checked(file()->pMethods->xSync(file(), SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY),
                 "syncing");
}

}  // namespace keruen::store
