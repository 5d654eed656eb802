#include "broker/dispatch/dispatch.h"

#include <algorithm>

#include "broker/dispatch/slice.h"

namespace keruen::dispatch {
namespace {

// Everything behind the result begins with `first`.
std::optional<wire::Cursor> just_before(const wire::Cursor& first) {
  if (first.leaf > 0) return wire::Cursor{first.index, first.leaf - 1};
  if (first.index.value == 0) return std::nullopt;
  return end_of(LogIndex{first.index.value - 1});
}

Lane lane_at(std::size_t number) { return static_cast<Lane>(number); }

}  // namespace

Dispatch::Dispatch(TreeSize log_size, DispatchOptions options)
    : options_(options), tail_(log_size, options.tail_bytes_max) {}

void Dispatch::connect(const AgencyId& id, const wire::Cursors& cursors,
                       std::uint64_t credit_total) {
  disconnect(id);
  Recipient& recipient = recipients_[id];
  recipient.credit = Credit(credit_total);
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    recipient.lanes[lane].handed = cursors[lane];
  }
  ready_.insert(id);
}

void Dispatch::disconnect(const AgencyId& id) {
  const auto found = recipients_.find(id);
  if (found == recipients_.end()) return;
  pool_bytes_ -= found->second.pool_bytes();
  recipients_.erase(found);
  ready_.erase(id);
}

void Dispatch::set_serving(const AgencyId& id, Recipient::Serving serving) {
  const auto found = recipients_.find(id);
  if (found == recipients_.end()) return;
  found->second.serving = serving;
  ready_.insert(id);
}

void Dispatch::settle(const Recipient& recipient, std::uint64_t pool_bytes_before) {
  pool_bytes_ -= pool_bytes_before;
  pool_bytes_ += recipient.pool_bytes();
}

void Dispatch::acknowledge(const AgencyId& id, std::uint64_t credit_total, MonotonicTime now) {
  const auto found = recipients_.find(id);
  if (found == recipients_.end()) return;
  Recipient& recipient = found->second;
  const std::uint64_t pool_bytes_before = recipient.pool_bytes();
  const std::uint64_t before = recipient.credit.outstanding();
  recipient.credit.grant(credit_total);
  settle(recipient, pool_bytes_before);
  const std::uint64_t after = recipient.credit.outstanding();
  if (before > after) recipient.window.stored(before - after, after, now);
  ready_.insert(id);
}

void Dispatch::tick() {
  for (const auto& [id, recipient] : recipients_) {
    if (recipient.credit.outstanding() > 0) ready_.insert(id);
  }
}

Result<void> Dispatch::ask_again(const AgencyId& id, const wire::AskAgain& asked) {
  if (asked.to < asked.from) {
    return fail(ErrorCode::malformed, "asked again for a range that ends before it begins");
  }
  const auto found = recipients_.find(id);
  if (found == recipients_.end()) return {};
  Recipient& recipient = found->second;
  if (recipient.asked.size() >= kAskedRangesMax) {
    return fail(ErrorCode::overloaded, "too many ranges asked for again are waiting");
  }
  recipient.asked.push_back({asked.lane, just_before(asked.from), asked.to, asked.stream});
  ready_.insert(id);
  return {};
}

void Dispatch::add(std::shared_ptr<const broker::LoggedBatch> logged) {
  auto batch = std::make_shared<const OwedBatch>(std::move(logged));
  for (const OwedBatch::Portion& portion : batch->portions()) {
    if (recipients_.contains(portion.recipient)) ready_.insert(portion.recipient);
  }
  for (const Tail::Dropped& dropped : tail_.push(std::move(batch))) {
    const auto found = recipients_.find(dropped.recipient);
    if (found == recipients_.end()) continue;
    LaneState& lane = found->second.lane(dropped.lane);
    const auto handed = lane.planned();
    // It lost what it was owed, or may have: a batch handed in part counts as lost too.
    if (!handed || handed->index <= dropped.index) lane.source = LaneState::Source::reader;
  }
}

void Dispatch::take_asked(Recipient& recipient, broker::CatchUpAnswer& answer) {
  if (recipient.asked.empty()) return;
  AskedRange& range = recipient.asked.front();
  for (broker::Piece& piece : answer.pieces) {
    range.after = wire::Cursor{piece.slice.index, piece.last_leaf};
    piece.slice.again = true;
    recipient.keep(recipient.asked_pieces, std::move(piece));
  }
  if (answer.reached) {
    range.after = answer.reached;
  } else if (answer.complete || answer.pieces.empty()) {
    recipient.asked.pop_front();
  }
}

void Dispatch::take_flow(Recipient& recipient, broker::CatchUpAnswer& answer) {
  LaneState& lane = recipient.lane(answer.request.lane);
  if (answer.reached) lane.handed = answer.reached;
  for (broker::Piece& piece : answer.pieces) recipient.keep(lane.fetched, std::move(piece));
  // The tail may have moved on meanwhile: then the reader is asked once more.
  if (answer.complete && tail_.begin() <= answer.request.below) {
    lane.source = LaneState::Source::tail;
  }
}

void Dispatch::take(broker::CatchUpAnswer answer) {
  being_read_.erase(answer.request.recipient);
  const auto found = recipients_.find(answer.request.recipient);
  if (found == recipients_.end()) return;
  ready_.insert(found->first);
  // Of an earlier connection, it is not what is wanted now.
  if (found->second.in_flight != answer.request) return;
  Recipient& recipient = found->second;
  recipient.in_flight.reset();
  const std::uint64_t before = recipient.pool_bytes();
  if (answer.request.until) {
    take_asked(recipient, answer);
  } else {
    take_flow(recipient, answer);
  }
  settle(recipient, before);
}

