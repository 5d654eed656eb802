#include "broker/reader_station.h"

#include <algorithm>
#include <deque>

#include "broker/dispatch/slice.h"
#include "broker/index/apply.h"
#include "broker/index/lanes.h"
#include "broker/log/log.h"
#include "broker/log/proof.h"
#include "schemas/host/journal.h"

namespace keruen::broker {
namespace {

constexpr std::size_t kEntriesAtATime = 64;
// A batch to a group is read for each of its members one after the other.
constexpr std::size_t kBatchesKept = 16;
// Looked through for one request: of what retention left, nothing may be owed any more.
constexpr std::size_t kEntriesPerRequestMax = 1024;
// Read for one request: of large batches a recipient may be owed little.
constexpr std::size_t kBytesPerRequestMax = 4 * 1024 * 1024;
// Batches looked through for one message id.
constexpr std::size_t kMessageBatchesMax = 1024;
constexpr std::size_t kMessageBatchesOfOneMax = 64;

std::string entry_name(LogIndex index) { return "log entry " + std::to_string(index.value); }

Error corrupt(LogIndex index, const Error& cause) {
  return {ErrorCode::corrupt, entry_name(index) + ": " + cause.detail};
}

// What the log holds of a batch; what retention left of it may be no leaves.
Result<wire::UnverifiedBatch> read_batch(LogIndex index, const log::Record& record) {
  if (record.kind == certs::LogEntryKind::directory) {
    return fail(ErrorCode::corrupt, entry_name(index) + " is no batch, as the index has it");
  }
  auto batch = record.form == log::Record::Form::proof ? log::slice_in_proof(record.bytes)
                                                       : wire::decode_batch(record.bytes);
  if (!batch) return fail(corrupt(index, batch.error()));
  return batch;
}

wire::Whereabouts whereabouts_of(const wire::MessagePlace& place, const wire::Header& header,
                                 const wire::Cursors& cursors, bool is_receipted, WallTime now) {
  if (place.refused) return wire::Whereabouts::refused;
  if (is_receipted) return wire::Whereabouts::handed_over;
  // Whoever is past it may have been handed the stub of what was over.
  if (header.expires_at <= now) return wire::Whereabouts::expired;
  const auto& cursor = cursors[static_cast<std::size_t>(place.lane)];
  return cursor && *cursor >= wire::Cursor{place.index, place.leaf} ? wire::Whereabouts::handed_over
                                                                    : wire::Whereabouts::waiting;
}

bool is_receipted(const std::vector<log::LeavesReceipted>& receipts, const AgencyId& recipient,
                  std::uint32_t leaf) {
  return std::ranges::any_of(receipts, [&](const log::LeavesReceipted& of) {
    return of.recipient == recipient && std::ranges::binary_search(of.leaves, leaf);
  });
}

}  // namespace

struct ReaderStation::State {
  const log::Log& log;
  std::unique_ptr<index::Lanes> lanes;
  Origin origin;
  host::Journal& journal;
  std::deque<std::shared_ptr<const dispatch::OwedBatch>> kept;  // the latest read first
  std::size_t bytes_read = 0;                                   // for the request at hand

  // Null: retention left nothing of it that anybody is owed.
  [[nodiscard]] Result<std::shared_ptr<const dispatch::OwedBatch>> load(LogIndex index);
  [[nodiscard]] Result<void> catch_up(const CatchUpRequest& request, CatchUpAnswer& answer);
  enum class Course : std::uint8_t { go_on, full, at_end };
  [[nodiscard]] Result<Course> add_entry(LogIndex index, CatchUpAnswer& answer);

  [[nodiscard]] Result<wire::Frame> frame_for(const InclusionRequest& request, Now now) const;
  [[nodiscard]] Result<wire::Frame> frame_for(const CheckpointRequest& request, Now now) const;
  [[nodiscard]] Result<wire::Frame> frame_for(const MessageRequest& request, Now now);
  [[nodiscard]] Result<wire::Frame> frame_for(const WaitingRequest& request, Now now);
  [[nodiscard]] Result<void> add_places(wire::MessageReport& report, LogIndex index, Now now);

