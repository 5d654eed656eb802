#include "broker/log/log.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "broker/log/opening.h"
#include "broker/log/retention.h"

namespace keruen::log {
namespace {

// The sync after the first write to a preallocated block writes the file's metadata, too. Small
// groups write zeros ahead of themselves, so that one of many pays for that.
constexpr std::size_t kSmallGroupBytes = 64 * 1024;
constexpr std::size_t kAheadBytes = 256 * 1024;

}  // namespace

// What readers see; changed only when everything it speaks of is durable.
struct Extent {
  TreeSize size;
  Digest root;
  WallTime newest_accepted_at;
};

struct Log::State {
  State(host::Disk& on, OpenedLog from, LogOptions with, host::Journal& journal)
      : device(on),
        disk(std::move(from)),
        options(std::move(with)),
        retention(on, options.directory, options.batches_kept, *disk.segments, journal) {}

  [[nodiscard]] Extent extent() const {
    const std::lock_guard lock(mutex);
    return published;
  }
  [[nodiscard]] TrustedRoot trusted() const {
    const Extent now = extent();
    return {now.size, now.root};
  }
  void publish(WallTime newest_accepted_at);
  [[nodiscard]] Result<void> make_space();
  [[nodiscard]] Result<void> go_on_in_next_segment();
  [[nodiscard]] Result<void> write(const std::vector<Record>& records, std::size_t group_bytes);
  [[nodiscard]] std::size_t end_of_write(std::size_t group_bytes) const;
  void keep(const std::vector<Record>& records, std::size_t group_bytes);
  // What failed is never tried again: after a failed sync the kernel holds pages for written that
  // never were.
  void stop(const Error& cause);

  host::Disk& device;

  // The appending thread's.
  OpenedLog disk;
  const LogOptions options;
  std::optional<Error> stopped;
  Bytes buffer;

  Retention retention;  // the dropping thread's

