#include "broker/log/segments.h"

#include <algorithm>

namespace keruen::log {
namespace {

constexpr std::size_t kWindowBytes = 4096;

std::uint32_t units_of(std::size_t bytes) {
  return static_cast<std::uint32_t>(bytes / kRecordAlignmentBytes);
}
std::size_t bytes_of_units(std::uint32_t units) {
  return std::size_t{units} * kRecordAlignmentBytes;
}

// Heads of a file, read a page at a time: small records share a page.
class HeadWindow {
 public:
  HeadWindow(const host::File& file, const SegmentHead& segment)
      : file_(file), segment_(segment), window_(kWindowBytes) {}

  Result<std::optional<RecordHead>> head_at(std::size_t at) {
    if (at < begin_ || at + kRecordHeadBytes > begin_ + filled_) {
      KERUEN_TRY(filled_, file_.read(at, window_));
      begin_ = at;
    }
    return peek_head(BytesView(window_).first(filled_).subspan(at - begin_),
                     segment_.file_bytes - at, {segment_.began.value + at}, segment_.seed);
  }

 private:
  const host::File& file_;
  const SegmentHead& segment_;
  Bytes window_;
  std::size_t begin_ = 0;
  std::size_t filled_ = 0;
};

}  // namespace

void Segments::add(SegmentFile file, Starts starts) {
  const std::lock_guard lock(mutex_);
  segments_.push_back({std::move(file), std::move(starts)});
  const std::size_t count = segments_.size();
  // The one before is no longer the last.
  if (count > 1 && !segments_[count - 2].starts.empty()) note_use(count - 2);
}

void Segments::extend(std::size_t padded_bytes) {
  const std::lock_guard lock(mutex_);
  Starts& starts = segments_.back().starts;
  starts.push_back(starts.back() + units_of(padded_bytes));
}

std::optional<Segments::Old> Segments::oldest_batches() const {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
    if (segments_[i].file.head.form == SegmentForm::proofs) continue;
    const SegmentHead& next = segments_[i + 1].file.head;
    return Old{segments_[i].file, next.first_index, next.accepted_before};
  }
  return std::nullopt;
}

void Segments::replace(SegmentFile proofs, Starts starts) {
  const std::lock_guard lock(mutex_);
  const std::size_t number = number_of(proofs.head.first_index);
  ensure(number + 1 < segments_.size(), "the last segment holds batches");
  segments_[number] = {std::move(proofs), std::move(starts)};
  note_use(number);
}

std::size_t Segments::number_of(LogIndex index) const {
  const auto next = std::ranges::upper_bound(
      segments_, index, {}, [](const Segment& segment) { return segment.file.head.first_index; });
  ensure(next != segments_.begin(), "the log begins at its first segment");
  return static_cast<std::size_t>(next - segments_.begin()) - 1;
}

bool Segments::is_at(LogIndex index, const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return segments_[number_of(index)].file.path == path;
}

Result<Segments::Starts> Segments::walk(const SegmentHead& head, const std::string& path,
                                        std::uint64_t count, const VisitHead& visit) const {
  KERUEN_TRY(const auto file, disk_.open_read(path));
  HeadWindow window(*file, head);
  Starts starts;
  starts.reserve(count + 1);
  std::size_t at = kSegmentHeadBytes;
  for (std::uint64_t i = 0; i < count; ++i) {
    starts.push_back(units_of(at));
    KERUEN_TRY(const auto record, window.head_at(at));
    if (!record || record->index.value != head.first_index.value + i) {
      return fail(ErrorCode::corrupt, "no record where entry " +
                                          std::to_string(head.first_index.value + i) +
                                          " stands: " + place_text(path, head, at));
    }
    if (visit) visit(*record);
    at += record->padded_bytes;
  }
  starts.push_back(units_of(at));
  return starts;
}

// The mutex is held. What was read longest ago gives way; the segment read just now never does.
void Segments::note_use(std::size_t number) const {
  if (number + 1 == segments_.size()) return;
  std::erase(used_, number);
  used_.push_back(number);
  std::size_t kept = 0;
  for (const std::size_t used : used_) kept += segments_[used].starts.size();
  while (kept > starts_max_ && used_.size() > 1) {
    Starts& oldest = segments_[used_.front()].starts;
    kept -= oldest.size();
    oldest = Starts();
    used_.pop_front();
  }
}

