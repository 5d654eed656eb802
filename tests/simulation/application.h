// The officers of one agency and their history: what they send, what they receive, and what they
// are told became of it.
// Units: `at` in milliseconds of the simulation's own clock.
// Threads: one.   Lifetime: borrows nothing; each call is given the agent as it runs now.
//
// It sees an agent only as an officer does: by asking it to send, by its events and receipts.
//
// A file that travels with a letter is a value of its own in the history, `kz.customs-17/file`:
// sent with its letter in no lane, received when the agent there says that it is complete.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/checker/history.h"
#include "tests/support/test_agent.h"

namespace keruen::simulation {

struct Letter {
  std::vector<std::string> to;
  Lane lane = Lane::routine;
  std::size_t padding = 0;
  std::optional<std::chrono::seconds> lives = {};
  std::size_t file_bytes = 0;  // 0: no file; files of one agency and size are the same
};

class Application {
 public:
  // `clocks_off_max`: by so much those of the exchange may differ without anybody noticing.
  Application(std::string agency, std::chrono::milliseconds clocks_off_max)
      : history_{std::move(agency), {}}, clocks_off_max_(clocks_off_max) {}

  // A defect of what stands between agent and officer: changes, drops or adds what is seen, each
  // time something is seen. Empty: none.
  using Defect = std::function<void(std::vector<checker::Record>& seen)>;
  void plant(Defect defect) { defect_ = std::move(defect); }

  // A file is put on `disk` for it and taken away again.
  checker::HowEnded send(TestAgent& agent, host::Disk& disk, const Letter& letter, Now now,
                         std::uint64_t at);
  // A message that is still on its way, if there is one.
  void recall(TestAgent& agent, Now now, std::uint64_t at);
  // Takes in what happened at the agent since the last time.
  void look(TestAgent& agent, std::uint64_t at);
  void restarted(std::uint64_t at) { see({{at, checker::Restarted{}}}); }
  void end(checker::Ended ended, std::uint64_t at) { see({{at, ended}}); }

  // What is restored together with the agent's store.
  struct Memory {
    std::uint64_t cursor = 0;
    std::map<std::string, std::set<std::string>> under_way;
    std::uint64_t records = 0;
  };
  [[nodiscard]] Memory memory() const { return {cursor_, under_way_, history_.records.size()}; }
  void restored(const Memory& memory, std::uint64_t at);

  // Sent, and not yet told of every recipient what became of it.
  [[nodiscard]] bool waits() const { return !under_way_.empty(); }
  [[nodiscard]] std::string waits_for() const;
  [[nodiscard]] const checker::History& history() const { return history_; }

 private:
  void see(std::vector<checker::Record> seen);
  checker::HowEnded end_send(const std::string& value, checker::HowEnded how, std::uint64_t at);
  void took_back(const std::string& value, const engine::RecallAnswer& answer, std::uint64_t at);
  void look_at_events(TestAgent& agent, std::uint64_t at);
  // False: it could not be read; it is looked at again.
  [[nodiscard]] bool look_at(TestAgent& agent, const store::Event& event, std::uint64_t at,
                             std::vector<checker::Record>& seen);
  [[nodiscard]] bool receive(TestAgent& agent, const MessageId& id, std::uint64_t at,
                             std::vector<checker::Record>& seen);
  [[nodiscard]] bool receive_file(TestAgent& agent, const MessageId& id, std::uint64_t at,
                                  std::vector<checker::Record>& seen);
  void look_for_files(TestAgent& agent, std::uint64_t at);
  [[nodiscard]] std::optional<checker::Outcome> outcome_of_file(
      const std::string& value, const store::RecipientStatus& status, std::uint64_t at) const;
  void told(TestAgent& agent, const store::Event& event, checker::Outcome outcome, std::uint64_t at,
            std::vector<checker::Record>& seen);
  [[nodiscard]] std::optional<std::string> value_of(TestAgent& agent, const MessageId& id);
  // False: it was not under way to them.
  bool settle(const std::string& value, const std::string& recipient);

  checker::History history_;
  const std::chrono::milliseconds clocks_off_max_;
  std::uint64_t cursor_ = 0;  // of the agent's events
  std::uint64_t sent_ = 0;
  std::map<MessageId, std::string> values_;
  std::map<std::string, std::set<std::string>> under_way_;  // value to recipients
  struct SentFile {
    std::set<std::string> to;
    std::uint32_t parts = 0;
    std::optional<std::uint64_t> expires_at;  // not before; empty: at any time
  };
  std::map<std::string, SentFile> sent_files_;  // by the value of the letter
  Defect defect_;
};

}  // namespace keruen::simulation