  std::atomic<bool> has_space{false};
  std::atomic<Dropping> dropping{Dropping::held};
  mutable std::mutex mutex;  // guards `published`
  Extent published;
};

void Log::State::publish(WallTime newest_accepted_at) {
  const certs::MerkleFrontier& frontier = disk.tree->frontier();
  const Extent next{frontier.size(), frontier.root(), newest_accepted_at};
  const std::lock_guard lock(mutex);
  published = next;
}

void Log::State::stop(const Error& cause) {
  stopped = cause;
  has_space = false;
}

// Room for the next segment, and for the tree's nodes of all the current one can hold.
Result<void> Log::State::make_space() {
  const std::uint64_t entries_max = (disk.head.file_bytes - kSegmentHeadBytes) / kRecordBytesMin;
  auto made = disk.tree->reserve(entries_max);
  if (made) made = disk.next->prepare();
  has_space = made.has_value();
  return made;
}

Result<void> Log::State::go_on_in_next_segment() {
  if (!disk.next->is_ready()) {
    return fail(ErrorCode::no_space, "the segment is full and the next has no room on the disk");
  }
  KERUEN_CHECK(disk.tree->store());
  const SegmentHead head{.first_index = {published.size.value},
                         .began = {disk.head.began.value + disk.head.file_bytes},
                         .file_bytes = options.segment_bytes,
                         .seed = options.checksum_seed,
                         .accepted_before = published.newest_accepted_at,
                         .frontier = disk.tree->frontier(),
                         .form = SegmentForm::batches};
  KERUEN_TRY(auto segment, disk.next->become(head));
  has_space = false;  // what was prepared is used up
  disk.file = std::move(segment.file);
  disk.head = head;
  disk.end = disk.written_end = kSegmentHeadBytes;
  disk.segments->add({head, segment.path, head.file_bytes},
                     {static_cast<std::uint32_t>(kSegmentHeadBytes / kRecordAlignmentBytes)});
  return {};
}

std::size_t Log::State::end_of_write(std::size_t group_bytes) const {
  const std::size_t end = disk.end + group_bytes;
  if (end <= disk.written_end || group_bytes > kSmallGroupBytes) return end;
  return std::min<std::size_t>((end / kAheadBytes + 1) * kAheadBytes, disk.head.file_bytes);
}

Result<void> Log::State::write(const std::vector<Record>& records, std::size_t group_bytes) {
  const std::size_t end = end_of_write(group_bytes);
  buffer.clear();
  buffer.reserve(end - disk.end);
  const LogOffset group_began{disk.head.began.value + disk.end};
  LogIndex index{published.size.value};
  for (const Record& record : records) {
    append_encoded(buffer, record, {index, {group_began.value + buffer.size()}, disk.head.seed},
                   group_began);
    index = index.next();
  }
  buffer.resize(end - disk.end);
  KERUEN_CHECK(disk.file->write(disk.end, buffer));
  disk.written_end = std::max(disk.written_end, end);
  return disk.file->sync();
}

void Log::State::keep(const std::vector<Record>& records, std::size_t group_bytes) {
  for (const Record& record : records) {
    disk.tree->append(certs::log_leaf_hash(record.kind, record.accepted_at, record.hash));
    disk.segments->extend(padded_size(record));
  }
  disk.end += group_bytes;
  publish(records.back().accepted_at);
}

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::open(host::Disk& disk, LogOptions options,
                                       host::Journal& journal) {
  ensure(options.segment_bytes % kSegmentHeadBytes == 0 &&
             options.segment_bytes >= 2 * kSegmentHeadBytes,
         "a segment holds its head and records");
  KERUEN_TRY(OpenedLog opened, open_log(disk, options, journal));
  const WallTime newest = opened.newest_accepted_at;
  auto state = std::make_unique<State>(disk, std::move(opened), std::move(options), journal);
  state->publish(newest);
  if (auto made = state->make_space(); !made && made.error().code != ErrorCode::no_space) {
    return fail(std::move(made).error());
  }
  return std::unique_ptr<Log>(new Log(std::move(state)));
}

TreeSize Log::size() const { return state_->extent().size; }
WallTime Log::newest_accepted_at() const { return state_->extent().newest_accepted_at; }
Digest Log::root() const { return state_->extent().root; }

// An empty segment is filled before the next one, which would have its name: it is smaller than a
// segment is now where that was raised since it was made.
std::size_t Log::append_bytes_max() const {
  const State& state = *state_;
  std::uint64_t bytes = state.options.segment_bytes;
  if (state.disk.end == kSegmentHeadBytes) bytes = std::min(bytes, state.disk.head.file_bytes);
  return bytes - kSegmentHeadBytes;
}

Result<LogIndex> Log::append(const std::vector<Record>& records, TreeSize ordered_against,
                             Reserve reserve) {
  State& state = *state_;
  ensure(!records.empty(), "a group has records");
  if (state.stopped) {
    return fail(ErrorCode::io_failed, "the log stopped: " + state.stopped->detail);
  }
  if (ordered_against != state.published.size) {
    return fail(ErrorCode::out_of_sequence,
                "ordered against " + std::to_string(ordered_against.value) +
                    " entries, the log has " + std::to_string(state.published.size.value));
  }
  if (reserve == Reserve::keep && !state.has_space) {
    return fail(ErrorCode::no_space, "no room on the disk for the next segment of the log");
  }
  std::size_t group_bytes = 0;
  for (const Record& record : records) group_bytes += padded_size(record);
  if (group_bytes > append_bytes_max()) {
    return fail(ErrorCode::too_large, "the records of one append are larger than a segment");
  }
  const bool is_full = state.disk.end + group_bytes > state.disk.head.file_bytes;
  if (is_full) {
    if (auto moved = state.go_on_in_next_segment(); !moved) {
      if (moved.error().code != ErrorCode::no_space) state.stop(moved.error());
      state.has_space = false;
      return fail(std::move(moved).error());
    }
  }
  if (auto written = state.write(records, group_bytes); !written) {
    // Even for want of space: a preallocated file that has none cannot be relied on, and what part
    // of the group reached it must not be found behind another one.
    state.stop({ErrorCode::io_failed, written.error().detail});
    return fail(*state.stopped);
  }
  const LogIndex first{state.published.size.value};
  state.keep(records, group_bytes);
  // The group is durable; what fails here fails the next append.
  // While others live on what they kept, the last of the disk is not taken from them.
  if (is_full && reserve == Reserve::keep) try_to_make_space();
  return first;
}

Result<Record> Log::read(LogIndex index) const {
  KERUEN_TRY(auto records, read(index, 0));
  return std::move(records.front());
}

Result<std::vector<Record>> Log::read(LogIndex index, std::size_t bytes_max) const {
  const TreeSize size = this->size();
  if (index.value >= size.value) {
    return fail(ErrorCode::not_found, "the log has no entry " + std::to_string(index.value) +
                                          " yet, it has " + std::to_string(size.value));
  }
  return state_->disk.segments->read(index, size, bytes_max);
}

Result<Digest> Log::root_at(TreeSize size) const {
  const TrustedRoot trusted = state_->trusted();
  if (size > trusted.size) return fail(ErrorCode::not_found, "the log is not that long yet");
  return state_->disk.tree->root_at(size, trusted);
}

Result<std::vector<std::vector<Digest>>> Log::inclusion_proofs(std::span<const LogIndex> indexes,
                                                               TreeSize size) const {
  const TrustedRoot trusted = state_->trusted();
  if (size > trusted.size) return fail(ErrorCode::not_found, "the log is not that long yet");
  for (const LogIndex index : indexes) {
    if (index.value >= size.value) {
      return fail(ErrorCode::not_found, "the entry is not in a tree of that size");
    }
  }
  return state_->disk.tree->inclusion_proofs(indexes, size, trusted);
}

Result<std::vector<Digest>> Log::consistency_proof(TreeSize from, TreeSize to) const {
  const TrustedRoot trusted = state_->trusted();
  if (to > trusted.size) return fail(ErrorCode::not_found, "the log is not that long yet");
  if (from > to) return fail(ErrorCode::not_found, "a log does not shrink");
  return state_->disk.tree->consistency_proof(from, to, trusted);
}

void Log::set_dropping(Dropping dropping) { state_->dropping = dropping; }

Result<Log::Dropped> Log::drop_bodies(const ReceiptSource& receipts, std::size_t bytes_max) {
  if (state_->dropping == Dropping::held) return Dropped::nothing_due;
  return state_->retention.step(newest_accepted_at(), receipts, bytes_max);
}

std::uint64_t Log::bytes_on_disk() const {
  return state_->disk.segments->bytes_on_disk() + state_->disk.tree->bytes_on_disk();
}

Result<std::uint64_t> Log::room_bytes() const {
  const State& state = *state_;
  KERUEN_TRY(const std::uint64_t free, state.device.free_bytes(state.options.directory));
  const std::uint64_t made = state.has_space ? state.options.segment_bytes : 0;
  return free + made + (state.disk.head.file_bytes - state.disk.end);
}

std::uint64_t Log::reserve_bytes() const {
  const State& state = *state_;
  const std::uint64_t next =
      state.has_space ? state.options.segment_bytes - kSegmentHeadBytes : std::uint64_t{0};
  return std::max(state.disk.head.file_bytes - state.disk.end, next);
}

bool Log::has_space() const { return state_->has_space; }

const std::optional<Error>& Log::stopped() const { return state_->stopped; }

void Log::try_to_make_space() {
  State& state = *state_;
  if (state.stopped || state.has_space) return;
  if (auto made = state.make_space(); !made && made.error().code != ErrorCode::no_space) {
    state.stop(made.error());
  }
}

}  // namespace keruen::log
