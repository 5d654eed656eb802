#include "broker/dispatch/slice.h"

#include <algorithm>
#include <limits>
#include <map>

#include "schemas/wire/refusals.h"

namespace keruen::dispatch {
namespace {

// Each gap between chosen leaves adds at most a path of hashes on either side of it. Everything
// else of a slice is counted as it is encoded, so a piece never outgrows its limit.
constexpr std::size_t kGapBytes = 20 * Digest::kBytes;

struct Choice {
  certs::SliceLeaf leaf;
  std::optional<ErrorCode> stub;
  std::size_t bytes_max = 0;
};

std::uint32_t place_of(const wire::Header& header, const AgencyId& recipient) {
  const auto found = std::ranges::find(header.recipients, recipient);
  return static_cast<std::uint32_t>(found - header.recipients.begin());
}

Choice choose_message(const broker::LoggedBatch& entry, const certs::VerifiedLeaf& leaf,
                      const wire::Header& header, const AgencyId& recipient, WallTime now) {
  const auto& message = std::get<wire::MessageLeaf>(leaf.leaf.content);
  const auto* body = std::get_if<SharedBytes>(&message.body);
  Choice choice{{leaf.number, certs::BodyChoice::keep}, {}, 0};
  choice.stub = wire::refusal_of(entry.refusals, leaf.number, place_of(header, recipient));
  if (!choice.stub && header.expires_at <= now) choice.stub = ErrorCode::expired;
  // Retention dropped it.
  if (!choice.stub && body == nullptr) choice.stub = ErrorCode::not_found;
  if (choice.stub) choice.leaf.body = certs::BodyChoice::leave_out;
  choice.bytes_max = wire::kEncodedMessageLeafBytes + wire::in_whole_words(message.header.size()) +
                     wire::kEncodedWrapBytes +
                     wire::kEncodedWrapHashBytes * (message.wraps.size() - 1);
  choice.bytes_max +=
      wire::in_whole_words(choice.stub || body == nullptr ? Digest::kBytes : body->size());
  return choice;
}

Choice choose(const broker::LoggedBatch& entry, const certs::VerifiedLeaf& leaf,
              const AgencyId& recipient, WallTime now) {
  if (const auto* header = std::get_if<wire::Header>(&leaf.decoded)) {
    return choose_message(entry, leaf, *header, recipient, now);
  }
  const auto& receipt = std::get<wire::ReceiptLeaf>(leaf.leaf.content);
  return {{leaf.number, certs::BodyChoice::keep},
          wire::refusal_of(entry.refusals, leaf.number, 0),
          wire::kEncodedReceiptLeafBytes + wire::in_whole_words(receipt.receipt.size())};
}

// All of it in one piece: nothing has to be cut out, and what a sender's pointers share is not
// written out.
bool goes_as_stored(const broker::LoggedBatch& entry, const AgencyId& recipient,
                    std::span<const std::uint32_t> owed, const CutOptions& options) {
  const certs::VerifiedBatch& batch = *entry.batch;
  if (entry.bytes.size() > options.bytes_max || !batch.is_whole() || options.after) return false;
  if (options.until && *options.until < batch.leaves.back().number) return false;
  if (owed.size() != batch.leaves.size()) return false;
  return std::ranges::all_of(batch.leaves, [&](const certs::VerifiedLeaf& leaf) {
    const auto* header = std::get_if<wire::Header>(&leaf.decoded);
    return (header == nullptr || header->recipients.size() == 1) &&
           choose(entry, leaf, recipient, options.now).leaf.body == certs::BodyChoice::keep;
  });
}

SharedBytes cut_bytes(const broker::LoggedBatch& entry, const AgencyId& recipient,
                      const std::vector<Choice>& choices) {
  std::vector<certs::SliceLeaf> leaves;
  leaves.reserve(choices.size());
  for (const Choice& choice : choices) leaves.push_back(choice.leaf);
  return SharedBytes(wire::encode_batch(certs::cut_slice(*entry.batch, recipient, leaves)));
}

// The exchange did not know it: it is owed nothing.
bool is_unknown(const broker::LoggedBatch& entry, std::uint32_t leaf, std::uint32_t place) {
  return wire::refusal_of(entry.refusals, leaf, place) == ErrorCode::unknown_agency;
}

}  // namespace

wire::Cursor end_of(LogIndex index) { return {index, std::numeric_limits<std::uint32_t>::max()}; }

OwedBatch::OwedBatch(std::shared_ptr<const broker::LoggedBatch> logged)
    : logged_(std::move(logged)) {
  std::map<AgencyId, std::vector<std::uint32_t>> found;
  const std::vector<certs::VerifiedLeaf>& leaves = logged_->batch->leaves;
  for (std::uint32_t at = 0; at < leaves.size(); ++at) {
    const std::uint32_t number = leaves[at].number;
    if (const auto* receipt = std::get_if<wire::Receipt>(&leaves[at].decoded)) {
      if (!is_unknown(*logged_, number, 0)) found[receipt->to].push_back(at);
      continue;
    }
    const auto& recipients = std::get<wire::Header>(leaves[at].decoded).recipients;
    for (std::uint32_t place = 0; place < recipients.size(); ++place) {
      if (!is_unknown(*logged_, number, place)) found[recipients[place]].push_back(at);
    }
  }
  portions_.reserve(found.size());
  for (auto& [recipient, owed] : found) portions_.push_back({recipient, std::move(owed)});
}

std::span<const std::uint32_t> OwedBatch::leaves_of(const AgencyId& recipient) const {
  const auto found = std::ranges::lower_bound(portions_, recipient, {}, &Portion::recipient);
  if (found == portions_.end() || found->recipient != recipient) return {};
  return found->leaves;
}

std::optional<broker::Piece> first_piece(const OwedBatch& batch, const AgencyId& recipient,
                                         const CutOptions& options) {
  const broker::LoggedBatch& entry = batch.logged();
  const std::vector<certs::VerifiedLeaf>& leaves = entry.batch->leaves;
  std::span<const std::uint32_t> owed = batch.leaves_of(recipient);
  const bool as_stored = goes_as_stored(entry, recipient, owed, options);
  if (options.after) {
    const auto number_of = [&](std::uint32_t at) { return leaves[at].number; };
    const auto rest = std::ranges::upper_bound(owed, *options.after, {}, number_of);
    owed = owed.subspan(static_cast<std::size_t>(rest - owed.begin()));
  }
  std::vector<Choice> choices;
  std::size_t bytes = wire::kEncodedBatchBytes +
                      wire::in_whole_words(entry.batch->statement_bytes.size()) + kGapBytes;
  for (const std::uint32_t at : owed) {
    const certs::VerifiedLeaf& leaf = leaves[at];
    if (options.until && leaf.number > *options.until) break;
    const Choice choice = choose(entry, leaf, recipient, options.now);
    bytes += choice.bytes_max;
    const bool gap = !choices.empty() && choices.back().leaf.number + 1 != leaf.number;
    if (gap) bytes += kGapBytes;
    if (!choices.empty() && bytes > options.bytes_max && !as_stored) break;
    choices.push_back(choice);
  }
  if (choices.empty()) return std::nullopt;
  broker::Piece piece;
  piece.last_leaf = choices.back().leaf.number;
  piece.leaves = static_cast<std::uint32_t>(choices.size());
  piece.slice.lane = entry.batch->statement.lane;
  piece.slice.index = entry.index;
  piece.slice.accepted_at = entry.accepted_at;
  for (const Choice& choice : choices) {
    if (choice.stub) piece.slice.stubs.push_back({choice.leaf.number, *choice.stub});
  }
  if (std::holds_alternative<wire::Header>(leaves.front().decoded)) {
    piece.messages = piece.leaves - static_cast<std::uint32_t>(piece.slice.stubs.size());
  }
  piece.slice.slice = as_stored ? entry.bytes : cut_bytes(entry, recipient, choices);
  return piece;
}

Pieces all_pieces(const OwedBatch& batch, const AgencyId& recipient, CutOptions options,
                  std::size_t total_bytes_max) {
  Pieces result;
  std::size_t total = 0;
  while (auto piece = first_piece(batch, recipient, options)) {
    const std::size_t bytes = piece->slice.slice.size();
    if (!result.pieces.empty() && total + bytes > total_bytes_max) {
      result.end = Pieces::End::more;
      break;
    }
    total += bytes;
    options.after = piece->last_leaf;
    result.pieces.push_back(std::move(*piece));
  }
  return result;
}

}  // namespace keruen::dispatch
