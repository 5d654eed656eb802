#include "tests/checker/check.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

namespace keruen::checker {
namespace {

struct Told {
  Outcome outcome = Outcome::delivered;
  std::uint64_t at = 0;
};

bool says_no(const Told& told) {
  return told.outcome == Outcome::refused || told.outcome == Outcome::undeliverable ||
         told.outcome == Outcome::recalled;
}

// One recipient of one message, as everybody saw it.
struct Passage {
  std::vector<Told> told;
  std::uint64_t received = 0;  // by the state the recipient ended with
};

struct Sent {
  SendInvoked invoked;
  std::string sender;
  std::uint64_t at = 0;
  HowEnded how = HowEnded::unknown;
  std::uint64_t place = 0;  // in the sender's order of successful sends
  std::map<std::string, Passage> passages;
};

// sender, lane, recipient
using Pair = std::tuple<std::string, std::string, std::string>;

class Judge {
 public:
  Judge(const std::vector<History>& histories, const CheckOptions& options)
      : histories_(histories), options_(options) {}

  Report judge() {
    collect_endings();
    for (const History& history : histories_) collect_sends(history);
    for (const History& history : histories_) collect_outcomes(history);
    for (const History& history : histories_) judge_receives(history);
    for (const auto& [value, sent] : sends_) judge_passages(sent);
    judge_absences();
    conclude();
    return std::move(report_);
  }

 private:
  void find(FindingKind kind, const Sent& sent, const std::string& recipient, std::string words,
            std::optional<Where> where = {}) {
    report_.findings.push_back({kind, sent.invoked.value, sent.sender, recipient, sent.invoked.lane,
                                where, std::move(words)});
  }
  void contradict(const std::string& process, const std::string& value, std::string words) {
    report_.findings.push_back(
        {FindingKind::contradictory, value, process, {}, {}, {}, std::move(words)});
  }

  void collect_endings() {
    std::set<std::string> processes;
    for (const History& history : histories_) {
      if (!processes.insert(history.process).second) {
        contradict(history.process, {}, "two histories of one process");
      }
      const Ended* ended =
          history.records.empty() ? nullptr : std::get_if<Ended>(&history.records.back().what);
      healed_ = healed_ && ended != nullptr && ended->healed;
      drained_ = drained_ && ended != nullptr && ended->drained;
      if (ended != nullptr) ended_at_ = std::max(ended_at_, history.records.back().at);
      for (const Record& record : history.records) {
        const auto* named = std::get_if<AbsenceNamed>(&record.what);
        if (named != nullptr) {
          report_.absences_named.push_back(history.process + ": " + named->words);
        }
      }
    }
  }

  // How many records a later restoring from a copy leaves of what stands at `index`: all of them,
  // or the record is forgotten.
  static bool is_forgotten(const History& history, std::size_t index) {
    for (std::size_t later = index + 1; later < history.records.size(); ++later) {
      const auto* restored = std::get_if<Restored>(&history.records[later].what);
      if (restored != nullptr && restored->records <= index) return true;
    }
    return false;
  }
  [[nodiscard]] bool was_restored(const std::string& process, std::uint64_t from,
                                  std::uint64_t until) const {
    return std::ranges::any_of(histories_, [&](const History& history) {
      return history.process == process &&
             std::ranges::any_of(history.records, [&](const Record& record) {
               return from <= record.at && record.at <= until &&
                      std::holds_alternative<Restored>(record.what);
             });
    });
  }
  [[nodiscard]] bool was_restored_since(const std::string& process, std::uint64_t at) const {
    return was_restored(process, at, std::numeric_limits<std::uint64_t>::max());
  }
  static bool is_ever_restored(const History& history) {
    return std::ranges::any_of(history.records, [](const Record& record) {
      return std::holds_alternative<Restored>(record.what);
    });
  }

  void collect_sends(const History& history) {
    const bool restored = is_ever_restored(history);
    for (std::size_t index = 0; index < history.records.size(); ++index) {
      const Record& record = history.records[index];
      if (const auto* invoked = std::get_if<SendInvoked>(&record.what)) {
        invoke(history.process, *invoked, record.at);
      } else if (const auto* ended = std::get_if<SendEnded>(&record.what)) {
        // A store restored from before this may have forgotten the message, or sent it already.
        const bool forgotten = restored && is_forgotten(history, index);
        end(history.process, *ended, forgotten ? HowEnded::unknown : ended->how);
      }
    }
  }
  void invoke(const std::string& process, const SendInvoked& invoked, std::uint64_t at) {
    Sent sent{invoked, process, at, HowEnded::unknown, 0, {}};
    for (const std::string& recipient : invoked.to) sent.passages[recipient];
    if (!sends_.emplace(invoked.value, std::move(sent)).second) {
      contradict(process, invoked.value, "sent twice by the harness: values must be unique");
    }
  }
  void end(const std::string& process, const SendEnded& ended, HowEnded how) {
    const auto found = sends_.find(ended.value);
    if (found == sends_.end() || found->second.sender != process) {
      contradict(process, ended.value, "a send ended that never began");
      return;
    }
    found->second.how = how;
    found->second.place = ++places_;
    if (how == HowEnded::ok) ++report_.sends;
  }

