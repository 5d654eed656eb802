// What lies on a disk may be anything: decoders and recovery must end, and must never give out a
// record that was not written, nor one behind a lost one, nor a segment that lost what was synced.
//
// The input is taken twice: as raw bytes of a record, of a head and of a segment; and as a script
// that writes groups of records into a segment and then damages it, so that deep states are reached
// in spite of the checksums.
#include <algorithm>
#include <cstring>

#include "broker/log/recovery.h"

namespace keruen::log {
namespace {

constexpr std::size_t kFileBytes = 16 * 1024;

class Script {
 public:
  explicit Script(BytesView input) : rest_(input) {}
  [[nodiscard]] bool is_over() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }
  std::size_t below(std::size_t bound) { return (byte() << 8 | byte()) % bound; }

 private:
  BytesView rest_;
};

void decode_raw(BytesView input) {
  [[maybe_unused]] const auto head = decode_segment_head(input);
  const RecordPlace place{.index = {1}, .offset = {4096}, .seed = 9};
  [[maybe_unused]] const auto record = decode_record(SharedBytes(copy_of(input)), place);
  SegmentHead segment;
  segment.file_bytes = kSegmentHeadBytes + input.size();
  segment.seed = 9;
  Bytes bytes(kSegmentHeadBytes);
  append_to(bytes, input);
  [[maybe_unused]] const auto scan = scan_tail(bytes, segment, "raw");
}

// A record and where its group's write began: everything before that was synced.
struct Entry {
  Digest hash;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t group_began = 0;
};

struct Written {
  Bytes segment;
  std::vector<Entry> entries;
  std::size_t end = kSegmentHeadBytes;
};

Written write_groups(Script& script, const SegmentHead& head) {
  Written written;
  written.segment.resize(kFileBytes);
  for (std::size_t groups = script.byte() % 16; groups > 0; --groups) {
    Bytes group;
    for (std::size_t records = script.byte() % 4; records > 0; --records) {
      Record record;
      record.refusals.resize(script.byte() % 4);
      record.bytes = SharedBytes(Bytes(script.below(1500), script.byte()));
      const std::size_t index = written.entries.size();
      record.hash.bytes[0] = static_cast<std::uint8_t>(index + 1);
      if (written.end + group.size() + padded_size(record) > kFileBytes) break;
      const std::size_t begin = written.end + group.size();
      append_encoded(group, record, {{index}, {begin}, head.seed}, {written.end});
      written.entries.push_back({record.hash, begin, written.end + group.size(), written.end});
    }
    std::ranges::copy(group, written.segment.begin() + static_cast<std::ptrdiff_t>(written.end));
    written.end += group.size();
  }
  return written;
}

// How far the segment is known to be synced by what is left of it.
std::size_t synced_below(const Written& written, const Bytes& damaged) {
  std::size_t highest = kSegmentHeadBytes;
  for (const Entry& entry : written.entries) {
    const std::size_t bytes = entry.end - entry.begin;
    if (std::memcmp(written.segment.data() + entry.begin, damaged.data() + entry.begin, bytes) ==
        0) {
      highest = std::max(highest, entry.group_began);
    }
  }
  return highest;
}

void recover_damaged(Script script) {
  SegmentHead head;
  head.file_bytes = kFileBytes;
  head.seed = 9;
  const Written written = write_groups(script, head);
  Bytes damaged = written.segment;
  while (!script.is_over()) {
    const std::size_t at = kSegmentHeadBytes + script.below(kFileBytes - kSegmentHeadBytes);
    damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ script.byte());
  }
  const auto scan = scan_tail(damaged, head, "damaged");
  if (!scan) return;
  ensure(scan->records.size() <= written.entries.size(),
         "nothing is recovered but what was written");
  ensure(scan->synced_end <= scan->end && scan->end <= written.end, "recovery ends where it may");
  ensure(scan->end >= synced_below(written, damaged),
         "damage below what was synced is no torn tail");
  for (std::size_t i = 0; i < scan->records.size(); ++i) {
    ensure(scan->records[i].hash == written.entries[i].hash,
           "what is recovered is what was written");
  }
}

}  // namespace
}  // namespace keruen::log

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const keruen::BytesView input(data, std::min<std::size_t>(size, 64 * 1024));
  keruen::log::decode_raw(input);
  keruen::log::recover_damaged(keruen::log::Script(input));
  return 0;
}
