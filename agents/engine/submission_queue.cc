#include "agents/engine/submission_queue.h"

#include <algorithm>

namespace keruen::engine {
namespace {

bool is_urgent(const SubmitRequest& request) { return request.lane <= Lane::urgent; }

// Of a very large number the pieces are larger: others are to find room beside it.
std::size_t piece_size(std::size_t requests) {
  return std::max(SubmissionQueue::kRoundBesideUrgentMax,
                  requests / (SubmissionQueue::kPiecesMax / 2) + 1);
}

}  // namespace

bool SubmissionQueue::push(std::span<const SubmitRequest> requests, const Answer& answer) {
  const std::size_t size = piece_size(requests.size());
  if (pieces_.size() + (requests.size() + size - 1) / size > kPiecesMax) return false;
  while (!requests.empty()) {
    const auto piece = requests.first(std::min(size, requests.size()));
    pieces_.push_back({piece, answer, std::ranges::any_of(piece, is_urgent)});
    requests = requests.subspan(piece.size());
  }
  return true;
}

SubmissionQueue::Taken SubmissionQueue::take(MonotonicTime now) {
  const bool some_urgent = std::ranges::any_of(pieces_, &Piece::is_urgent);
  if (some_urgent) urgent_first_.saw_urgent(now);
  Taken taken;
  taken.is_only_urgent = urgent_first_.rest_stands_back(some_urgent);
  std::size_t room = urgent_first_.rest_is_brief(now) ? kRoundBesideUrgentMax : kRoundMax;
  std::deque<Piece> left;
  for (Piece& piece : pieces_) {
    const bool is_taken = piece.is_urgent || (!taken.is_only_urgent && room > 0);
    if (is_taken && !piece.is_urgent) room -= std::min(room, piece.requests.size());
    (is_taken ? taken.pieces.emplace_back() : left.emplace_back()) = std::move(piece);
  }
  pieces_.swap(left);
  return taken;
}

}  // namespace keruen::engine
