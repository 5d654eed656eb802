#include "agents/monitor/operator_session.h"

namespace keruen::monitor {
namespace {

using link::Dealer;
using link::DealerEvent;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

milliseconds left_until(steady_clock::time_point end) {
  return std::max(milliseconds(0),
                  std::chrono::duration_cast<milliseconds>(end - steady_clock::now()));
}

Error no_answer(const BrokerAddress& address) {
  return {ErrorCode::io_failed, "no broker answers at " + address.dealer.endpoint +
                                    "; is it running, and is its key the one in admin.toml?"};
}

}  // namespace

OperatorSession::OperatorSession(BrokerAddress address, std::unique_ptr<Dealer> dealer)
    : address_(std::move(address)), dealer_(std::move(dealer)) {}

OperatorSession::~OperatorSession() = default;

Result<std::unique_ptr<OperatorSession>> OperatorSession::open(const BrokerAddress& address,
                                                               const certs::TransportKeyPair& key) {
  KERUEN_TRY(auto dealer, Dealer::connect(address.dealer, key));
  std::unique_ptr<OperatorSession> session(new OperatorSession(address, std::move(dealer)));
  const auto end = steady_clock::now() + kAnswerPatience;
  while (left_until(end).count() > 0) {
    if (const auto event = session->dealer_->next_event()) {
      if (*event == DealerEvent::connected) return session;
      if (*event == DealerEvent::refused) {
        return fail(ErrorCode::denied,
                    "the broker does not admit this operator's key; was the registry published "
                    "after `keruen authority operator`? Or it came too often within two minutes: "
                    "try again in a while");
      }
      return fail(no_answer(address));
    }
    session->dealer_->wait({}, left_until(end));
  }
  return fail(no_answer(address));
}

Result<wire::Report> OperatorSession::ask(const wire::OperatorQuery& query) {
  const auto end = steady_clock::now() + kAnswerPatience;
  const SharedBytes frame(wire::encode_frame(query));
  if (!dealer_->send(frame)) return fail(no_answer(address_));
  while (left_until(end).count() > 0) {
    while (const auto bytes = dealer_->receive()) {
      KERUEN_TRY(const auto answer, wire::decode_frame(*bytes));
      if (const auto* report = std::get_if<wire::OperatorReport>(&answer)) return report->report;
      if (const auto* fault = std::get_if<wire::Fault>(&answer)) {
        return fail(fault->code, fault->code == ErrorCode::denied
                                     ? "this operator's role may not ask that"
                                     : "the broker refused the question");
      }
    }
    if (dealer_->next_event()) return fail(no_answer(address_));
    dealer_->wait({}, left_until(end));
  }
  return fail(no_answer(address_));
}

}  // namespace keruen::monitor
