// What lies on a disk may be anything: decoders and recovery must end, and must never give out a
// record that was not written, nor one behind a lost one.
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

struct Written {
  Bytes segment;
  std::vector<Digest> hashes;
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
      const std::size_t index = written.hashes.size();
      record.hash.bytes[0] = static_cast<std::uint8_t>(index + 1);
      if (written.end + group.size() + padded_size(record) > kFileBytes) break;
      append_encoded(group, record, {{index}, {written.end + group.size()}, head.seed},
                     {written.end});
      written.hashes.push_back(record.hash);
    }
    std::ranges::copy(group, written.segment.begin() + static_cast<std::ptrdiff_t>(written.end));
    written.end += group.size();
  }
  return written;
}

void recover_damaged(Script script) {
  SegmentHead head;
  head.file_bytes = kFileBytes;
  head.seed = 9;
  Written written = write_groups(script, head);
  while (!script.is_over()) {
    const std::size_t at = kSegmentHeadBytes + script.below(kFileBytes - kSegmentHeadBytes);
    written.segment[at] = static_cast<std::uint8_t>(written.segment[at] ^ script.byte());
  }
  const auto scan = scan_tail(written.segment, head, "damaged");
  if (!scan) return;
  ensure(scan->records.size() <= written.hashes.size(),
         "nothing is recovered but what was written");
  ensure(scan->synced_end <= scan->end && scan->end <= written.end, "recovery ends where it may");
  for (std::size_t i = 0; i < scan->records.size(); ++i) {
    ensure(scan->records[i].hash == written.hashes[i], "what is recovered is what was written");
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
