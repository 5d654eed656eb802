#include "agents/store/content_file.h"

#include <xxhash.h>

#include <algorithm>

#include "schemas/limits.h"

namespace keruen::store {
namespace {

// Larger ones do not wait: nothing is saved by writing them together.
constexpr std::size_t kWaitsBelowBytes = 64 * 1024;
constexpr std::size_t kWaitingBytesMax = 256 * 1024;
// SQLite's numbers, and its way to the disk, are signed.
constexpr std::uint64_t kPositionMax = (std::uint64_t{1} << 62) - kBatchBytesMax;

std::uint64_t checksum_of(BytesView content) { return XXH3_64bits(content.data(), content.size()); }

// As a row has it, it may be anything.
bool can_be(const ContentPlace& place) {
  return place.position <= kPositionMax && place.bytes <= kBatchBytesMax;
}

std::uint64_t end_of(const std::optional<ContentPlace>& place) {
  return place ? place->position + place->bytes : 0;
}

}  // namespace

tl::unexpected<Error> ContentFile::damaged(std::uint64_t position) const {
  return fail(ErrorCode::corrupt, file_.path() + " does not hold at " + std::to_string(position) +
                                      " what the store put there; restore the store and its "
                                      "contents from one backup");
}

Result<SharedBytes> ContentFile::read(const ContentPlace& place) {
  if (!can_be(place)) return damaged(place.position);
  Bytes content(place.bytes);
  if (place.position >= written_ && place.position + place.bytes <= end() && !waiting_.empty()) {
    const auto waits = BytesView(waiting_).subspan(place.position - written_, place.bytes);
    std::ranges::copy(waits, content.begin());
  } else {
    KERUEN_TRY(const bool has_all, file_.read(content, place.position));
    if (!has_all) return damaged(place.position);
  }
  if (checksum_of(content) != place.checksum) return damaged(place.position);
  return SharedBytes(std::move(content));
}

// Whatever lay at its place or behind it when it was added had been removed by then.
Result<void> ContentFile::add_again(std::uint64_t position, BytesView content) {
  if (waiting_.empty()) written_ = position;
  if (position > kPositionMax || position > end()) return damaged(position);
  rewind(position);
  append_to(waiting_, content);
  return {};
}

Result<void> ContentFile::go_on_behind(const std::optional<ContentPlace>& oldest,
                                       const std::optional<ContentPlace>& newest,
                                       const std::optional<ContentPlace>& newest_in_file) {
  for (const auto& place : {newest, newest_in_file}) {
    if (place && !can_be(*place)) return damaged(place->position);
  }
  // What a row of the store's file names is not written over, as long as it is there.
  const std::uint64_t goes_on_at = std::max(end_of(newest), end_of(newest_in_file));
  if (waiting_.empty()) written_ = goes_on_at;
  if (goes_on_at > end()) return damaged(goes_on_at);
  rewind(goes_on_at);
  keep();
  // All before what waits was synced once; what nothing uses any more may have been given back.
  if (oldest && oldest->position < written_) {
    KERUEN_TRY(const bool has_all, file_.reaches(written_));
    if (!has_all) return damaged(written_);
  }
  return newest ? read(*newest).map([](const SharedBytes&) {}) : Result<void>();
}

Result<void> ContentFile::check_new() const {
  if (!file_.holds_anything()) return {};
  return fail(ErrorCode::corrupt,
              file_.path() +
                  " is here without its store: put store.sqlite back beside it, or move these "
                  "contents away and a new store begins");
}

Result<ContentPlace> ContentFile::add(BytesView content) {
  const ContentPlace place{end(), content.size(), checksum_of(content)};
  ensure(can_be(place), "a batch or slice has a bound, and a file has one");
  if (content.size() < kWaitsBelowBytes) {
    append_to(waiting_, content);
    if (waiting_.size() > kWaitingBytesMax) KERUEN_CHECK(write_out());
    return place;
  }
  KERUEN_CHECK(write_out());
  KERUEN_CHECK(file_.write(content, written_));
  written_ += content.size();
  return place;
}

void ContentFile::rewind(std::uint64_t to) {
  if (to >= written_) {
    waiting_.resize(to - written_);
  } else {
    waiting_.clear();
    written_ = to;
  }
}

Result<void> ContentFile::write_out() {
  if (waiting_.empty()) return {};
  KERUEN_CHECK(file_.write(waiting_, written_));
  written_ += waiting_.size();
  waiting_.clear();
  return {};
}

Result<void> ContentFile::sync() {
  KERUEN_CHECK(write_out());
  return file_.sync();
}

Result<void> ContentFile::give_back_before(std::uint64_t position) {
  return file_.remove_before(std::min(position, written_));
}

std::uint64_t ContentFile::start(const std::optional<ContentPlace>& oldest) const {
  if (oldest && !can_be(*oldest)) return 0;  // nobody knows
  return oldest ? oldest->position : end();
}

std::uint64_t ContentFile::bytes_from(const std::optional<ContentPlace>& oldest) const {
  const std::uint64_t from = file_.file_start(start(oldest));
  return end() - std::min(from, end());
}

}  // namespace keruen::store
