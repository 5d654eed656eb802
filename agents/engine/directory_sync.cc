#include "agents/engine/directory_sync.h"

#include <algorithm>
#include <unordered_map>

#include "certs/hash.h"
#include "certs/key_record.h"

namespace keruen::engine {
namespace {

constexpr std::chrono::seconds kAskAgainAfter{30};
// What the broker does not give is asked for again: somebody may have repaired it.
constexpr std::chrono::minutes kHopelessFor{10};
constexpr std::size_t kUnansweredNamed = 3;
// After that no window of a prekey logged then is open any more.
constexpr std::chrono::hours kPrekeyOfUseMax = kPrekeysAhead + 2 * kPrekeyWindow;

}  // namespace

Result<void> DirectorySync::load() {
  KERUEN_TRY(const auto lines, desk_.store.directory_lines());
  for (const auto& line : lines) {
    if (auto appended = desk_.directory.append(line); !appended) {
      return fail(ErrorCode::corrupt,
                  "the stored directory is damaged: " + appended.error().detail);
    }
  }
  KERUEN_TRY(const auto records, desk_.store.directory_records());
  for (const auto& stored : records) {
    // One that no longer verifies is asked for again.
    if (stored.type == wire::DirectoryType::registry) {
      if (const auto snapshot = wire::decode_snapshot(stored.bytes)) {
        (void)desk_.directory.supply(*snapshot);
      }
    } else if (const auto record = wire::decode_signed_record(stored.bytes)) {
      (void)desk_.directory.supply(*record);
    }
  }
  return {};
}

void DirectorySync::forget_asked() {
  lines_question_ = {};
  record_question_ = {};
  asked_.clear();
  hopeless_.clear();
  assembly_.reset();
  broker_.reset();
  resume_at_.reset();
}

void DirectorySync::ask(Question& question, const wire::Frame& frame, Turn& turn) {
  question.asked_at = turn.now().monotonic;
  turn.send(frame);
}

bool DirectorySync::lapses(Question& question, MonotonicTime now) {
  if (!question.asked_at || !desk_.link.is_overdue(*question.asked_at, kAskAgainAfter, now)) {
    return false;
  }
  question.asked_at.reset();
  // Whoever waited for it goes on without it.
  if (++question.unanswered == kUnansweredNamed) changed_ = true;
  return true;
}

void DirectorySync::fork(std::string text, const Digest& ours, const Digest& theirs, Turn& turn) {
  std::vector<store::Evidence> evidence;
  evidence.push_back({"our directory head", copy_of(ours.view())});
  evidence.push_back({"the other directory head", copy_of(theirs.view())});
  turn.halt(std::move(text), std::move(evidence));
}

void DirectorySync::welcome(const wire::DirectoryPosition& broker, Turn& turn) {
  broker_ = broker;
  stated_ = broker.count;
  const auto ours = desk_.directory.position();
  if (broker.count < ours.count) {
    fork(
        "The broker's directory is shorter than what it showed before: it lost its log or "
        "another broker answers.",
        ours.head, broker.head, turn);
    return;
  }
  if (const auto head = desk_.directory.head_at(broker.count); head && *head != broker.head) {
    fork("The broker shows another directory than before.", *head, broker.head, turn);
    return;
  }
  go_on(turn);
}

void DirectorySync::go_on(Turn& turn) {
  if (lines_to_come()) {
    want_lines(turn);
  } else {
    ask_missing(turn);
  }
}

void DirectorySync::want_lines(Turn& turn) {
  if (lines_question_.asked_at) return;
  ask(lines_question_, wire::FetchDirectory{desk_.directory.position().count}, turn);
}

void DirectorySync::append(const wire::DirectoryLines& frame, Turn& turn) {
  const std::uint64_t here = desk_.directory.position().count.value;
  std::vector<wire::DirectoryLine> fresh;
  for (std::size_t i = 0; i < frame.lines.size(); ++i) {
    const std::uint64_t number = frame.from.value + i;
    if (number < here) {
      if (desk_.directory.lines()[number] == frame.lines[i]) continue;
      fork("The broker shows another line " + std::to_string(number) +
               " of the directory than before.",
           desk_.directory.lines()[number].signed_hash, frame.lines[i].signed_hash, turn);
      return;
    }
    if (number != here + fresh.size()) break;
    fresh.push_back(frame.lines[i]);
  }
  if (fresh.empty()) return;
  // Judged before they are stored: a store that holds what cannot be judged never starts again.
  if (const auto follow = desk_.directory.would_append(fresh); !follow) {
    fork("The broker's directory does not stand in the order of its log: " + follow.error().detail,
         desk_.directory.position().head, fresh.back().signed_hash, turn);
    return;
  }
  if (!turn.checked(desk_.store.save_lines(here, fresh))) return;
  for (const auto& line : fresh) {
    ensure(desk_.directory.append(line).has_value(), "lines that follow are appended");
  }
  changed_ = true;
}

void DirectorySync::lines(const wire::DirectoryLines& frame, Turn& turn) {
  if (desk_.halted) return;
  stated_ = std::max(stated_, frame.count);
  const DirectoryCount before = desk_.directory.position().count;
  if (frame.from <= before) append(frame, turn);
  if (desk_.halted || desk_.stopped) return;
  // One that brings none of those that are to come is no answer.
  const bool is_answer = desk_.directory.position().count > before || !lines_to_come();
  const bool was_not_stored = !is_answer && desk_.disk_full;
  if (is_answer || was_not_stored) lines_question_ = {};
  resume_at_.reset();
  if (was_not_stored) {
    resume_at_ = turn.now().monotonic + kAskAgainAfter;
    return;
  }
  if (broker_) {
    const auto head = desk_.directory.head_at(broker_->count);
    if (head && *head != broker_->head) {
      fork("The broker's directory lines do not lead to the head it stated.", *head, broker_->head,
           turn);
      return;
    }
  }
  go_on(turn);
}

void DirectorySync::ask_missing(Turn& turn) {
  if (!asked_.empty() || assembly_) return;
  std::vector<Digest> records;
  const WallTime prekeys_since = desk_.exchange_time(turn.now()) - kPrekeyOfUseMax;
  bool lacks_registry = false;
  for (const auto& hash : desk_.directory.missing(4 * kHashesPerFetchMax, prekeys_since)) {
    const auto* line = desk_.directory.line_of(hash);
    const bool is_registry = line != nullptr && line->type == wire::DirectoryType::registry;
    if (hopeless_.contains(hash) || held_.contains(hash)) {
      lacks_registry |= is_registry;
      continue;
    }
    if (is_registry) {
      if (lacks_registry) continue;  // it could not be judged
      // Snapshots first: every other record is judged by one.
      asked_.insert(hash);
      ask(record_question_, wire::FetchSnapshot{hash}, turn);
      return;
    }
    if (records.size() < kHashesPerFetchMax) records.push_back(hash);
  }
  if (records.empty()) return;
  asked_.insert(records.begin(), records.end());
  ask(record_question_, wire::FetchRecords{std::move(records)}, turn);
}

bool DirectorySync::supply(const wire::SignedRecord& record, Turn& turn) {
  const Digest hash = certs::signed_hash(record);
  const auto supplied = desk_.directory.supply(record);
  if (!supplied) {
    if (supplied.error().code == ErrorCode::not_found) {
      held_[hash] = record;
    } else {
      if (supplied.error().code == ErrorCode::bad_signature) name_withheld({hash}, turn);
      give_up(hash, turn);
      desk_.journal.write_error(host::JournalLevel::warning, "key_record_refused",
                                supplied.error());
    }
    return false;
  }
  held_.erase(hash);
  const auto* line = desk_.directory.line_of(hash);
  const auto type = line == nullptr ? wire::DirectoryType::prekey : line->type;
  std::vector<store::Store::StoredRecord> stored;
  stored.push_back({hash, type, wire::encode_signed_record(record)});
  (void)turn.checked(desk_.store.save_records(stored));
  changed_ = true;
  return true;
}

void DirectorySync::supply_held(Turn& turn) {
  for (bool progress = true; progress && !held_.empty();) {
    progress = false;
    const auto waiting = held_;
    for (const auto& [hash, record] : waiting) progress = supply(record, turn) || progress;
  }
}

void DirectorySync::records(const wire::Records& frame, Turn& turn) {
  if (desk_.halted) return;
  for (const auto& record : frame.records) {
    const Digest hash = certs::signed_hash(record);
    asked_.erase(hash);
    // An answer may come when it is no longer waited for. What no line names may be anything.
    if (desk_.directory.line_of(hash) != nullptr) (void)supply(record, turn);
  }
  supply_held(turn);
  if (frame.records.empty()) {
    // The broker has none of what is left.
    name_withheld(asked_, turn);
    for (const auto& hash : asked_) give_up(hash, turn);
    asked_.clear();
  }
  if (!asked_.empty() || assembly_) return;
  record_question_ = {};
  // What waits for a signer that does not come is not asked for for ever.
  for (const auto& [hash, record] : held_) give_up(hash, turn);
  ask_missing(turn);
}

void DirectorySync::snapshot_head(const wire::SnapshotHead& frame, Turn& turn) {
  const Digest hash = certs::sha256(frame.head);
  const auto* line = desk_.directory.line_of(hash);
  const bool is_registry = line != nullptr && line->type == wire::DirectoryType::registry;
  if (desk_.halted || !is_registry || asked_.erase(hash) == 0) return;
  const auto newest = desk_.directory.newest_registry();
  std::unordered_map<Digest, const Bytes*> here;
  if (newest) {
    for (const auto& entry : newest->snapshot().entries) here.emplace(certs::sha256(entry), &entry);
  }
  auto begun = certs::SnapshotAssembly::begin(
      frame, desk_.options.origin, newest ? newest->authorities() : desk_.options.trusted,
      [&](const Digest& entry) {
        const auto found = here.find(entry);
        return found == here.end() ? nullptr : found->second;
      });
  if (!begun) {
    refuse_snapshot(hash, begun.error(), turn);
    ask_missing(turn);
    return;
  }
  assembly_ = std::move(*begun);
  ask_entries(turn);
}

void DirectorySync::ask_entries(Turn& turn) {
  if (assembly_->is_complete()) {
    finish_snapshot(turn);
  } else {
    ask(record_question_, wire::FetchEntries{assembly_->wanted()}, turn);
  }
}

void DirectorySync::entries(const wire::Entries& frame, Turn& turn) {
  if (desk_.halted || !assembly_) return;
  const Digest registry = assembly_->hash();
  const auto added = assembly_->add(frame.entries);
  if (added && *added > 0) {
    record_question_.unanswered = 0;
    ask_entries(turn);
    return;
  }
  // What came twice was asked for twice.
  if (added && !frame.entries.empty()) return;
  assembly_.reset();
  if (added) {
    record_question_ = {};
    name_withheld({registry}, turn);
    give_up(registry, turn);
  } else {
    refuse_snapshot(registry, added.error(), turn);
  }
  ask_missing(turn);
}

void DirectorySync::finish_snapshot(Turn& turn) {
  const Digest hash = assembly_->hash();
  const auto snapshot = assembly_->take();
  assembly_.reset();
  record_question_ = {};
  if (const auto supplied = desk_.directory.supply(snapshot); !supplied) {
    refuse_snapshot(hash, supplied.error(), turn);
  } else {
    std::vector<store::Store::StoredRecord> stored;
    stored.push_back({hash, wire::DirectoryType::registry, wire::encode_snapshot(snapshot)});
    (void)turn.checked(desk_.store.save_records(stored));
    changed_ = true;
    supply_held(turn);
  }
  ask_missing(turn);
}

void DirectorySync::refuse_snapshot(const Digest& head, const Error& error, Turn& turn) {
  record_question_ = {};
  give_up(head, turn);
  // One behind a registry that is not here may be as good as any.
  if (error.code == ErrorCode::not_found || !named_.insert(head).second) return;
  const auto* line = desk_.directory.line_of(head);
  ensure(line != nullptr, "a line names the registry that was asked for");
  turn.warn({store::EventType::warning,
             {},
             {},
             {},
             error.code,
             "Entry " + std::to_string(line->index.value) +
                 " of the log is a registry, and what the broker gives as that does not verify: " +
                 error.detail + ". Ask the exchange authority."});
}

// A prekey that is not given costs its messages; what is named here decides who is trusted.
void DirectorySync::name_withheld(const std::set<Digest>& records, Turn& turn) {
  for (const auto& hash : records) {
    const auto* line = desk_.directory.line_of(hash);
    if (line == nullptr) continue;
    const std::string agency = line->agency.text();
    std::string what;
    std::string until_then;
    if (line->type == wire::DirectoryType::registry) {
      what = "a registry";
      until_then = "no message is sent, and nothing newer taken from anybody";
    } else if (line->type == wire::DirectoryType::revocation) {
      what = "a revocation by " + agency;
      until_then = "no message is sealed to " + agency + ", and nothing newer taken from there";
    } else if (line->type == wire::DirectoryType::delegation) {
      what = "a signing key of " + agency;
      until_then = "nothing that is signed with it is taken";
    } else {
      continue;
    }
    if (!named_.insert(hash).second) continue;
    turn.warn({store::EventType::warning,
               {},
               {},
               {},
               ErrorCode::not_found,
               "The directory names " + what + ", entry " + std::to_string(line->index.value) +
                   " of the log, and the broker does not give it. Until it does, " + until_then +
                   ". Ask the exchange authority."});
  }
}

void DirectorySync::give_up(const Digest& record, Turn& turn) {
  if (hopeless_.empty()) hopeless_until_ = turn.now().monotonic + kHopelessFor;
  // Whoever waited for it goes on without it.
  changed_ |= hopeless_.insert(record).second;
}

void DirectorySync::tick(Turn& turn) {
  if (!desk_.link.welcomed || desk_.halted) return;
  const auto now = turn.now().monotonic;
  if (!hopeless_.empty() && now >= hopeless_until_) {
    hopeless_.clear();
    ask_missing(turn);
  }
  if (resume_at_ && now >= *resume_at_) {
    resume_at_.reset();
    go_on(turn);
  }
  if (lapses(lines_question_, now)) want_lines(turn);
  if (lapses(record_question_, now)) ask_again(turn);
}

// What came of a registry is kept while more of it comes.
void DirectorySync::ask_again(Turn& turn) {
  const bool is_withheld = record_question_.unanswered >= kUnansweredNamed;
  if (assembly_ && !is_withheld) {
    ask_entries(turn);
    return;
  }
  if (assembly_) asked_.insert(assembly_->hash());
  assembly_.reset();
  if (is_withheld) name_withheld(asked_, turn);
  asked_.clear();
  ask_missing(turn);
}

bool DirectorySync::may_still_come() const {
  return !is_complete() && lines_question_.unanswered < kUnansweredNamed &&
         record_question_.unanswered < kUnansweredNamed;
}

bool DirectorySync::lines_to_come() const { return desk_.directory.position().count < stated_; }

bool DirectorySync::is_complete() const {
  return broker_ && desk_.directory.position().count >= broker_->count &&
         !lines_question_.asked_at && asked_.empty() && !assembly_ && !resume_at_;
}

bool DirectorySync::take_changed() {
  const bool changed = changed_;
  changed_ = false;
  return changed;
}

}  // namespace keruen::engine
