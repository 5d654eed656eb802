#include "agents/store/content_file.h"

#include <xxhash.h>

namespace keruen::store {
namespace {

// Larger ones do not wait: nothing is saved by writing them together.
constexpr std::size_t kWaitsBelow = SideFile::kPieceBytes;
constexpr std::size_t kWaitingMax = 4 * SideFile::kPieceBytes;

std::uint64_t checksum_of(BytesView content) { return XXH3_64bits(content.data(), content.size()); }

tl::unexpected<Error> damaged() {
  return fail(ErrorCode::corrupt,
              "the store and its contents (the file ending in -content) do not fit; restore both "
              "from one backup");
}

}  // namespace

Result<SharedBytes> ContentFile::read(const ContentPlace& place) {
  if (place.bytes > kBatchBytesMax) return damaged();
  Bytes content(place.bytes);
  if (place.position >= written_ && place.position + place.bytes <= end() && !waiting_.empty()) {
    const auto waits = BytesView(waiting_).subspan(place.position - written_, place.bytes);
    std::ranges::copy(waits, content.begin());
  } else {
    KERUEN_TRY(const bool has_all, file_.read(content, place.position));
    if (!has_all) return damaged();
  }
  if (checksum_of(content) != place.checksum) return damaged();
  return SharedBytes(std::move(content));
}

// Whatever lay at its place or behind it when it was added had been removed by then.
Result<void> ContentFile::add_again(std::uint64_t position, BytesView content) {
  if (waiting_.empty()) written_ = position;
  if (position > end()) return damaged();
  rewind(position);
  append_to(waiting_, content);
  return {};
}

Result<void> ContentFile::go_on_behind(const std::optional<ContentPlace>& newest) {
  const std::uint64_t end_of_newest = newest ? newest->position + newest->bytes : 0;
  if (waiting_.empty()) written_ = end_of_newest;
  if (end_of_newest > end()) return damaged();
  rewind(end_of_newest);
  keep();
  return newest ? read(*newest).map([](const SharedBytes&) {}) : Result<void>();
}

Result<ContentPlace> ContentFile::add(BytesView content) {
  const ContentPlace place{end(), content.size(), checksum_of(content)};
  if (content.size() < kWaitsBelow) {
    append_to(waiting_, content);
    if (waiting_.size() > kWaitingMax) KERUEN_CHECK(write_out());
    return place;
  }
  KERUEN_CHECK(write_out());
  is_synced_ = false;
  KERUEN_CHECK(file_.write(content, written_));
  written_ += content.size();
  return place;
}

void ContentFile::rewind(std::uint64_t end) {
  if (end >= written_) {
    waiting_.resize(end - written_);
  } else {
    waiting_.clear();
    written_ = end;
  }
}

Result<void> ContentFile::write_out() {
  if (waiting_.empty()) return {};
  is_synced_ = false;
  KERUEN_CHECK(file_.write(waiting_, written_));
  written_ += waiting_.size();
  waiting_.clear();
  return {};
}

Result<void> ContentFile::sync() {
  KERUEN_CHECK(write_out());
  if (is_synced_) return {};
  KERUEN_CHECK(file_.sync());
  is_synced_ = true;
  return {};
}

}  // namespace keruen::store