  [[nodiscard]] ReadAnswer answer_to(const CatchUpRequest& request, Now now);
  template <class Request>
  [[nodiscard]] ReadAnswer answer_to(const Request& request, Now now);
};

Result<std::shared_ptr<const dispatch::OwedBatch>> ReaderStation::State::load(LogIndex index) {
  const auto found = std::ranges::find_if(
      kept, [&](const auto& candidate) { return candidate->logged().index == index; });
  if (found != kept.end()) return *found;
  KERUEN_TRY(const auto record, log.read(index));
  bytes_read += record.bytes.size();
  KERUEN_TRY(const auto decoded, read_batch(index, record));
  if (decoded.leaves.empty()) return std::shared_ptr<const dispatch::OwedBatch>();
  std::optional<Error> of_lookup;
  const auto key_of = [&](const AgencyId& sender, const KeyId& id) {
    auto key = lanes->signing_key(sender, id);
    if (key) return *key;
    of_lookup = key.error();
    return std::optional<SigningPublicKey>();
  };
  auto verified = record.form == log::Record::Form::proof
                      ? certs::verify_slice(decoded, origin, key_of)
                      : certs::verify_batch(decoded, origin, key_of);
  if (of_lookup) return fail(std::move(*of_lookup));
  if (!verified) return fail(corrupt(index, verified.error()));
  auto batch =
      std::make_shared<const dispatch::OwedBatch>(std::make_shared<const LoggedBatch>(LoggedBatch{
          index, record.accepted_at, record.refusals,
          std::make_shared<const certs::VerifiedBatch>(std::move(*verified)), record.bytes}));
  if (kept.size() == kBatchesKept) kept.pop_back();
  kept.push_front(batch);
  return std::shared_ptr<const dispatch::OwedBatch>(std::move(batch));
}

Result<ReaderStation::State::Course> ReaderStation::State::add_entry(LogIndex index,
                                                                     CatchUpAnswer& answer) {
  const CatchUpRequest& request = answer.request;
  dispatch::CutOptions options;
  if (request.after && request.after->index == index) options.after = request.after->leaf;
  if (request.until) {
    if (index > request.until->index) return Course::at_end;
    if (index == request.until->index) options.until = request.until->leaf;
  }
  if (request.stream) {
    KERUEN_TRY(const auto stream, lanes->stream_of(index));
    if (stream != request.stream) return Course::go_on;
  }
  options.now = request.expiring_at;
  options.bytes_max = std::min(request.bytes_max, kSliceBytesMax);
  std::size_t total = 0;
  for (const Piece& piece : answer.pieces) total += piece.slice.slice.size();
  const std::size_t left = request.bytes_max - std::min(request.bytes_max, total);
  KERUEN_TRY(const auto entry, load(index));
  if (!entry) return Course::go_on;
  auto cut = dispatch::all_pieces(*entry, request.recipient, options, left);
  if (cut.pieces.empty()) return Course::go_on;
  if (!answer.pieces.empty() && cut.pieces.front().slice.slice.size() > left) return Course::full;
  for (Piece& piece : cut.pieces) answer.pieces.push_back(std::move(piece));
  return cut.end == dispatch::Pieces::End::more ? Course::full : Course::go_on;
}

Result<void> ReaderStation::State::catch_up(const CatchUpRequest& request, CatchUpAnswer& answer) {
  index::Lanes::Range range;
  range.from = request.after ? request.after->index : LogIndex{};
  range.below = request.below;
  range.most = kEntriesAtATime;
  bytes_read = 0;
  for (std::size_t looked_at = 0;;) {
    KERUEN_TRY(const auto entries, lanes->entries(request.recipient, request.lane, range));
    for (const LogIndex index : entries) {
      KERUEN_TRY(const Course course, add_entry(index, answer));
      if (course == Course::full) return {};
      if (course == Course::at_end) {
        answer.complete = true;
        return {};
      }
      // Others wait for the reader, too.
      if (++looked_at == kEntriesPerRequestMax || bytes_read >= kBytesPerRequestMax) {
        if (answer.pieces.empty()) answer.reached = dispatch::end_of(index);
        return {};
      }
    }
    if (entries.size() < range.most) {
      answer.complete = true;
      return {};
    }
    range.from = entries.back().next();
  }
}

Result<wire::Frame> ReaderStation::State::frame_for(const InclusionRequest& request, Now) const {
  wire::Inclusion inclusion{request.size, {}};
  auto all = log.inclusion_proofs(request.indexes, request.size);
  if (all) {
    for (std::size_t i = 0; i < all->size(); ++i) {
      inclusion.proofs.push_back({request.indexes[i], std::move((*all)[i])});
    }
    return wire::Frame(std::move(inclusion));
  }
  // A tree that is damaged in one place proves the rest.
  for (const LogIndex index : request.indexes) {
    auto one = log.inclusion_proofs({&index, 1}, request.size);
    if (one) inclusion.proofs.push_back({index, std::move(one->front())});
  }
  if (inclusion.proofs.empty()) return fail(std::move(all).error());
  journal.write_error(host::JournalLevel::error, "entries_not_proved", all.error(),
                      {{"connection", request.from.value}});
  return wire::Frame(std::move(inclusion));
}

Result<wire::Frame> ReaderStation::State::frame_for(const CheckpointRequest& request, Now) const {
  const TreeSize newest = request.newest.checkpoint.size;
  wire::Checkpoint checkpoint{request.newest.note, request.have, {}};
  // From nothing, and to itself, there is nothing to prove.
  if (request.have != TreeSize{0} && request.have != newest) {
    if (request.have > newest) {
      return fail(ErrorCode::out_of_sequence,
                  "a checkpoint from " + std::to_string(request.have.value) +
                      " entries on, the newest has " + std::to_string(newest.value));
    }
    KERUEN_TRY(checkpoint.consistency, log.consistency_proof(request.have, newest));
  }
  return wire::Frame(std::move(checkpoint));
}

Result<void> ReaderStation::State::add_places(wire::MessageReport& report, LogIndex index,
                                              Now now) {
  KERUEN_TRY(const auto record, log.read(index));
  KERUEN_TRY(const auto batch, read_batch(index, record));
  const auto statement = wire::decode_statement(batch.statement.view());
  if (!statement) return fail(corrupt(index, statement.error()));
  // Asked once: a sender may give one message id to a thousand leaves, and the rows may be many.
  std::optional<std::vector<log::LeavesReceipted>> receipts;
  for (const wire::Leaf& leaf : batch.leaves) {
    const auto* message = std::get_if<wire::MessageLeaf>(&leaf.content);
    if (message == nullptr || report.places.size() == kMessagePlacesMax) return {};
    const auto header = wire::decode_header(message->header.view());
    if (!header) return fail(corrupt(index, header.error()));
    if (header->message != report.message) continue;
    if (!receipts) {
      KERUEN_TRY(receipts, lanes->receipted(record.hash, now.wall, statement->leaf_count));
    }
    for (std::uint32_t place = 0; place < header->recipients.size(); ++place) {
      if (report.places.size() == kMessagePlacesMax) return {};
      wire::MessagePlace found;
      found.index = index;
      found.leaf = leaf.number;
      found.accepted_at = record.accepted_at;
      found.sender = statement->sender;
      found.recipient = header->recipients[place];
      found.kind = header->kind;
      found.lane = statement->lane;
      for (const wire::Refusal& refusal : record.refusals) {
        if (refusal.leaf == leaf.number && refusal.place == place) found.refused = refusal.code;
      }
      KERUEN_TRY(const auto cursors, lanes->cursors(found.recipient));
      found.where = whereabouts_of(found, *header, cursors,
                                   is_receipted(*receipts, found.recipient, leaf.number), now.wall);
      report.places.push_back(std::move(found));
    }
  }
  return {};
}

Result<wire::Frame> ReaderStation::State::frame_for(const MessageRequest& request, Now now) {
  wire::MessageReport report;
  report.message = request.message;
  KERUEN_TRY(const auto entries,
             lanes->batches_with_messages_of(index::time_of(request.message), kMessageBatchesMax,
                                             kMessageBatchesOfOneMax));
  for (const LogIndex index : entries) {
    if (report.places.size() == kMessagePlacesMax) break;
    KERUEN_CHECK(add_places(report, index, now));
  }
  return wire::Frame(wire::OperatorReport{std::move(report)});
}

Result<wire::Frame> ReaderStation::State::frame_for(const WaitingRequest&, Now now) {
  KERUEN_TRY(auto rows, lanes->waiting(now.wall));
  return wire::Frame(wire::OperatorReport{wire::WaitingReport{std::move(rows)}});
}

ReadAnswer ReaderStation::State::answer_to(const CatchUpRequest& request, Now) {
  CatchUpAnswer answer;
  answer.request = request;
  if (auto read = catch_up(request, answer); !read) {
    journal.write_error(host::JournalLevel::error, "catch_up_failed", read.error(),
                        {{"agency", request.recipient.text()}, {"lane", name_of(request.lane)}});
    answer.pieces.clear();
    answer.complete = false;
    answer.error = std::move(read).error();
  }
  return answer;
}

template <class Request>
ReadAnswer ReaderStation::State::answer_to(const Request& request, Now now) {
  auto frame = frame_for(request, now);
  if (frame) return ReadFrame{request.from, std::move(*frame)};
  journal.write_error(host::JournalLevel::warning, "read_failed", frame.error(),
                      {{"connection", request.from.value}});
  return ReadFrame{request.from, wire::Fault{frame.error().code}};
}

ReaderStation::ReaderStation(std::unique_ptr<State> state) : state_(std::move(state)) {}
ReaderStation::~ReaderStation() = default;

Result<std::unique_ptr<ReaderStation>> ReaderStation::open(const log::Log& log,
                                                           const std::string& index_path,
                                                           Origin origin, host::Journal& journal) {
  KERUEN_TRY(auto lanes, index::Lanes::open(index_path));
  std::unique_ptr<State> state(new State{log, std::move(lanes), std::move(origin), journal, {}});
  return std::unique_ptr<ReaderStation>(new ReaderStation(std::move(state)));
}

ReadAnswer ReaderStation::answer(const ReadRequest& request, Now now) {
  return std::visit([&](const auto& value) { return state_->answer_to(value, now); }, request);
}

}  // namespace keruen::broker
