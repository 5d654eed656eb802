#include "schemas/host/disk.h"

#include <filesystem>

namespace keruen::host {

Result<bool> exists(Disk& disk, const std::string& path) {
  const auto status = disk.status(path);
  if (status) return true;
  if (status.error().code == ErrorCode::not_found) return false;
  return fail(status.error());
}

Result<Bytes> read_file(Disk& disk, const std::string& path, std::size_t bytes_max) {
  KERUEN_TRY(const auto file, disk.open_read(path));
  KERUEN_TRY(const std::uint64_t size, file->size());
  if (size > bytes_max) {
    return fail(ErrorCode::too_large, path + ": " + std::to_string(size) + " bytes where at most " +
                                          std::to_string(bytes_max) + " are allowed");
  }
  Bytes bytes(size);
  KERUEN_TRY(const std::size_t read, file->read(0, bytes));
  bytes.resize(read);
  return bytes;
}

Result<void> write_file_atomically(Disk& disk, const std::string& path, BytesView bytes,
                                   FileMode mode) {
  const std::string temporary = path + ".new";
  // One left behind by a crash; nobody else writes it, for the directory is ours.
  if (auto removed = disk.remove(temporary);
      !removed && removed.error().code != ErrorCode::not_found) {
    return removed;
  }
  const auto write = [&]() -> Result<void> {
    KERUEN_TRY(const auto file, disk.create(temporary, mode));
    KERUEN_CHECK(file->write(0, bytes));
    return file->sync();
  };
  if (auto written = write(); !written) {
    [[maybe_unused]] const auto removed = disk.remove(temporary);
    return written;
  }
  KERUEN_CHECK(disk.rename(temporary, path));
  return disk.sync_directory(directory_of(path));
}

std::string directory_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace keruen::host
