#include "broker/index/lanes.h"

#include <algorithm>
#include <bitset>
#include <map>

#include "broker/index/apply.h"
#include "broker/index/database.h"
#include "broker/index/leaf_numbers.h"

namespace keruen::index {
namespace {

// Agents' clocks may run ahead, and a message id is drawn before its batch is accepted.
constexpr std::chrono::hours kIdAheadMax{1};
// A batch whose message ids span more milliseconds counts against its sender in a search. What is
// written in one moment may be hundreds of batches: they count for nothing.
constexpr std::uint64_t kNarrowSpan = 1024;
constexpr std::uint64_t kSpanMax = std::uint64_t{1} << 48;  // of a UUIDv7's time

struct LaneName {
  AgencyId recipient;
  Lane lane;
};

Result<std::vector<LaneName>> lanes_with_rows(Database& database) {
  // Steps from one (recipient, lane) to the next by the primary key: rows delivered long ago, by
  // the million, are never read.
  std::vector<LaneName> lanes;
  std::string recipient;
  std::int64_t lane = -1;
  while (true) {
    auto& next = database.statement(
        "SELECT recipient, lane FROM delivery WHERE (recipient, lane) > (?, ?) "
        "ORDER BY recipient, lane LIMIT 1");
    next.bind(1, recipient);
    next.bind(2, lane);
    if (!next.executeStep()) return lanes;
    KERUEN_TRY(AgencyId id, agency_at(next, 0));
    const auto known = lane_numbered(number_at(next, 1));
    if (!known) return fail(ErrorCode::corrupt, "the index holds an unknown lane");
    recipient = id.text();
    lane = static_cast<std::int64_t>(*known);
    lanes.push_back({std::move(id), *known});
  }
}

Result<std::optional<wire::Cursor>> cursor_of(Database& database, const LaneName& name) {
  auto& query =
      database.statement("SELECT log_index, leaf FROM cursor WHERE recipient = ? AND lane = ?");
  bind_all(query, name.recipient, static_cast<std::uint64_t>(name.lane));
  if (!query.executeStep()) return std::optional<wire::Cursor>();
  return std::optional(
      wire::Cursor{LogIndex{number_at(query, 0)}, static_cast<std::uint32_t>(number_at(query, 1))});
}

// What the batch at the cursor still holds behind it. Receipts of agents are not counted, here or
// below: nobody wrote them, and as they never expire an agency that left is owed some for ever.
Result<void> add_rest_of_batch(Database& database, const LaneName& name, const wire::Cursor& cursor,
                               WallTime now, wire::WaitingLane& waiting) {
  auto& query = database.statement(
      "SELECT messages, bytes, accepted_at, leaves FROM delivery "
      "WHERE recipient = ? AND lane = ? AND log_index = ? AND expires_last > ? AND kinds <> ?");
  bind_all(query, name.recipient, static_cast<std::uint64_t>(name.lane), cursor.index.value, now,
           std::uint64_t{kReceiptsOfAgents});
  if (!query.executeStep()) return {};
  KERUEN_TRY(const auto leaves, decode_leaf_numbers(bytes_at(query, 3)));
  const auto rest = static_cast<std::uint64_t>(
      std::ranges::count_if(leaves, [&](std::uint32_t leaf) { return leaf > cursor.leaf; }));
  const std::uint64_t messages = number_at(query, 0);
  if (rest == 0 || messages == 0) return {};
  waiting.messages += rest;
  waiting.bytes += number_at(query, 1) * rest / messages;
  waiting.oldest_accepted_at = wall_time_of(number_at(query, 2));
  return {};
}

Result<wire::WaitingLane> waiting_in(Database& database, const LaneName& name, WallTime now) {
  KERUEN_TRY(const auto cursor, cursor_of(database, name));
  wire::WaitingLane waiting;
  if (cursor) KERUEN_CHECK(add_rest_of_batch(database, name, *cursor, now, waiting));
  auto& query = database.statement(
      "SELECT ifnull(sum(messages), 0), ifnull(sum(bytes), 0), ifnull(min(accepted_at), 0) "
      "FROM delivery WHERE recipient = ? AND lane = ? AND log_index >= ? AND messages > 0 "
      "AND expires_last > ? AND kinds <> ?");
  bind_all(query, name.recipient, static_cast<std::uint64_t>(name.lane),
           cursor ? cursor->index.value + 1 : 0, now, std::uint64_t{kReceiptsOfAgents});
  if (!query.executeStep()) return waiting;
  waiting.messages += number_at(query, 0);
  waiting.bytes += number_at(query, 1);
  if (waiting.oldest_accepted_at == WallTime{}) {
    waiting.oldest_accepted_at = wall_time_of(number_at(query, 2));
  }
  return waiting;
}

// Indexes follow acceptedAt: found by halving. One above the newest when all are before.
std::uint64_t first_accepted_from(Database& database, WallTime from) {
  std::uint64_t low = 0;
  auto& newest = database.statement("SELECT ifnull(max(log_index) + 1, 0) FROM batch");
  std::uint64_t high = newest.executeStep() ? number_at(newest, 0) : 0;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    auto& query = database.statement(
        "SELECT accepted_at FROM batch WHERE log_index >= ? ORDER BY log_index LIMIT 1");
    bind_all(query, middle);
    const bool is_before = query.executeStep() && number_at(query, 0) < milliseconds_of(from);
    if (is_before) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The rows of the first recipient `query` answers; empty: none. However often somebody repeats
// itself, no more than this is held.
Result<std::optional<log::LeavesReceipted>> receipted_by_next(SQLite::Statement& query,
                                                              std::size_t leaf_count) {
  using One = std::optional<log::LeavesReceipted>;
  if (!query.executeStep()) return One();
  KERUEN_TRY(AgencyId recipient, agency_at(query, 0));
  std::bitset<kLeavesPerBatchMax> found;
  const auto beyond = ~std::bitset<kLeavesPerBatchMax>() << leaf_count;
  do {
    KERUEN_TRY(const AgencyId next, agency_at(query, 0));
    if (next != recipient) break;
    KERUEN_TRY(const auto leaves, decode_leaf_numbers(bytes_at(query, 1)));
    for (const std::uint32_t leaf : leaves) found.set(leaf);
  } while (!(found | beyond).all() && query.executeStep());
  log::LeavesReceipted receipted{std::move(recipient), {}};
  for (std::uint32_t leaf = 0; leaf < found.size(); ++leaf) {
    if (found[leaf]) receipted.leaves.push_back(leaf);
  }
  return One(std::move(receipted));
}

}  // namespace

struct Lanes::State {
  std::unique_ptr<Database> database;
};

Lanes::Lanes(std::unique_ptr<State> state) : state_(std::move(state)) {}
Lanes::~Lanes() = default;

Result<std::unique_ptr<Lanes>> Lanes::open(const std::string& path) {
  auto state = std::make_unique<State>();
  KERUEN_TRY(state->database, Database::open_to_read(path));
  return std::unique_ptr<Lanes>(new Lanes(std::move(state)));
}

Result<std::vector<LogIndex>> Lanes::entries(const AgencyId& recipient, Lane lane,
                                             const Range& range) {
  Database& database = *state_->database;
  return database.guarded([&]() -> Result<std::vector<LogIndex>> {
    std::vector<LogIndex> entries;
    auto& query = database.statement(
        "SELECT log_index FROM delivery WHERE recipient = ? AND lane = ? AND log_index >= ? "
        "AND log_index < ? ORDER BY log_index LIMIT ?");
    bind_all(query, recipient, static_cast<std::uint64_t>(lane), range.from.value,
             range.below.value, static_cast<std::uint64_t>(range.most));
    while (query.executeStep()) entries.push_back(LogIndex{number_at(query, 0)});
    return entries;
  });
}

Result<std::optional<wire::StreamName>> Lanes::stream_of(LogIndex index) {
  Database& database = *state_->database;
  using Stream = std::optional<wire::StreamName>;
  return database.guarded([&]() -> Result<Stream> {
    auto& query = database.statement("SELECT sender, stream FROM batch WHERE log_index = ?");
    bind_all(query, index.value);
    if (!query.executeStep()) return Stream();
    KERUEN_TRY(auto sender, agency_at(query, 0));
    return Stream({std::move(sender), StreamId{number_at(query, 1)}});
  });
}

Result<std::vector<wire::WaitingRow>> Lanes::waiting(WallTime now) {
  Database& database = *state_->database;
  return database.guarded([&]() -> Result<std::vector<wire::WaitingRow>> {
    // One view of the file for all questions.
    SQLite::Transaction snapshot(database.connection());
    std::vector<wire::WaitingRow> rows;
    KERUEN_TRY(const auto lanes, lanes_with_rows(database));
    for (const LaneName& name : lanes) {
      KERUEN_TRY(const auto waiting, waiting_in(database, name, now));
      if (waiting.messages == 0) continue;
      if (rows.empty() || rows.back().agency != name.recipient) {
        rows.push_back({name.recipient, false, {}});
      }
      rows.back().lanes[static_cast<std::size_t>(name.lane)] = waiting;
    }
    return rows;
  });
}

Result<wire::Cursors> Lanes::cursors(const AgencyId& recipient) {
  Database& database = *state_->database;
  return database.guarded([&]() -> Result<wire::Cursors> {
    wire::Cursors cursors;
    for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
      KERUEN_TRY(cursors[lane], cursor_of(database, {recipient, static_cast<Lane>(lane)}));
    }
    return cursors;
  });
}

Result<std::vector<LogIndex>> Lanes::batches_with_messages_of(WallTime made_at, std::size_t most,
                                                              std::size_t most_of_one) {
  Database& database = *state_->database;
  return database.guarded([&]() -> Result<std::vector<LogIndex>> {
    const WallTime earliest =
        made_at - std::min(made_at.time_since_epoch(), WallTime::duration(kIdAheadMax));
    // A message that waited longer has expired, and clocks are a day off at most.
    const std::uint64_t from = first_accepted_from(database, earliest);
    const std::uint64_t below =
        first_accepted_from(database, made_at + kExpiryMax + std::chrono::hours(48));
    std::vector<LogIndex> entries;
    std::map<std::string, std::size_t> wide_of_sender;
    for (std::uint64_t span = 1; span <= kSpanMax && entries.size() < most; span *= 2) {
      // With the term on zero SQLite knows that the index holds all of it.
      auto& query = database.statement(
          "SELECT log_index, sender FROM batch INDEXED BY batch_by_span "
          "WHERE messages_span = ? AND messages_span > 0 AND messages_from BETWEEN ? AND ? "
          "AND messages_until >= ? AND log_index >= ? AND log_index < ? ORDER BY messages_from");
      const std::uint64_t made = milliseconds_of(made_at);
      bind_all(query, span, made - std::min(made, span), made, made, from, below);
      while (entries.size() < most && query.executeStep()) {
        const bool is_wide = span > kNarrowSpan;
        if (is_wide && ++wide_of_sender[query.getColumn(1).getString()] > most_of_one) continue;
        entries.push_back(LogIndex{number_at(query, 0)});
      }
    }
    std::ranges::sort(entries);
    return entries;
  });
}

Result<std::vector<log::LeavesReceipted>> Lanes::receipted(const Digest& batch, WallTime until,
                                                           std::size_t leaf_count) {
  Database& database = *state_->database;
  using Receipted = std::vector<log::LeavesReceipted>;
  return database.guarded([&]() -> Result<Receipted> {
    Receipted receipted;
    std::optional<AgencyId> recipient;
    while (true) {
      // From one recipient to the next by the primary key.
      auto& query = database.statement(
          "SELECT recipient, leaves FROM receipt WHERE batch = ? AND recipient > ? "
          "AND accepted_at <= ? ORDER BY recipient, log_index, leaf");
      bind_all(query, batch.view(), recipient ? recipient->text() : std::string(), until);
      KERUEN_TRY(auto one, receipted_by_next(query, leaf_count));
      if (!one) return receipted;
      recipient = one->recipient;
      receipted.push_back(std::move(*one));
    }
  });
}

Result<std::optional<SigningPublicKey>> Lanes::signing_key(const AgencyId& agency,
                                                           const KeyId& id) {
  Database& database = *state_->database;
  return database.guarded([&]() -> Result<std::optional<SigningPublicKey>> {
    auto& query =
        database.statement("SELECT public_key FROM signing_key WHERE agency = ? AND key_id = ?");
    bind_all(query, agency, id.view());
    if (!query.executeStep()) return std::optional<SigningPublicKey>();
    KERUEN_TRY(const auto key, fixed_at<SigningPublicKey>(query, 0));
    return std::optional(key);
  });
}

}  // namespace keruen::index
