// Store: what is older than people want it kept goes, the oldest first.
//
// The age of a batch or slice is that of the last word on it of those whom it concerns: when the
// broker accepted it, when it was closed here, when its sender made what is in it. None of them can
// make it older than it is by lying alone; a time that is still to come is no word. What has no
// age, a message that was never sealed for instance, goes with the next younger one that has.
#include <algorithm>
#include <set>

#include "agents/store/schema.h"
#include "agents/store/store.h"
#include "agents/store/store_state.h"

namespace keruen::store {
namespace {

constexpr std::chrono::hours kAheadMax{24};  // of the broker's clock

struct Kept {
  BlobNumber blob;
  std::vector<WallTime> words;  // times that were said of it
  bool is_slice = false;
  std::optional<BatchStatus> batch;  // a closed one's
};

std::optional<Kept> next_kept(Connection& connection, BlobNumber behind) {
  auto query = connection.query(
      "SELECT b.number, s.blob, t.status, s.accepted_at, t.accepted_at, t.closed_at FROM blob b "
      "LEFT JOIN slice s ON s.blob = b.number LEFT JOIN batch t ON t.blob = b.number "
      "WHERE b.number > ? ORDER BY b.number LIMIT 1");
  query.with(behind);
  if (!query.row()) return std::nullopt;
  Kept kept;
  kept.blob = BlobNumber{query.unsigned_number(0)};
  kept.is_slice = !query.is_null(1);
  if (!query.is_null(2)) kept.batch = query.enumerator<BatchStatus>(2);
  for (const int column : {3, 4, 5}) {
    if (const auto time = query.optional_time(column)) kept.words.push_back(*time);
  }
  return kept;
}

// Some of its recipients are in another batch, which is under way, or to be sealed for yet.
bool is_for_others_too(Connection& connection, std::int64_t message, BlobNumber blob) {
  auto query = connection.query(
      "SELECT 1 FROM recipient r LEFT JOIN batch t ON t.blob = r.blob WHERE r.message = ? AND "
      "(r.state IN (1, 2) OR (r.state = 3 AND r.blob <> ? AND EXISTS(SELECT 1 FROM awaited a "
      "WHERE a.agency = r.agency AND a.named IN (0, 1) AND a.log_index = coalesce(t.log_index, 0) "
      "AND a.blob = r.blob))) LIMIT 1");
  query.with(message).with(blob);
  return query.row();
}

// Somebody is still to have something of it, or to say that it came.
bool is_under_way(Connection& connection, const Kept& kept) {
  if (!kept.batch) return false;
  if (*kept.batch != BatchStatus::proved) return true;
  const auto batch = load_batch(connection, kept.blob);
  return batch && std::ranges::any_of(batch->places, [&](const BatchPlace& place) {
           return batch->is_open(place) || is_for_others_too(connection, place.message, kept.blob);
         });
}

// Messages stand in the order of their slices.
struct Arrived {
  std::int64_t number = 0;
  BlobNumber blob;
  bool is_listed = false;
  WallTime created_at;
};

std::optional<Arrived> next_arrived(Connection& connection, std::int64_t behind) {
  auto query = connection.query(
      "SELECT number, blob, listed, created_at FROM message_in WHERE number > ? "
      "ORDER BY number LIMIT 1");
  query.with(behind);
  if (!query.row()) return std::nullopt;
  return Arrived{query.number(0), BlobNumber{query.unsigned_number(1)},
                 query.enumerator<Listing>(2) == Listing::listed, query.time(3)};
}

// The last word that is no lie; empty: there is none.
std::optional<WallTime> date_of(Connection& connection, Kept kept, WallTime now) {
  if (kept.is_slice) {
    for (auto message = next_arrived(connection, 0); message && message->blob <= kept.blob;
         message = next_arrived(connection, message->number)) {
      kept.words.push_back(message->created_at);
    }
  }
  std::erase_if(kept.words, [&](WallTime word) { return word > now + kAheadMax; });
  if (kept.words.empty()) return std::nullopt;
  return std::ranges::max(kept.words);
}

using Attachment = std::pair<Bytes, std::int64_t>;  // its digest, veiled, and whose it is

void note_attachments(Connection& connection, const char* sql, std::int64_t message,
                      std::set<Attachment>& attachments) {
  auto query = connection.query(sql);
  query.with(message);
  while (query.row()) attachments.emplace(copy_of(query.bytes(0)), query.number(1));
}

// What came is counted beside the first message that names a file, and that may be another now.
void count_anew(Connection& connection, const Attachment& attachment) {
  connection
      .query(
          "UPDATE attachment SET here = (SELECT count(DISTINCT p.number) FROM part p "
          "WHERE p.whole = ?1 AND p.folder = 1 AND p.agency = ?2 AND p.number < attachment.parts) "
          "WHERE whole = ?1 AND agency = ?2 AND message = "
          "(SELECT min(message) FROM attachment WHERE whole = ?1 AND agency = ?2)")
      .with(BytesView(attachment.first))
      .with(attachment.second)
      .run();
}

}  // namespace

std::uint64_t Store::State::forget_slice(BlobNumber blob, Forgotten& forgotten) {
  std::uint64_t rows_gone = 0;
  std::set<Attachment> attachments;
  for (auto message = next_arrived(connection, 0); message && message->blob <= blob;
       message = next_arrived(connection, message->number)) {
    note_attachments(connection, "SELECT whole, agency FROM part WHERE message = ? AND folder = 1",
                     message->number, attachments);
    note_attachments(connection, "SELECT whole, agency FROM attachment WHERE message = ?",
                     message->number, attachments);
    connection.query("DELETE FROM part WHERE message = ? AND folder = 1")
        .with(message->number)
        .run();
    connection.query("DELETE FROM attachment WHERE message = ?").with(message->number).run();
    connection.query("DELETE FROM message_in WHERE number = ?").with(message->number).run();
    if (message->is_listed) ++forgotten.messages;
    ++rows_gone;
  }
  for (const auto& attachment : attachments) count_anew(connection, attachment);
  connection.query("DELETE FROM slice WHERE blob = ?").with(blob).run();
  return rows_gone;
}

std::uint64_t Store::State::forget_batch(BlobNumber blob, Forgotten& forgotten) {
  std::uint64_t rows_gone = 0;
  if (const auto batch = load_batch(connection, blob)) {
    std::set<std::int64_t> messages;
    for (const auto& place : batch->places) messages.insert(place.message);
    for (const std::int64_t number : messages) forget_sent(number, forgotten);
    if (!messages.empty()) forgotten_below = std::max(forgotten_below, *messages.rbegin());
    rows_gone = messages.size();
  }
  // The broker will name it for as long as nothing follows it in its stream.
  connection
      .query(
          "INSERT OR REPLACE INTO forgotten_head(stream, sequence, hash) "
          "SELECT stream, sequence, hash FROM batch WHERE blob = ?")
      .with(blob)
      .run();
  remove_batch(blob);
  return rows_gone;
}

void Store::State::forget_sent(std::int64_t number, Forgotten& forgotten) {
  MessageId id;
  Lane lane = Lane::routine;
  {
    auto query = connection.query("SELECT id, lane, listed FROM message_out WHERE number = ?");
    query.with(number);
    if (!query.row()) return;
    id = query.fixed<MessageId>(0);
    lane = query.enumerator<Lane>(1);
    if (query.enumerator<Listing>(2) == Listing::listed) ++forgotten.messages;
  }
  if (const auto kept = find_in_outbox(connection, number, lane)) remove_from_outbox(*kept);
  connection.query("DELETE FROM recipient WHERE message = ?").with(number).run();
  connection.query("DELETE FROM part WHERE message = ? AND folder = 2").with(number).run();
  // The key of a course stays: what is older than the newest is refused for good.
  connection.query("DELETE FROM once WHERE message = ? AND sequence = ?")
      .with(id)
      .with(kKeyForGood)
      .run();
  if (keeps_recalls) {
    connection.query("DELETE FROM recall WHERE agency = ? AND message = ?")
        .with(kOurRecall)
        .with(id)
        .run();
  }
  connection.query("DELETE FROM message_out WHERE number = ?").with(number).run();
}

// Submitted before what was forgotten, and over without having been sealed, or since.
std::uint64_t Store::State::forget_unsealed(std::uint64_t rows_most, Forgotten& forgotten) {
  std::vector<std::int64_t> numbers;
  {
    auto query = connection.query(
        "SELECT number FROM message_out m WHERE number < ? AND NOT EXISTS(SELECT 1 FROM "
        "recipient r WHERE r.message = m.number AND (r.state IN (1, 2) "
        "OR EXISTS(SELECT 1 FROM blob b WHERE b.number = r.blob))) ORDER BY number LIMIT ?");
    query.with(forgotten_below).with(rows_most);
    while (query.row()) numbers.push_back(query.number(0));
  }
  for (const std::int64_t number : numbers) forget_sent(number, forgotten);
  return numbers.size();
}

// From the first on, as far as all are older.
std::uint64_t Store::State::forget_events(WallTime before, WallTime now, std::uint64_t rows_most) {
  std::uint64_t groups = 0;
  std::uint64_t last = 0;
  {
    auto query = connection.query("SELECT number, at FROM event ORDER BY number LIMIT ?");
    query.with(rows_most);
    for (std::uint64_t looked_at = 1; query.row(); ++looked_at) {
      const bool is_dated = query.time(1) <= now + kAheadMax;
      if (is_dated && query.time(1) >= before) break;
      if (!is_dated) continue;
      last = query.unsigned_number(0);
      groups = looked_at;
    }
  }
  if (groups > 0) connection.query("DELETE FROM event WHERE number <= ?").with(last).run();
  return groups;
}

Result<Forgotten> Store::forget_before(WallTime before, WallTime now, std::uint64_t rows_most) {
  return state_->transact<Forgotten>("forgetting what is old", [&]() -> Result<Forgotten> {
    State& state = *state_;
    Forgotten forgotten;
    std::uint64_t rows_gone = 0;
    std::vector<BlobNumber> going;
    BlobNumber at;
    while (rows_gone < rows_most) {
      const auto kept = next_kept(state.connection, at);
      if (!kept || is_under_way(state.connection, *kept)) break;
      at = kept->blob;
      going.push_back(at);
      const auto date = date_of(state.connection, *kept, now);
      if (!date) continue;
      if (*date >= before) break;
      for (const auto& blob : std::exchange(going, {})) {
        rows_gone += 1 + state.forget_batch(blob, forgotten);
        rows_gone += state.forget_slice(blob, forgotten);
      }
    }
    forgotten.more = rows_gone >= rows_most;
    const auto also = [&](std::uint64_t rows) {
      rows_gone += rows;
      forgotten.more = forgotten.more || rows >= rows_most;
    };
    if (!forgotten.more) also(state.forget_unsealed(rows_most, forgotten));
    also(state.forget_events(before, now, rows_most));
    if (rows_gone > 0) state.note_forgotten();
    return forgotten;
  });
}

Result<void> Store::give_back() {
  if (state_->broken) return fail(*state_->broken);
  // Until then the file, and who reads it, still have rows of it.
  const auto& forgotten = state_->forgotten_contents;
  const bool is_shown = state_->is_published(forgotten.in_round);
  const auto to = std::exchange(state_->to_give_back, is_shown ? forgotten.to : 0);
  return guarded<void>("giving back what is forgotten",
                       [&] { return state_->contents.give_back_before(to); });
}

}  // namespace keruen::store
