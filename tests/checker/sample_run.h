// A small run of three applications, written by hand and passed by the checker; tests spoil it.
// Threads: values.
#pragma once

#include <map>

#include "tests/checker/check.h"

namespace keruen::checker {

class SampleRun {
 public:
  static constexpr const char* kGuard = "kz.guard";
  static constexpr const char* kCustoms = "kz.customs";
  static constexpr const char* kCourt = "kz.court";

  SampleRun() : histories_{{kGuard, {}}, {kCustoms, {}}, {kCourt, {}}} {}

  void add(const std::string& process, decltype(Record::what) what) {
    of(process).records.push_back({++at_, std::move(what)});
  }
  void wait(std::uint64_t milliseconds) { at_ += milliseconds; }
  // When the next record happens.
  [[nodiscard]] std::uint64_t next_at() const { return at_ + 1; }
  void invoke(const std::string& value, const std::vector<std::string>& to = {kCustoms},
              const std::string& lane = "routine") {
    add(kGuard, SendInvoked{value, to, lane, "text of " + value, 1000});
  }
  void send(const std::string& value, const std::vector<std::string>& to = {kCustoms},
            const std::string& lane = "routine") {
    invoke(value, to, lane);
    add(kGuard, SendEnded{value, HowEnded::ok});
  }
  void receive(const std::string& value, const std::string& at = kCustoms,
               const std::string& lane = "routine") {
    add(at, Received{value, kGuard, lane, "text of " + value, false});
  }
  void tell(const std::string& value, Outcome outcome, const std::string& recipient = kCustoms) {
    add(kGuard, OutcomeSeen{value, recipient, outcome});
  }
  void end(Ended ended = {true, true}) {
    for (History& history : histories_) add(history.process, ended);
  }

  [[nodiscard]] History& of(const std::string& process) {
    for (History& history : histories_) {
      if (history.process == process) return history;
    }
    return histories_.front();
  }
  [[nodiscard]] std::vector<History>& histories() { return histories_; }
  [[nodiscard]] Report judge(const CheckOptions& options = {}) const {
    return check(histories_, options);
  }

 private:
  std::vector<History> histories_;
  std::uint64_t at_ = 0;
};

}  // namespace keruen::checker
