#include "agents/engine/streams.h"

#include <algorithm>

namespace keruen::engine {

std::uint64_t OutStream::bytes_in_flight() const {
  std::uint64_t bytes = 0;
  for (const auto& batch : waiting) bytes += batch.stored.bytes;
  return bytes;
}

std::uint64_t OutStream::bytes_under_way() const {
  std::uint64_t bytes = 0;
  for (const auto& batch : waiting) bytes += batch.sent ? batch.stored.bytes : 0;
  return bytes;
}

std::uint64_t Streams::bytes_under_way() const {
  std::uint64_t bytes = 0;
  for (const auto& stream : streams_) bytes += stream.bytes_under_way();
  return bytes;
}

Result<void> Streams::load() {
  decltype(streams_) loaded;
  KERUEN_TRY(const auto stored, desk_.store.streams());
  for (const auto& stream : stored) {
    auto& next = loaded.emplace_back();
    next.stored = stream;
    const OutStream* before = find(stream.id);
    if (before == nullptr) continue;
    next.stated = before->stated;
    next.not_before = before->not_before;
    next.pause = before->pause;
    next.put_off = before->put_off;
  }
  KERUEN_TRY(const auto batches, desk_.store.unfinished_batches());
  for (const auto& batch : batches) {
    if (batch.status != store::BatchStatus::closed) continue;
    const auto stream = std::ranges::find(loaded, batch.stream,
                                          [](const OutStream& each) { return each.stored.id; });
    if (stream == loaded.end()) {
      return fail(ErrorCode::corrupt, "a closed batch belongs to no stream of this store");
    }
    stream->waiting.push_back({batch});
  }
  streams_ = std::move(loaded);
  return {};
}

OutStream* Streams::find(StreamId id) {
  for (auto& stream : streams_) {
    if (stream.stored.id == id) return &stream;
  }
  return nullptr;
}

Result<OutStream*> Streams::current(Lane lane, store::LeafKind leaves, Now now) {
  for (auto& stream : streams_) {
    const auto& stored = stream.stored;
    if (stored.current && stored.lane == lane && stored.leaves == leaves) return &stream;
  }
  KERUEN_TRY(const std::uint64_t today,
             desk_.store.streams_opened_since(now.wall - std::chrono::hours(24)));
  if (today >= kNewStreamsPerDayMax) {
    return fail(ErrorCode::overloaded, "this agent opened " + std::to_string(today) +
                                           " streams within a day; it waits before the next");
  }
  OutStream opened;
  opened.stored.id = StreamId{desk_.randomness.draw_number()};
  opened.stored.lane = lane;
  opened.stored.leaves = leaves;
  opened.stored.opened_at = now.wall;
  opened.stored.current = true;
  KERUEN_CHECK(desk_.store.open_stream(opened.stored));
  streams_.push_back(std::move(opened));
  return &streams_.back();
}

std::optional<PutOff> Streams::put_off() const {
  std::optional<PutOff> longest;
  for (const auto& stream : streams_) {
    if (!stream.put_off) continue;
    if (!longest || stream.put_off->welcomed_for < longest->welcomed_for) longest = stream.put_off;
  }
  return longest;
}

std::vector<StreamId> Streams::to_name() const {
  std::vector<StreamId> names;
  // The newest first: a hello names only so many.
  for (auto stream = streams_.rbegin(); stream != streams_.rend(); ++stream) {
    if (names.size() == kStreamsPerHelloMax) break;
    if (stream->stored.current || !stream->waiting.empty()) names.push_back(stream->stored.id);
  }
  return names;
}

Result<wire::PairPosition> Streams::next_position(OutStream& stream, const AgencyId& agency) {
  auto known = stream.pairs.find(agency);
  if (known == stream.pairs.end()) {
    KERUEN_TRY(const auto head, desk_.store.pair_out(stream.stored.id, agency));
    known = stream.pairs.emplace(agency, head.value_or(store::PairHead{agency, {}, {}})).first;
  }
  return wire::PairPosition{known->second.sequence.next(), known->second.leaf};
}

Result<void> Streams::dissolve(OutStream& stream, ErrorCode code, Now now) {
  std::vector<store::BlobNumber> blobs;
  for (const auto& batch : stream.waiting) blobs.push_back(batch.stored.blob);
  KERUEN_CHECK(desk_.store.dissolve(blobs, code, now.wall));
  stream.waiting.clear();
  stream.stored.current = false;
  return {};
}

Result<void> Streams::start_over(const std::string& words, Now now) {
  KERUEN_CHECK(desk_.store.start_over(words, now.wall));
  return load();
}

void Streams::forget_sent() {
  for (auto& stream : streams_) {
    for (auto& batch : stream.waiting) batch.sent = false;
    stream.pause = {};
    stream.not_before = {};
  }
}

void Streams::forget_stated() {
  for (auto& stream : streams_) stream.stated.reset();
}

void Streams::drop_finished() {
  streams_.remove_if(
      [](const OutStream& stream) { return !stream.stored.current && stream.waiting.empty(); });
}

}  // namespace keruen::engine
