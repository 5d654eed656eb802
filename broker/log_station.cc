#include "broker/log_station.h"

#include <algorithm>
#include <limits>
#include <map>
#include <span>

#include "broker/log_group.h"
#include "schemas/host/journal.h"

namespace keruen::broker {
namespace {

constexpr std::chrono::seconds kSpaceTriedEvery{1};
constexpr std::chrono::seconds kRoomAskedEvery{1};
constexpr std::chrono::minutes kDamageSaidEvery{1};
constexpr std::size_t kRootsKept = 64;  // of checkpoints that senders have seen lately

}  // namespace

struct LogStation::State {
  log::Log& log;
  index::Index& index;
  Origin origin;
  certs::Authorities trusted;
  host::Journal& journal;
  OrderingState ordering;

  admission::ClockWatch clock;
  std::optional<Error> broken{};  // nothing is taken any more
  std::optional<Error> hint{};    // what was last told: overloaded or no_space
  MonotonicTime moment{};         // of the call under way
  MonotonicTime space_tried_at{};
  std::uint64_t room_bytes = 0;  // as it was at room_asked_at, less what was appended since
  std::optional<MonotonicTime> room_asked_at{};
  admission::ReserveShare reserve{};
  std::map<TreeSize, Digest> roots{};
  std::optional<MonotonicTime> damage_said_at{};
  std::function<Result<Digest>(TreeSize)> root_at{};

