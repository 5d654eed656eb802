#include "agents/engine/recovery.h"

#include <algorithm>

#include "agents/engine/held.h"

namespace keruen::engine {
namespace {

constexpr std::chrono::milliseconds kPauseFirst{500};
constexpr std::chrono::milliseconds kPauseMax{30'000};
// Of connection; status() says it at once.
constexpr std::chrono::minutes kPutOffToldAfter{10};

bool waiting_cures(ErrorCode code) {
  return code == ErrorCode::overloaded || code == ErrorCode::no_space ||
         code == ErrorCode::io_failed || code == ErrorCode::corrupt;
}

}  // namespace

Result<Recovery::HeadIs> Recovery::compare(const wire::StreamHead& head) {
  if (head.sequence.value > 0) {
    KERUEN_TRY(const auto own, desk_.store.batch_hash(head.stream, head.sequence));
    if (own != head.batch) return HeadIs::unknown;
  }
  KERUEN_TRY(const auto behind, desk_.store.batches_after(head.stream, head.sequence));
  const bool lost = std::ranges::any_of(behind, [](const store::StoredBatch& batch) {
    return batch.status != store::BatchStatus::closed;
  });
  return lost ? HeadIs::behind_accepted : HeadIs::ours;
}

void Recovery::welcome(const std::vector<wire::StreamHead>& heads, Turn& turn) {
  for (const auto& head : heads) {
    if (OutStream* stream = streams_.find(head.stream)) stream->stated = head;
  }
  reconcile(turn);
}

void Recovery::tick(Turn& turn) {
  if (desk_.link.welcomed && !desk_.halted && !desk_.disk_full) reconcile(turn);
  tell_of_put_off(turn);
}

void Recovery::tell_of_put_off(Turn& turn) {
  const auto put_off = streams_.put_off();
  if (!put_off) put_off_told_ = false;
  // What holds everything back here is the reason, then.
  if (put_off_told_ || !put_off || batcher_.hold(turn.now()) ||
      desk_.link.welcomed_for - put_off->welcomed_for < kPutOffToldAfter) {
    return;
  }
  put_off_told_ = true;
  turn.tell(
      {store::EventType::warning, {}, {}, {}, put_off->code, words_of_put_off(put_off->code)});
}

void Recovery::reconcile(Turn& turn) {
  while (reconcile_next(turn)) {
  }
}

bool Recovery::reconcile_next(Turn& turn) {
  for (auto& stream : streams_.all()) {
    if (!stream.stated || desk_.stopped) continue;
    const auto is = turn.checked(compare(*stream.stated));
    if (!is) return false;
    if (*is == HeadIs::unknown) {
      // Its streams are no longer these.
      (void)start_over(turn);
      return false;
    }
    if (*is == HeadIs::behind_accepted) {
      const wire::StreamHead stated = *stream.stated;
      if (!repeat_lost(stated, turn)) continue;
      streams_.find(stated.stream)->stated.reset();
      return true;
    }
    stream.stated.reset();
  }
  return false;
}

bool Recovery::repeat_lost(const wire::StreamHead& head, Turn& turn) {
  const auto lost = turn.checked(desk_.store.batches_after(head.stream, head.sequence));
  if (!lost) return false;
  std::vector<store::BlobNumber> blobs;
  for (const auto& batch : *lost) blobs.push_back(batch.blob);
  // Whether it can be stored or not: a proof of where they stood would be of another's entry.
  blobs = checkpoints_.lost(std::move(blobs));
  if (!turn.checked(desk_.store.reopen_batches(blobs))) return false;
  turn.warn({store::EventType::warning,
             {},
             {},
             {},
             ErrorCode::out_of_sequence,
             "The broker no longer has " + std::to_string(lost->size()) +
                 " batches it had accepted; they are sent again. Its operator should know."});
  // Of other streams, too, something may be to be sent again.
  return turn.checked(streams_.load());
}

bool Recovery::start_over(Turn& turn) {
  const std::string words =
      "The broker has batches of ours that this store never made: the store was restored from a "
      "backup or copied, or its keys were stolen. New streams are opened, and what has no receipt "
      "is sent again. If nobody restored it, have the exchange authority suspend this agency.";
  if (!turn.checked(streams_.start_over(words, turn.now()))) return false;
  turn.alert(words);
  batcher_.there_may_be_work(turn.now());
  return true;
}

void Recovery::accepted(const wire::BatchAccepted& frame, Turn& turn) {
  OutStream* stream = streams_.find(frame.stream);
  if (stream == nullptr) return;
  const auto found = std::ranges::find_if(stream->waiting, [&](const WaitingBatch& batch) {
    return batch.stored.sequence == frame.sequence && batch.stored.hash == frame.batch;
  });
  if (found == stream->waiting.end()) return;
  store::Learned learned;
  learned.at = turn.now().wall;
  learned.accepted.push_back({found->stored.blob, frame.index, frame.accepted_at, frame.refusals});
  if (!turn.checked(desk_.store.learn(learned))) {
    // A full disk: the broker answers the same when the batch is repeated.
    wait_before_repeating(*stream, turn);
    return;
  }
  turn.store_works();
  auto batch = found->stored;
  batch.index = frame.index;
  batch.accepted_at = frame.accepted_at;
  stream->waiting.erase(found);
  stream->pause = {};
  const bool was_put_off = std::exchange(stream->put_off, {}).has_value();
  if (was_put_off && put_off_told_ && !streams_.put_off()) {
    put_off_told_ = false;
    turn.tell({store::EventType::link, {}, {}, {}, {}, "The broker takes messages again."});
  }
  if (stream->stated && stream->stated->sequence < frame.sequence) {
    stream->stated = {frame.stream, frame.sequence, frame.batch};
  }
  checkpoints_.accepted(batch.blob, {frame.index, frame.accepted_at, batch.hash}, turn);
  if (!frame.refusals.empty()) batcher_.there_may_be_work(turn.now());
  streams_.drop_finished();
}

void Recovery::wait_before_repeating(OutStream& stream, Turn& turn) {
  stream.pause = std::clamp(stream.pause * 2, kPauseFirst, kPauseMax);
  stream.not_before = turn.now().monotonic + stream.pause;
  for (auto& batch : stream.waiting) batch.sent = false;
}

bool Recovery::dissolve(OutStream& stream, ErrorCode code, Turn& turn) {
  if (!turn.checked(streams_.dissolve(stream, code, turn.now()))) return false;
  turn.warn({store::EventType::warning,
             {},
             {},
             {},
             code,
             "The broker does not take a batch of ours (" + std::string(name_of(code)) + ": " +
                 std::string(cause_of(code)) + "); its messages are sealed anew in a new stream."});
  batcher_.there_may_be_work(turn.now());
  streams_.drop_finished();
  return true;
}

void Recovery::refused(const wire::BatchRefused& frame, Turn& turn) {
  OutStream* stream = streams_.find(frame.stream);
  if (stream == nullptr) return;
  const auto found = std::ranges::find_if(stream->waiting, [&](const WaitingBatch& batch) {
    return batch.stored.sequence == frame.sequence && batch.stored.hash == frame.batch;
  });
  if (found == stream->waiting.end() || !found->sent) return;
  desk_.journal.write(host::JournalLevel::warning, "batch_refused",
                      {{"sequence", frame.sequence.value}, {"code", name_of(frame.code)}});
  if (waiting_cures(frame.code)) {
    if (!stream->put_off) {
      stream->put_off = {frame.code, turn.now().wall, desk_.link.welcomed_for};
    }
    stream->put_off->code = frame.code;
  }
  // A head of another stream says nothing of this one. What a full disk does not let us store is
  // answered by the broker once more.
  if (waiting_cures(frame.code) || frame.head.stream != frame.stream ||
      !act_on(frame, *stream, turn)) {
    wait_before_repeating(*streams_.find(frame.stream), turn);
  }
}

bool Recovery::act_on(const wire::BatchRefused& frame, OutStream& stream, Turn& turn) {
  const auto is = turn.checked(compare(frame.head));
  if (!is) return false;
  if (*is == HeadIs::unknown) return start_over(turn);
  if (*is == HeadIs::behind_accepted) {
    (void)repeat_lost(frame.head, turn);
    return false;
  }
  // Batches before this one did not get there; all are repeated in order.
  if (frame.code == ErrorCode::out_of_sequence) return false;
  if (frame.head.sequence >= frame.sequence) return true;  // taken after all; the word comes
  if (frame.code == ErrorCode::chain_fork) {
    turn.halt("The broker does not know the directory it showed this agency.", {});
    return true;
  }
  if (frame.code == ErrorCode::expired) {
    // It may be our clock, turned since it was last compared: sealing again by it would use up a
    // day's streams and every attempt of its messages within a second. The clocks are compared
    // first.
    desk_.link.clock_doubted = true;
    desk_.link.pinged_at = {};
  }
  return dissolve(stream, frame.code, turn);
}

}  // namespace keruen::engine
