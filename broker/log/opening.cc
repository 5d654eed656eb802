#include "broker/log/opening.h"

#include <algorithm>

#include "broker/log/recovery.h"
#include "schemas/host/journal.h"

namespace keruen::log {
namespace {

// The segments by their names. Where a crash left both forms the batches count: they are whole, and
// retention makes their proofs again.
Result<std::vector<SegmentName>> segments_in(host::Disk& disk, const std::string& directory) {
  KERUEN_TRY(const auto names, disk.list(directory));
  std::vector<SegmentName> found;
  for (const std::string& name : names) {
    if (const auto parsed = parse_segment_name(name)) found.push_back(*parsed);
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end(),
                          [](const SegmentName& one, const SegmentName& other) {
                            return one.first_index == other.first_index;
                          }),
              found.end());
  return found;
}

Result<SegmentFile> read_head(host::Disk& disk, const std::string& directory,
                              const SegmentName& name) {
  SegmentFile segment;
  segment.path = directory + "/" + segment_name(name.first_index, name.form);
  KERUEN_TRY(const auto file, disk.open_read(segment.path));
  Bytes bytes(kSegmentHeadBytes);
  KERUEN_TRY(const std::size_t filled, file->read(0, bytes));
  auto head = decode_segment_head(BytesView(bytes).first(filled));
  if (!head) return fail(head.error().code, head.error().detail + ": " + segment.path);
  if (head->first_index != name.first_index || head->form != name.form) {
    return fail(ErrorCode::corrupt, "the file's head says it is " +
                                        segment_name(head->first_index, head->form) + ": " +
                                        segment.path);
  }
  segment.head = std::move(*head);
  KERUEN_TRY(segment.bytes, file->size());
  return segment;
}

// Each segment begins where the one before ends: none may be missing.
Result<std::vector<SegmentFile>> read_heads(host::Disk& disk, const std::string& directory) {
  KERUEN_TRY(const auto names, segments_in(disk, directory));
  std::vector<SegmentFile> heads;
  std::uint64_t began = 0;
  for (const SegmentName& name : names) {
    KERUEN_TRY(SegmentFile named, read_head(disk, directory, name));
    if (named.head.began.value != began) {
      return fail(ErrorCode::corrupt, "a segment is missing before " + named.path +
                                          ": it begins at log offset " +
                                          std::to_string(named.head.began.value) +
                                          ", the one before ends at " + std::to_string(began));
    }
    began += named.head.file_bytes;
    heads.push_back(std::move(named));
  }
  if (!heads.empty() && heads.back().head.form == SegmentForm::proofs) {
    return fail(ErrorCode::corrupt, "a segment is missing behind " + heads.back().path +
                                        ": the log goes on behind what retention cut down");
  }
  return heads;
}

// Leaves the last segment as if it had just been written and synced to `scan.end`.
Result<void> settle(host::File& file, const SegmentFile& last, BytesView segment,
                    const TailScan& scan, host::Journal& journal) {
  if (scan.rest == TailScan::Rest::torn) {
    const std::string place = place_text(last.path, last.head, scan.end);
    journal.write(
        host::JournalLevel::warning, "log_tail_cut",
        {{"place", place}, {"entries", last.head.first_index.value + scan.records.size()}});
    KERUEN_CHECK(file.truncate(scan.end));
  }
  KERUEN_CHECK(file.preallocate(last.head.file_bytes));
  KERUEN_CHECK(
      file.write(scan.synced_end, segment.subspan(scan.synced_end, scan.end - scan.synced_end)));
  return file.sync();
}

Segments::Starts starts_of(const TailScan& scan) {
  Segments::Starts starts;
  std::size_t at = kSegmentHeadBytes;
  for (const RecordHead& record : scan.records) {
    starts.push_back(static_cast<std::uint32_t>(at / kRecordAlignmentBytes));
    at += record.padded_bytes;
  }
  starts.push_back(static_cast<std::uint32_t>(at / kRecordAlignmentBytes));
  return starts;
}

Result<void> check_guard(const TailScan& scan, const SegmentFile& last, TreeSize guarded_size) {
  const std::uint64_t size = last.head.first_index.value + scan.records.size();
  if (size >= guarded_size.value) return {};
  return fail(ErrorCode::corrupt, "a checkpoint of " + std::to_string(guarded_size.value) +
                                      " entries was signed, but the log ends after " +
                                      std::to_string(size) + ": " +
                                      place_text(last.path, last.head, scan.end));
}

// Reads the last segment, cuts its torn tail, and fills in what the log goes on from.
Result<void> recover(host::Disk& disk, const SegmentFile& last, TreeSize guarded_size,
                     host::Journal& journal, OpenedLog& opened) {
  KERUEN_TRY(opened.file, disk.open_write(last.path));
  Bytes segment(last.head.file_bytes);
  KERUEN_CHECK(opened.file->read(0, segment));
  KERUEN_TRY(const TailScan scan, scan_tail(segment, last.head, last.path));
  KERUEN_CHECK(check_guard(scan, last, guarded_size));
  KERUEN_CHECK(settle(*opened.file, last, segment, scan, journal));
  opened.head = last.head;
  opened.end = opened.written_end = scan.end;
  opened.newest_accepted_at =
      scan.records.empty() ? last.head.accepted_before : scan.records.back().accepted_at;
  opened.segments->add({last.head, last.path, last.head.file_bytes}, starts_of(scan));
  const auto leaves = [&](const Tree::TakeLeaf& take) {
    return opened.segments->visit_heads({0}, last.head.first_index, [&](const RecordHead& record) {
      take(certs::log_leaf_hash(record.kind, record.accepted_at, record.hash));
    });
  };
  KERUEN_TRY(opened.tree, Tree::open(disk, host::directory_of(last.path) + "/tree.hashes",
                                     last.head.frontier, leaves));
  for (const RecordHead& record : scan.records) {
    opened.tree->append(certs::log_leaf_hash(record.kind, record.accepted_at, record.hash));
  }
  return {};
}

}  // namespace

Result<OpenedLog> open_log(host::Disk& disk, const LogOptions& options, host::Journal& journal) {
  OpenedLog opened;
  KERUEN_CHECK(disk.make_directory(options.directory));
  KERUEN_TRY(opened.lock, disk.lock_directory(options.directory));
  opened.segments = std::make_unique<Segments>(disk);
  opened.next = std::make_unique<NextSegment>(disk, options.directory, options.segment_bytes);
  // The last segment may have got its name just before the process before this one ended.
  KERUEN_CHECK(disk.sync_directory(options.directory));
  KERUEN_TRY(auto heads, read_heads(disk, options.directory));
  if (heads.empty()) {
    if (options.guarded_size.value > 0) {
      return fail(ErrorCode::corrupt,
                  "a checkpoint of " + std::to_string(options.guarded_size.value) +
                      " entries was signed, but there is no log in " + options.directory);
    }
    KERUEN_CHECK(opened.next->prepare());
    SegmentHead head;
    head.file_bytes = options.segment_bytes;
    head.seed = options.checksum_seed;
    KERUEN_TRY(const auto first, opened.next->become(head));
    heads.push_back({head, first.path, head.file_bytes});
  }
  for (std::size_t i = 0; i + 1 < heads.size(); ++i) {
    opened.segments->add(heads[i], {});
  }
  KERUEN_CHECK(recover(disk, heads.back(), options.guarded_size, journal, opened));
  return opened;
}

}  // namespace keruen::log