bool Dispatch::has_room(std::uint64_t bytes_of_one) const {
  const std::uint64_t free =
      options_.pool_bytes_max - std::min<std::uint64_t>(options_.pool_bytes_max, pool_bytes_);
  // A piece at a time goes on for everybody: those who fill the pool may never store what they
  // have. What they do not read is bounded where it is sent.
  return bytes_of_one == 0 || bytes_of_one < free / 2;
}

std::optional<broker::Piece> Dispatch::next_piece(const AgencyId& id, Recipient& recipient,
                                                  const Moment& moment) {
  const auto first_patient = static_cast<std::size_t>(Lane::routine);
  std::size_t bytes_max = std::min<std::size_t>(kSliceBytesMax, recipient.credit.left());
  for (std::size_t number = 0; number < kLaneCount; ++number) {
    LaneState& lane = recipient.lanes[number];
    if (number > static_cast<std::size_t>(Lane::flash)) {
      bytes_max = std::min<std::size_t>(
          bytes_max, recipient.window.left(recipient.credit.outstanding(), moment.now));
    }
    if (number >= first_patient) {
      bytes_max = std::min<std::size_t>(bytes_max, recipient.credit.left_for_the_patient());
    }
    if (bytes_max == 0) break;
    // With its own lane, what is not urgent behind what is: anybody's gap may be in the fullest.
    const bool asked =
        !recipient.asked_pieces.empty() &&
        number == std::min(first_patient,
                           static_cast<std::size_t>(recipient.asked_pieces.front().slice.lane));
    // What was fetched has its room: the pool may be full because of it.
    if (asked) return recipient.release(recipient.asked_pieces);
    if (!lane.fetched.empty()) {
      broker::Piece piece = recipient.release(lane.fetched);
      lane.handed = wire::Cursor{piece.slice.index, piece.last_leaf};
      return piece;
    }
    if (lane.source != LaneState::Source::tail) continue;
    if (!has_room(recipient.credit.outstanding())) continue;
    LogIndex from = lane.handed ? lane.handed->index : LogIndex{0};
    while (const auto batch = tail_.next(id, lane_at(number), from)) {
      CutOptions cut;
      const LogIndex index = batch->logged().index;
      if (lane.handed && lane.handed->index == index) cut.after = lane.handed->leaf;
      cut.now = moment.expiring_at;
      cut.bytes_max = bytes_max;
      if (auto piece = first_piece(*batch, id, cut)) {
        lane.handed = wire::Cursor{index, piece->last_leaf};
        return piece;
      }
      from = index.next();  // all of it is handed out
    }
  }
  return std::nullopt;
}

void Dispatch::request_more(const AgencyId& id, Recipient& recipient, WallTime expiring_at,
                            Served& served) {
  if (being_read_.contains(id)) return;
  if (recipient.credit.left() == 0 || !has_room(recipient.pool_bytes())) return;
  broker::CatchUpRequest request;
  request.recipient = id;
  request.expiring_at = expiring_at;
  request.bytes_max = std::min<std::size_t>(kSliceBytesMax, recipient.window.bytes_max());
  if (!recipient.asked.empty() && recipient.asked_pieces.empty()) {
    const AskedRange& range = recipient.asked.front();
    request.lane = range.lane;
    request.after = range.after;
    request.until = range.until;
    request.stream = range.stream;
    request.below = TreeSize{range.until.index.value + 1};
  } else {
    const auto lane = std::ranges::find_if(recipient.lanes, [](const LaneState& state) {
      return state.source == LaneState::Source::reader && state.fetched.empty();
    });
    if (lane == recipient.lanes.end()) return;
    request.lane = lane_at(static_cast<std::size_t>(lane - recipient.lanes.begin()));
    request.after = lane->handed;
    request.below = tail_.begin();
  }
  recipient.in_flight = request;
  being_read_.insert(id);
  served.requests.push_back(std::move(request));
}

Dispatch::Turn Dispatch::hand_one(const AgencyId& id, Recipient& recipient, const Moment& moment,
                                  Served& served) {
  const std::uint64_t pool_bytes_before = recipient.pool_bytes();
  auto piece = next_piece(id, recipient, moment);
  if (!piece) return Turn::nothing;
  const std::size_t bytes = piece->slice.slice.size();
  recipient.window.sent(bytes, recipient.credit.outstanding(), moment.now);
  recipient.credit.spend(bytes);
  settle(recipient, pool_bytes_before);
  served.handed.push_back({id, std::move(*piece)});
  return Turn::handed;
}

Served Dispatch::serve(WallTime expiring_at, MonotonicTime now) {
  Served served;
  // A piece each, in turn: nobody waits for the whole backlog of another.
  std::set<AgencyId> hungry;
  for (auto turns = ready_; !turns.empty();) {
    for (auto id = turns.begin(); id != turns.end();) {
      const auto found = recipients_.find(*id);
      if (found != recipients_.end() && found->second.serving == Recipient::Serving::on) {
        const Turn turn = hand_one(*id, found->second, {expiring_at, now}, served);
        if (turn == Turn::handed) {
          ++id;
          continue;
        }
        request_more(*id, found->second, expiring_at, served);
        // Only the pool keeps it from more: the next who gives room back lets it go on.
        const bool pool_is_full = !has_room(found->second.pool_bytes());
        if (pool_is_full && found->second.credit.left() > 0) hungry.insert(*id);
      }
      id = turns.erase(id);
    }
  }
  ready_ = std::move(hungry);
  return served;
}

}  // namespace keruen::dispatch