  void collect_outcomes(const History& history) {
    for (const Record& record : history.records) {
      const auto* seen = std::get_if<OutcomeSeen>(&record.what);
      if (seen == nullptr) continue;
      const auto found = sends_.find(seen->value);
      if (found == sends_.end() || found->second.sender != history.process ||
          !found->second.passages.contains(seen->recipient)) {
        contradict(history.process, seen->value, "an outcome of what was never sent to them");
        continue;
      }
      Sent& sent = found->second;
      sent.passages.at(seen->recipient).told.push_back({seen->outcome, record.at});
      if (seen->outcome == Outcome::expired && sent.invoked.lives &&
          record.at < sent.at + *sent.invoked.lives) {
        find(FindingKind::expired_early, sent, seen->recipient,
             "said expired after " + std::to_string(record.at - sent.at) + " of " +
                 std::to_string(*sent.invoked.lives) + " ms");
      }
    }
  }

  void judge_receives(const History& history) {
    const bool restored = is_ever_restored(history);
    std::map<Pair, const Sent*> newest;
    for (std::size_t index = 0; index < history.records.size(); ++index) {
      const auto* received = std::get_if<Received>(&history.records[index].what);
      if (received == nullptr) continue;
      Sent* sent = sent_of(history.process, *received);
      if (sent == nullptr) continue;
      if (received->content != sent->invoked.content || received->lane != sent->invoked.lane) {
        find(FindingKind::altered, *sent, history.process,
             received->lane == sent->invoked.lane ? "with other content"
                                                  : "in the lane " + received->lane);
      }
      Passage& passage = sent->passages.at(history.process);
      if (restored && is_forgotten(history, index)) continue;
      if (++passage.received > 1) {
        find(FindingKind::duplicated, *sent, history.process,
             "received " + std::to_string(passage.received) + " times");
        continue;
      }
      ++report_.deliveries;
      judge_order(*sent, history.process, newest);
    }
  }
  Sent* sent_of(const std::string& recipient, const Received& received) {
    const auto found = sends_.find(received.value);
    if (found != sends_.end() && found->second.sender == received.from &&
        found->second.passages.contains(recipient)) {
      return &found->second;
    }
    report_.findings.push_back({FindingKind::never_sent,
                                received.value,
                                received.from,
                                recipient,
                                received.lane,
                                {},
                                "received, and never sent to them"});
    return nullptr;
  }
  void judge_order(const Sent& sent, const std::string& recipient,
                   std::map<Pair, const Sent*>& newest) {
    // Where a send that ended unknown stands in the order nobody can say.
    if (sent.how != HowEnded::ok || sent.invoked.lane.empty()) return;
    const Sent*& last = newest[{sent.sender, sent.invoked.lane, recipient}];
    if (last != nullptr && last->place > sent.place) {
      find(FindingKind::out_of_order, sent, recipient,
           "received after " + last->invoked.value + ", which was sent later");
      return;
    }
    last = &sent;
  }

  void judge_passages(const Sent& sent) {
    for (const auto& [recipient, passage] : sent.passages) {
      if (passage.received > 0) {
        judge_receipt_in_spite(sent, recipient, passage);
      } else if (!passage.told.empty()) {
        judge_refusal(sent, recipient, passage.told.back());
      }
    }
  }
  // What is said later takes nothing back: somebody has acted on the no. A sender whose store was
  // put back since may have been told it of what its other life had sent.
  void judge_receipt_in_spite(const Sent& sent, const std::string& recipient,
                              const Passage& passage) {
    if (sent.how == HowEnded::failed) {
      find(FindingKind::delivered_in_spite, sent, recipient, "received, and the send failed");
      return;
    }
    const auto no = std::ranges::find_if(passage.told, says_no);
    if (no == passage.told.end() || was_restored_since(sent.sender, sent.at)) return;
    find(FindingKind::delivered_in_spite, sent, recipient,
         "received, and the sender was told: " + std::string(name_of(no->outcome)));
  }
  // No run suspends anybody or changes rules: only a store that had been put back by then refuses
  // what it was sent, or has lost the key for it.
  void judge_refusal(const Sent& sent, const std::string& recipient, const Told& last) {
    if (!says_no(last) || last.outcome == Outcome::recalled) return;
    const bool are_keys_known = options_.keys_known_at && sent.at >= *options_.keys_known_at;
    if (!are_keys_known &&
        (was_restored(sent.sender, 0, last.at) || was_restored(recipient, 0, last.at))) {
      return;
    }
    find(FindingKind::refused_for_nothing, sent, recipient,
         "the sender was told: " + std::string(name_of(last.outcome)));
  }

