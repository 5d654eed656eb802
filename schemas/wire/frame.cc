#include "schemas/wire/frame.h"

#include "schemas/limits.h"
#include "schemas/wire/frame_pieces.h"

namespace keruen::wire {
namespace {

// Room for the fixed fields of any frame, its texts of bounded length included.
constexpr std::size_t kFixedWords = 96;

// What varies in size. A frame left out here fits into kFixedWords; one that outgrows its estimate
// is only written more slowly.
std::size_t words_of(const Frame& frame) {
  std::size_t words = kFixedWords;
  const auto add_outline = [&](const auto& snapshot) {
    words += words_for(snapshot.head.size()) + 16 * snapshot.signatures.size() +
             4 * snapshot.entries.size();
  };
  if (const auto* submit = std::get_if<SubmitBatch>(&frame)) {
    words += words_for(submit->batch.size());
  } else if (const auto* deliver = std::get_if<DeliverSlice>(&frame)) {
    words += words_for(deliver->slice.size()) + deliver->stubs.size();
  } else if (const auto* record = std::get_if<SubmitRecord>(&frame)) {
    words += words_for(record->record.body.size());
  } else if (const auto* snapshot = std::get_if<SubmitSnapshot>(&frame)) {
    add_outline(*snapshot);
  } else if (const auto* outline = std::get_if<SnapshotHead>(&frame)) {
    add_outline(*outline);
  } else if (const auto* hello = std::get_if<Hello>(&frame)) {
    words += words_for(hello->note.size()) + hello->streams.size();
  } else if (const auto* welcome = std::get_if<Welcome>(&frame)) {
    words += 8 * welcome->streams.size();
  } else if (const auto* accepted = std::get_if<BatchAccepted>(&frame)) {
    words += accepted->refusals.size();
  } else if (const auto* ask = std::get_if<AskAgain>(&frame)) {
    if (ask->stream) words += words_for(ask->stream->sender.text().size() + 1);
  } else if (const auto* fetch_records = std::get_if<FetchRecords>(&frame)) {
    words += 4 * fetch_records->hashes.size();
  } else if (const auto* fetch_entries = std::get_if<FetchEntries>(&frame)) {
    words += 4 * fetch_entries->hashes.size();
  } else if (const auto* lines = std::get_if<DirectoryLines>(&frame)) {
    words += (10 + words_for(kAgencyIdBytesMax)) * lines->lines.size();
  } else if (const auto* records = std::get_if<Records>(&frame)) {
    for (const auto& signed_record : records->records) {
      words += 12 + words_for(signed_record.body.size());
    }
  } else if (const auto* entries = std::get_if<Entries>(&frame)) {
    for (const auto& entry : entries->entries) words += words_for(entry.size());
  } else if (const auto* checkpoint = std::get_if<Checkpoint>(&frame)) {
    words += words_for(checkpoint->note.size()) + 4 * checkpoint->consistency.size();
  } else if (const auto* inclusion = std::get_if<Inclusion>(&frame)) {
    for (const auto& proof : inclusion->proofs) words += 2 + 4 * proof.hashes.size();
  } else if (const auto* fetch_inclusion = std::get_if<FetchInclusion>(&frame)) {
    words += fetch_inclusion->indexes.size();
  } else if (const auto* report = std::get_if<OperatorReport>(&frame)) {
    words += words_for(report->report);
  }
  return words;
}

Result<Frame> frame_of(format::Frame::Reader source, const Parts& parts) {
  const auto number = static_cast<std::uint16_t>(source.which());
  if (number <= static_cast<std::uint16_t>(format::Frame::OPERATOR_QUERY)) {
    return request_of(source, parts);
  }
  if (number <= static_cast<std::uint16_t>(format::Frame::OPERATOR_REPORT)) {
    return answer_of(source, parts);
  }
  return fail(ErrorCode::unsupported,
              "a frame of number " + std::to_string(number) + " is not known here");
}

}  // namespace

Bytes encode_frame(const Frame& frame) {
  FlatWriter writer(words_of(frame));
  const auto target = writer.initRoot<format::Frame>();
  std::visit([&](const auto& fields) { write(target, fields); }, frame);
  return writer.finish();
}

Result<Frame> decode_frame(const SharedBytes& bytes) {
  return read_strict<Frame>(bytes.view(), kFrameBytesMax, [&](capnp::MessageReader& message) {
    return frame_of(message.getRoot<format::Frame>(), Parts(bytes, message));
  });
}

void write_cursors(capnp::List<format::CursorSlot>::Builder target, const Cursors& cursors) {
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    if (!cursors[lane]) continue;
    auto slot = target[static_cast<kj::uint>(lane)];
    slot.setPresent(true);
    slot.setIndex(cursors[lane]->index.value);
    slot.setLeaf(cursors[lane]->leaf);
  }
}

Result<Cursors> cursors_of(capnp::List<format::CursorSlot>::Reader source) {
  KERUEN_CHECK(check_count(source.size(), kLaneCount, kLaneCount, "cursors"));
  Cursors cursors;
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    const auto slot = source[static_cast<kj::uint>(lane)];
    if (!slot.getPresent()) continue;
    if (slot.getLeaf() >= kLeavesPerBatchMax)
      return malformed("cursors", "a leaf beyond any batch");
    cursors[lane] = Cursor{{slot.getIndex()}, slot.getLeaf()};
  }
  return cursors;
}

Result<Bytes> head_bytes_of(capnp::Data::Reader source) {
  return blob_of(source, kRegistryHeadBytesMax, "registry head");
}

Result<SharedBytes> embedded_batch_of(capnp::Data::Reader source, const Parts& parts) {
  KERUEN_CHECK(check_size(source, kBatchBytesMax, "batch"));
  return parts.of(source);
}

}  // namespace keruen::wire
