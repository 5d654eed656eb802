#include "agents/engine/submission_queue.h"

#include <algorithm>

namespace keruen::engine {
namespace {

bool is_urgent(const SubmitRequest& request) { return request.lane <= Lane::urgent; }

}  // namespace

bool SubmissionQueue::push(std::span<const SubmitRequest> requests, Answer answer) {
  if (waiting_.size() >= kSubmissionsMax) return false;
  waiting_.push_back({requests, std::move(answer), std::ranges::any_of(requests, is_urgent)});
  return true;
}

SubmissionQueue::Taken SubmissionQueue::take(MonotonicTime now) {
  const bool some_urgent = std::ranges::any_of(waiting_, &Submission::is_urgent);
  if (some_urgent) urgent_first_.saw_urgent(now);
  Taken taken;
  taken.is_only_urgent = urgent_first_.rest_stands_back(some_urgent);
  std::size_t room = urgent_first_.rest_is_brief(now) ? kRoundBesideUrgentMax : kRoundMax;
  if (taken.is_only_urgent) room = 0;
  std::deque<Submission> left;
  for (Submission& submission : waiting_) {
    const auto requests = submission.requests;
    const std::size_t part =
        submission.is_urgent ? requests.size() : std::min(room, requests.size());
    if (!submission.is_urgent) room -= part;
    if (part > 0) {
      taken.submissions.push_back({requests.first(part), submission.answer, submission.is_urgent});
    }
    if (part == requests.size()) continue;
    submission.requests = requests.subspan(part);
    left.push_back(std::move(submission));
  }
  waiting_.swap(left);
  return taken;
}

}  // namespace keruen::engine
