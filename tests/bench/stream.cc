#include "tests/bench/stream.h"

#include <algorithm>

namespace keruen::bench {
namespace {

// Events of one message to one recipient at its sender: submitted, sealed, accepted, delivered.
constexpr std::uint64_t kEventsOfAccepted = 3;
constexpr std::uint64_t kEventsOfDelivered = 4;

}  // namespace

engine::SubmitRequest notice_to(const AgencyId& to, std::string text, Lane lane) {
  engine::SubmitRequest request;
  content::CooperationNotice notice;
  notice.what = std::move(text);
  request.content.body = std::move(notice);
  request.to = {*PartyId::parse(to.text())};
  request.lane = lane;
  return request;
}

Result<void> hand_over(SiteAgent& agent, const std::vector<engine::SubmitRequest>& requests) {
  KERUEN_TRY(const auto answers, agent.engine().submit_all(requests));
  for (const auto& answer : answers) {
    if (!answer) return fail(answer.error());
  }
  return {};
}

Result<void> Stream::send(std::uint64_t messages, Until until) {
  for (const std::uint64_t end = sent_ + messages; sent_ < end;) {
    if (sent_ >= kWindow) {
      const std::uint64_t known = sent_ + together_ - kWindow;
      // Of those not accepted each has at most its first two events: more are acceptances.
      const bool room = until == Until::arrived
                            ? to_.wait_for_events(arrived_before_ + known, kPatience)
                            : from_.wait_for_events(sent_before_ + 2 * sent_ + known, kPatience);
      if (!room) return fail(ErrorCode::io_failed, "messages do not get on");
    }
    std::vector<engine::SubmitRequest> requests;
    requests.reserve(std::min(together_, end - sent_));
    for (std::uint64_t i = 0; i < together_ && sent_ < end; ++i) {
      requests.push_back(notice_to(to_.id(), payload(message_bytes_, sent_++), lane_));
    }
    KERUEN_CHECK(hand_over(from_, requests));
  }
  return {};
}

Result<void> Stream::wait_for_acceptance() {
  if (from_.wait_for_events(sent_before_ + kEventsOfAccepted * sent_, kPatience)) return {};
  return fail(ErrorCode::io_failed, "messages were not accepted");
}

Result<void> Stream::wait_for_arrival(std::uint64_t messages) {
  if (to_.wait_for_events(arrived_before_ + messages, kPatience)) return {};
  return fail(ErrorCode::io_failed, "messages did not arrive");
}

Result<void> Stream::wait_for_receipts() {
  if (from_.wait_for_events(sent_before_ + kEventsOfDelivered * sent_, kPatience)) return {};
  return fail(ErrorCode::io_failed, "receipts did not arrive");
}

}  // namespace keruen::bench