  static bool said_delivered(const Passage& passage) {
    return std::ranges::find(passage.told, Outcome::delivered, &Told::outcome) !=
           passage.told.end();
  }
  // It must be there in the end: nobody was told otherwise.
  static bool is_owed(const Sent& sent, const Passage& passage) {
    if (said_delivered(passage)) return true;
    return sent.how == HowEnded::ok && passage.told.empty();
  }

  void judge_absences() {
    struct Member {
      const Sent* sent;
      const Passage* passage;
    };
    std::map<Pair, std::vector<Member>> pairs;
    for (const auto& [value, sent] : sends_) {
      for (const auto& [recipient, passage] : sent.passages) {
        if (passage.received == 0 && !is_owed(sent, passage)) continue;
        pairs[{sent.sender, sent.invoked.lane, recipient}].push_back({&sent, &passage});
      }
    }
    for (auto& [pair, members] : pairs) {
      std::ranges::sort(members, {}, [](const Member& member) { return member.sent->place; });
      const auto came = [](const Member& member) { return member.passage->received > 0; };
      const auto first = std::ranges::find_if(members, came);
      const auto after_last = std::find_if(members.rbegin(), members.rend(), came).base();
      for (auto member = members.begin(); member != members.end(); ++member) {
        if (came(*member)) continue;
        // Where nothing came at all the whole sequence lacks its beginning.
        const Where where = member < first         ? Where::beginning
                            : member >= after_last ? Where::end
                                                   : Where::middle;
        judge_absence(*member->sent, *member->passage, std::get<2>(pair), where);
      }
    }
  }
  void judge_absence(const Sent& sent, const Passage& passage, const std::string& recipient,
                     Where where) {
    // Faults still under way explain everything that is not there yet.
    if (!healed_) return;
    // It was there, whether anybody had looked or not, its recipient went back to a copy, and by
    // then it had expired.
    const bool may_be_over = !sent.invoked.lives || sent.at + *sent.invoked.lives <= ended_at_;
    if (may_be_over && was_restored_since(recipient, sent.at)) return;
    if (said_delivered(passage)) {
      find(FindingKind::delivered_but_absent, sent, recipient,
           "the sender was told it is there, and it is not", where);
    } else if (drained_) {
      find(FindingKind::lost, sent, recipient,
           "missing at the " + std::string(name_of(where)) + " of its pair's sequence", where);
    } else {
      find(FindingKind::not_drained, sent, recipient, "still under way at the deadline", where);
    }
  }

  void conclude() {
    if (healed_ && !drained_ && report_.findings.empty()) {
      report_.findings.push_back({FindingKind::not_drained,
                                  {},
                                  {},
                                  {},
                                  {},
                                  {},
                                  "everything came, and yet the exchange was not quiet"});
    }
    std::ranges::stable_sort(report_.findings, {}, &Finding::kind);
    if (histories_.empty()) {
      report_.why_unknown = "no history at all";
    } else if (!healed_) {
      report_.why_unknown = "the run was not healed and brought to its end";
    } else if (report_.deliveries < options_.deliveries_min || report_.sends == 0) {
      report_.why_unknown = "barely run: " + std::to_string(report_.sends) + " sends, " +
                            std::to_string(report_.deliveries) + " deliveries";
    }
    report_.verdict = !report_.findings.empty()      ? Verdict::failed
                      : !report_.why_unknown.empty() ? Verdict::unknown
                                                     : Verdict::passed;
  }

  const std::vector<History>& histories_;
  const CheckOptions& options_;
  std::map<std::string, Sent> sends_;  // by value
  std::uint64_t places_ = 0;
  bool healed_ = true;
  bool drained_ = true;
  std::uint64_t ended_at_ = 0;
  Report report_;
};

}  // namespace

std::string_view name_of(FindingKind kind) {
  switch (kind) {
    case FindingKind::lost:
      return "lost";
    case FindingKind::never_sent:
      return "never sent";
    case FindingKind::duplicated:
      return "duplicated";
    case FindingKind::out_of_order:
      return "out of order";
    case FindingKind::altered:
      return "altered";
    case FindingKind::delivered_in_spite:
      return "delivered in spite of refusal";
    case FindingKind::delivered_but_absent:
      return "said delivered, not there";
    case FindingKind::expired_early:
      return "expired early";
    case FindingKind::not_drained:
      return "not drained";
    case FindingKind::refused_for_nothing:
      return "refused for nothing";
    case FindingKind::contradictory:
      return "contradictory history";
  }
  return "lost";
}

std::string_view name_of(Where where) {
  switch (where) {
    case Where::beginning:
      return "beginning";
    case Where::middle:
      return "middle";
    case Where::end:
      return "end";
  }
  return "end";
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return "passed";
    case Verdict::failed:
      return "failed";
    case Verdict::unknown:
      return "unknown";
  }
  return "unknown";
}

Report check(const std::vector<History>& histories, const CheckOptions& options) {
  return Judge(histories, options).judge();
}

}  // namespace keruen::checker