  [[nodiscard]] Result<Digest> root(TreeSize size);
  [[nodiscard]] Error unknown_root(TreeSize size, const Error& cause);
  using Submissions = std::span<const Submission>;
  [[nodiscard]] Result<std::vector<LogEvent>> write(Submissions submissions,
                                                    const LogGroup::Terms& terms);
  [[nodiscard]] Result<std::vector<LogEvent>> write_as_space_allows(Submissions submissions,
                                                                    LogGroup::Terms terms);
  [[nodiscard]] Result<std::vector<LogEvent>> write_in_parts(Submissions submissions,
                                                             const LogGroup::Terms& terms);
  [[nodiscard]] bool has_space() const { return log.has_space() && index.has_space(); }
  [[nodiscard]] Result<void> look_for_space(Now now);
  void ask_for_room(Now now);
  [[nodiscard]] std::vector<LogEvent> end(Error error);
  void tell(std::vector<LogEvent>& events, std::optional<Error> fault);
};

// Checkpoints that stand in statements are of few sizes, each in many batches.
Result<Digest> LogStation::State::root(TreeSize size) {
  if (size > log.size()) {
    return fail(ErrorCode::chain_fork, "a checkpoint of more entries than this log has");
  }
  const auto known = roots.find(size);
  if (known != roots.end()) return known->second;
  const auto root = log.root_at(size);
  if (!root) return fail(unknown_root(size, root.error()));
  if (roots.size() == kRootsKept) roots.erase(roots.begin());
  roots.emplace(size, *root);
  return *root;
}

// The tree is derived, and its damage holds up nobody but who has seen just this checkpoint.
Error LogStation::State::unknown_root(TreeSize size, const Error& cause) {
  if (!damage_said_at || moment - *damage_said_at >= kDamageSaidEvery) {
    damage_said_at = moment;
    journal.write_error(host::JournalLevel::error, "checkpoint_not_compared", cause,
                        {{"size", size.value}});
  }
  return {ErrorCode::overloaded,
          "the checkpoint of " + std::to_string(size.value) +
              " entries that its sender has seen cannot be compared with the log, whose tree is "
              "damaged; the batch waits until the tree is made anew"};
}

// no_space, too_large: nothing was written and everything is as it was.
Result<std::vector<LogEvent>> LogStation::State::write(Submissions submissions,
                                                       const LogGroup::Terms& terms) {
  LogGroup group({log, index, ordering, reserve, journal, root_at}, terms);
  for (const Submission& submission : submissions) {
    KERUEN_CHECK(std::visit([&](const auto& value) { return group.add(value); }, submission));
  }
  auto written = group.write();
  if (written) {
    room_bytes -= std::min(room_bytes, group.bytes());
    return group.outcomes();
  }
  const ErrorCode code = written.error().code;
  if ((code == ErrorCode::no_space || code == ErrorCode::too_large) &&
      group.roll_back() == LogGroup::Directory::spoilt) {
    KERUEN_CHECK(read_directory(ordering, index, log, origin, trusted));
  }
  return fail(std::move(written).error());
}

Result<std::vector<LogEvent>> LogStation::State::write_as_space_allows(Submissions submissions,
                                                                       LogGroup::Terms terms) {
  terms.room = has_space() ? Room::everything : Room::reserve;
  terms.room_bytes = terms.room == Room::everything ? room_bytes : log.reserve_bytes();
  auto events = write(submissions, terms);
  if (events || events.error().code != ErrorCode::no_space) return events;
  // The log has found out that it has no next segment: what is left of this one is measured, and
  // nothing that it does not hold is tried again.
  terms.room = Room::reserve;
  terms.room_bytes = log.reserve_bytes();
  return write(submissions, terms);
}

// What waited together may be more than one segment holds: then it goes in two groups.
Result<std::vector<LogEvent>> LogStation::State::write_in_parts(Submissions submissions,
                                                                const LogGroup::Terms& terms) {
  auto events = write_as_space_allows(submissions, terms);
  const bool is_too_much = !events && events.error().code == ErrorCode::too_large;
  if (!is_too_much || submissions.size() < 2) return events;
  const std::size_t middle = submissions.size() / 2;
  KERUEN_TRY(auto first, write_in_parts(submissions.first(middle), terms));
  KERUEN_TRY(auto second, write_in_parts(submissions.subspan(middle), terms));
  first.insert(first.end(), std::make_move_iterator(second.begin()),
               std::make_move_iterator(second.end()));
  return first;
}

Result<void> LogStation::State::look_for_space(Now now) {
  if (has_space()) return {};
  if (now.monotonic - space_tried_at >= kSpaceTriedEvery) {
    space_tried_at = now.monotonic;
    // First the index: the log would take for its next segment what the index lives on.
    KERUEN_CHECK(index.try_to_make_space());
    if (index.has_space()) log.try_to_make_space();
  }
  // No room that anybody makes would bring this one back.
  if (log.stopped()) return fail(*log.stopped());
  return {};
}

void LogStation::State::ask_for_room(Now now) {
  if (room_asked_at && now.monotonic - *room_asked_at < kRoomAskedEvery) return;
  room_asked_at = now.monotonic;
  // A disk that does not say is one that the next append will find out about.
  room_bytes = log.room_bytes().value_or(std::numeric_limits<std::uint64_t>::max());
}

std::vector<LogEvent> LogStation::State::end(Error error) {
  broken = std::move(error);
  journal.write_error(host::JournalLevel::error, "log_stopped", *broken);
  return {LogFault{broken}};
}

// Says a fault that comes, changes or goes: to the core and to the operator, once.
void LogStation::State::tell(std::vector<LogEvent>& events, std::optional<Error> fault) {
  const auto code_of = [](const std::optional<Error>& error) {
    return error ? std::optional(error->code) : std::nullopt;
  };
  if (code_of(fault) == code_of(hint)) return;
  if (fault) {
    journal.write_error(host::JournalLevel::error, "new_messages_refused", *fault);
  } else {
    journal.write(host::JournalLevel::info, "new_messages_taken_again");
  }
  hint = fault;
  events.insert(events.begin(), LogFault{std::move(fault)});
}

LogStation::LogStation(std::unique_ptr<State> state) : state_(std::move(state)) {}
LogStation::~LogStation() = default;

Result<std::unique_ptr<LogStation>> LogStation::open(
    log::Log& log, index::Index& index, Origin origin, certs::Authorities trusted,
    host::Journal& journal, admission::ClockWatch::Confirmation is_clock_right) {
  KERUEN_CHECK(bring_up_to_date(index, log, journal));
  KERUEN_TRY(auto ordering, read_ordering_state(index, log, origin, trusted));
  std::unique_ptr<State> state(new State{log, index, std::move(origin), std::move(trusted), journal,
                                         std::move(ordering),
                                         admission::ClockWatch(std::move(is_clock_right))});
  state->root_at = [raw = state.get()](TreeSize size) { return raw->root(size); };
  return std::unique_ptr<LogStation>(new LogStation(std::move(state)));
}

std::vector<LogEvent> LogStation::process(const std::vector<Submission>& submissions, Now now) {
  State& state = *state_;
  if (state.broken) return {LogFault{state.broken}};
  state.moment = now.monotonic;
  if (auto looked = state.look_for_space(now); !looked) {
    return state.end(std::move(looked).error());
  }
  if (state.log.has_space()) state.reserve.forget();
  state.ask_for_room(now);
  const WallTime newest = state.log.newest_accepted_at();
  LogGroup::Terms terms;
  terms.accepted_at = admission::ClockWatch::stamp(now, newest);
  terms.doubt = state.clock.fault(now, newest);
  if (!terms.doubt) state.ordering.disk_share.advance_to(admission::day_of(terms.accepted_at));
  state.log.set_dropping(terms.doubt ? log::Log::Dropping::held : log::Log::Dropping::allowed);
  auto events = state.write_in_parts(submissions, terms);
  if (!events) {
    // What was asked in this group gets no answer: it may be on the disk or not.
    return state.end(std::move(events).error());
  }
  std::optional<Error> fault = terms.doubt;
  if (!fault && !state.has_space() && !state.log.stopped()) {
    fault = Error{ErrorCode::no_space,
                  std::string("the disk of the ") + (state.log.has_space() ? "index" : "log") +
                      " is full; receipts, key records, revocations and registries still pass"};
  }
  state.tell(*events, std::move(fault));
  return std::move(*events);
}

const std::optional<Error>& LogStation::refusing() const { return state_->hint; }

const certs::Directory& LogStation::directory() const { return state_->ordering.directory; }

std::vector<std::pair<AgencyId, wire::StreamHead>> LogStation::heads() const {
  return state_->ordering.chains.heads();
}

}  // namespace keruen::broker
