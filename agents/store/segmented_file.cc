#include "agents/store/segmented_file.h"

#include <algorithm>
#include <filesystem>

namespace keruen::store {
namespace {

constexpr std::size_t kOpenMax = 4;

}  // namespace

bool SegmentLengths::are_possible() const {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  return segment_bytes > 0 && segment_bytes % SideFile::kPieceBytes == 0 && in_first > 0 &&
         segment_bytes <= kMost && in_first <= kMost / segment_bytes;
}

void SegmentedFile::open(Connection::Mode mode, const SegmentLengths& lengths) {
  ensure(lengths.are_possible(), "segments are as long as they can be");
  open_.clear();
  mode_ = mode;
  lengths_ = lengths;
}

SegmentedFile::Place SegmentedFile::place_of(std::uint64_t offset) const {
  const std::uint64_t segment = offset / lengths_.segment_bytes;
  const std::uint64_t first_end = lengths_.in_first * lengths_.segment_bytes;
  if (segment < lengths_.in_first) return {0, offset, first_end - offset};
  const std::uint64_t there = offset % lengths_.segment_bytes;
  return {segment, there, lengths_.segment_bytes - there};
}

std::uint64_t SegmentedFile::file_start(std::uint64_t offset) const {
  return offset - place_of(offset).offset;
}

std::string SegmentedFile::path_of(std::uint64_t number) const {
  return number == 0 ? path_ : path_ + "." + std::to_string(number);
}

Result<SideFile*> SegmentedFile::file(std::uint64_t number, bool makes) {
  if (const auto found = open_.find(number); found != open_.end()) return found->second.get();
  if (!makes) {
    KERUEN_TRY(const bool there, SideFile::is_there(path_of(number), name_));
    if (!there) return nullptr;
  }
  if (open_.size() >= kOpenMax) KERUEN_CHECK(close_one());
  auto opened = std::make_unique<SideFile>(path_of(number), name_);
  KERUEN_CHECK(opened->open(mode_));
  if (makes) unnamed_.insert(number);
  return open_.emplace(number, std::move(opened)).first->second.get();
}

Result<void> SegmentedFile::close_one() {
  auto one = std::ranges::find_if(
      open_, [&](const auto& file) { return !unsynced_.contains(file.first); });
  if (one == open_.end()) {
    one = open_.begin();
    KERUEN_CHECK(one->second->sync());
    unsynced_.erase(one->first);
  }
  open_.erase(one);
  return {};
}

void SegmentedFile::close() {
  ensure(unsynced_.empty(), "what was written is synced before it is closed");
  open_.clear();
}

Result<std::uint64_t> SegmentedFile::first_bytes() {
  KERUEN_TRY(SideFile* const first, file(0, false));
  return first == nullptr ? Result<std::uint64_t>(0) : first->size();
}

// What has no store is looked for on the machine's own disk, whatever stands for it elsewhere.
bool SegmentedFile::holds_anything() const {
  const std::filesystem::path path(path_);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path(), error)) {
    const std::string name = entry.path().filename().string();
    const bool is_ours =
        name == path.filename().string() || name.starts_with(path.filename().string() + ".");
    if (is_ours && entry.file_size(error) > 0) return true;
  }
  return false;
}

Result<bool> SegmentedFile::reaches(std::uint64_t end) {
  if (end == 0) return true;
  const Place last = place_of(end - 1);
  KERUEN_TRY(SideFile* const there, file(last.number, false));
  if (there == nullptr) return false;
  KERUEN_TRY(const std::uint64_t bytes, there->size());
  return bytes > last.offset;
}

Result<bool> SegmentedFile::read(std::span<std::uint8_t> target, std::uint64_t offset) {
  while (!target.empty()) {
    const Place place = place_of(offset);
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(target.size(), place.room));
    KERUEN_TRY(SideFile* const there, file(place.number, false));
    if (there == nullptr) return false;
    KERUEN_TRY(const bool has_all, there->read(target.first(bytes), place.offset));
    if (!has_all) return false;
    target = target.subspan(bytes);
    offset += bytes;
  }
  return true;
}

Result<void> SegmentedFile::write(BytesView source, std::uint64_t offset) {
  while (!source.empty()) {
    const Place place = place_of(offset);
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), place.room));
    KERUEN_TRY(SideFile* const there, file(place.number, true));
    unsynced_.insert(place.number);
    KERUEN_CHECK(there->write(source.first(bytes), place.offset));
    source = source.subspan(bytes);
    offset += bytes;
  }
  return {};
}

Result<void> SegmentedFile::sync() {
  for (const std::uint64_t number : unsynced_) KERUEN_CHECK(open_.at(number)->sync());
  unsynced_.clear();
  if (unnamed_.empty()) return {};
  KERUEN_CHECK(sync_folder());
  unnamed_.clear();
  return {};
}

// SQLite syncs it with a new file, and does not look whether that failed; of one removed it does.
Result<void> SegmentedFile::sync_folder() {
  const std::string marker = path_ + ".named";
  KERUEN_CHECK(SideFile(marker, name_).open(Connection::Mode::read_write));
  return SideFile::remove(marker, name_);
}

// From the first on: what a crash leaves over is what stands before those in use, without a gap.
Result<void> SegmentedFile::remove_before(std::uint64_t offset) {
  const std::uint64_t number = place_of(offset).number;
  std::uint64_t first = number;
  while (first > 0) {
    const std::uint64_t before = first > lengths_.in_first ? first - 1 : 0;
    KERUEN_TRY(const bool there, SideFile::is_there(path_of(before), name_));
    if (!there) break;
    first = before;
  }
  while (first < number) {
    open_.erase(first);
    unsynced_.erase(first);
    KERUEN_CHECK(SideFile::remove(path_of(first), name_));
    first = first == 0 ? lengths_.in_first : first + 1;
  }
  return {};
}

}  // namespace keruen::store
