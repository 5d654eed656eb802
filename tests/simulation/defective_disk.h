// A disk that lies as bad firmware, bad drivers and bad programs do; what it does not lie about is
// the disk's below.
// Threads: as the disk below.   Lifetime: the disk below outlives it.
#pragma once

#include <memory>
#include <string>

#include "schemas/host/disk.h"

namespace keruen::simulation {

enum class DiskDefect : std::uint8_t {
  sync_is_a_lie = 1,        // says synced, syncs nothing
  directory_sync_is_a_lie,  // of directories alone
  failed_sync_is_repeated,  // until it says yes: what the first lost stays lost
};

class DefectiveDisk final : public host::Disk {
 public:
  DefectiveDisk(host::Disk& below, DiskDefect defect) : below_(below), defect_(defect) {}

  [[nodiscard]] Result<std::unique_ptr<host::File>> open_read(const std::string& path) override {
    return below_.open_read(path);
  }
  [[nodiscard]] Result<std::unique_ptr<host::File>> open_write(const std::string& path) override {
    return with_defect(below_.open_write(path));
  }
  using host::Disk::create;
  [[nodiscard]] Result<std::unique_ptr<host::File>> create(const std::string& path,
                                                           host::FileMode mode) override {
    return with_defect(below_.create(path, mode));
  }
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override {
    return below_.rename(from, to);
  }
  [[nodiscard]] Result<void> remove(const std::string& path) override {
    return below_.remove(path);
  }
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& directory) override {
    return below_.list(directory);
  }
  [[nodiscard]] Result<void> make_directory(const std::string& path) override {
    return below_.make_directory(path);
  }
  [[nodiscard]] Result<void> sync_directory(const std::string& path) override {
    if (defect_ != DiskDefect::failed_sync_is_repeated) return {};
    return below_.sync_directory(path);
  }
  [[nodiscard]] Result<host::EntryStatus> status(const std::string& path) override {
    return below_.status(path);
  }
  [[nodiscard]] Result<std::uint64_t> free_bytes(const std::string& path) override {
    return below_.free_bytes(path);
  }
  [[nodiscard]] Result<std::unique_ptr<host::DirectoryLock>> lock_directory(
      const std::string& directory) override {
    return below_.lock_directory(directory);
  }

 private:
  class File final : public host::File {
   public:
    File(std::unique_ptr<host::File> below, DiskDefect defect)
        : below_(std::move(below)), defect_(defect) {}
    Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> target) const override {
      return below_->read(offset, target);
    }
    Result<void> write(std::uint64_t offset, BytesView bytes) override {
      return below_->write(offset, bytes);
    }
    Result<std::uint64_t> size() const override { return below_->size(); }
    Result<void> preallocate(std::uint64_t size) override { return below_->preallocate(size); }
    Result<void> truncate(std::uint64_t size) override { return below_->truncate(size); }
    Result<void> sync() override {
      if (defect_ == DiskDefect::sync_is_a_lie) return {};
      auto synced = below_->sync();
      if (!synced && defect_ == DiskDefect::failed_sync_is_repeated) return below_->sync();
      return synced;
    }

   private:
    const std::unique_ptr<host::File> below_;
    const DiskDefect defect_;
  };
  [[nodiscard]] Result<std::unique_ptr<host::File>> with_defect(
      Result<std::unique_ptr<host::File>> file) const {
    if (!file) return file;
    return std::make_unique<File>(std::move(*file), defect_);
  }

  host::Disk& below_;
  const DiskDefect defect_;
};

}  // namespace keruen::simulation