Segments::Run Segments::run_from(const Segment& segment, LogIndex first, TreeSize size,
                                 std::size_t bytes_max) {
  const SegmentFile& file = segment.file;
  const auto begin = segment.starts.begin() +
                     static_cast<std::ptrdiff_t>(first.value - file.head.first_index.value);
  const auto known = static_cast<std::uint64_t>(segment.starts.end() - begin) - 1;
  const auto limit = begin + static_cast<std::ptrdiff_t>(std::min(known, size.value - first.value));
  auto end = begin + 1;
  while (end != limit && bytes_of_units(*(end + 1) - *begin) <= bytes_max) ++end;
  return {file.head, file.path, first, Starts(begin, end + 1)};
}

Result<Segments::Run> Segments::find_run(LogIndex first, TreeSize size,
                                         std::size_t bytes_max) const {
  std::unique_lock lock(mutex_);
  const std::size_t number = number_of(first);
  while (segments_[number].starts.empty()) {
    const SegmentFile file = segments_[number].file;
    const std::uint64_t count =
        segments_[number + 1].file.head.first_index.value - file.head.first_index.value;
    // Reading takes a while; others need not wait for it.
    lock.unlock();
    auto starts = walk(file.head, file.path, count, {});
    lock.lock();
    // What took its place meanwhile came with its own.
    if (segments_[number].file.path != file.path) continue;
    if (!starts) return fail(std::move(starts).error());
    segments_[number].starts = std::move(*starts);
  }
  note_use(number);
  return run_from(segments_[number], first, size, bytes_max);
}

Result<std::vector<Record>> Segments::read(LogIndex first, TreeSize size,
                                           std::size_t bytes_max) const {
  ensure(first.value < size.value, "only entries of the log are read");
  while (true) {
    KERUEN_TRY(const Run run, find_run(first, size, bytes_max));
    auto records = read_run(run);
    // Its file went while it was about to be read: once in the life of a segment.
    if (!records && !is_at(first, run.path)) continue;
    return records;
  }
}

Result<std::vector<Record>> Segments::read_run(const Run& run) const {
  const std::size_t begin = bytes_of_units(run.starts.front());
  Bytes buffer(bytes_of_units(run.starts.back()) - begin);
  KERUEN_TRY(const auto file, disk_.open_read(run.path));
  KERUEN_TRY(const std::size_t filled, file->read(begin, buffer));
  if (filled != buffer.size()) {
    return fail(ErrorCode::corrupt,
                "the file ends early: " + place_text(run.path, run.head, begin + filled));
  }
  const SharedBytes bytes(std::move(buffer));
  std::vector<Record> records;
  for (std::size_t i = 0; i + 1 < run.starts.size(); ++i) {
    const std::size_t at = bytes_of_units(run.starts[i]);
    const std::size_t padded_bytes = bytes_of_units(run.starts[i + 1]) - at;
    auto record = decode_record(bytes.part(bytes.view().subspan(at - begin, padded_bytes)),
                                {.index = {run.first.value + i},
                                 .offset = {run.head.began.value + at},
                                 .seed = run.head.seed});
    if (!record) {
      return fail(record.error().code,
                  record.error().detail + ": " + place_text(run.path, run.head, at));
    }
    records.push_back(std::move(*record));
  }
  return records;
}

Result<void> Segments::visit_heads(LogIndex from, LogIndex to, const VisitHead& visit) const {
  std::vector<SegmentFile> files;
  {
    const std::lock_guard lock(mutex_);
    for (const Segment& segment : segments_) files.push_back(segment.file);
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    const LogIndex first = files[i].head.first_index;
    const LogIndex end = i + 1 < files.size() ? files[i + 1].head.first_index : to;
    if (end <= from || first >= to) continue;
    KERUEN_CHECK(walk(files[i].head, files[i].path, std::min(end, to).value - first.value,
                      [&](const RecordHead& head) {
                        if (head.index >= from) visit(head);
                      }));
  }
  return {};
}

std::uint64_t Segments::bytes_on_disk() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t bytes = 0;
  for (const Segment& segment : segments_) bytes += segment.file.bytes;
  return bytes;
}

}  // namespace keruen::log
