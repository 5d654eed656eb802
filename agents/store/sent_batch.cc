#include "agents/store/sent_batch.h"

#include <algorithm>
#include <set>

#include "agents/store/packed.h"

namespace keruen::store {
namespace {

constexpr std::size_t kPlaceBytes = MessageId::kBytes + 3 + 8 + 4 + 4 + 4 + 4 + 8;

std::vector<BatchPlace> unpack_places(BytesView packed) {
  std::vector<BatchPlace> places;
  places.reserve(packed.size() / kPlaceBytes);
  for (std::size_t at = 0; at + kPlaceBytes <= packed.size(); at += kPlaceBytes) {
    const BytesView row = packed.subspan(at, kPlaceBytes);
    BatchPlace place;
    place.id = *MessageId::from(row.first(MessageId::kBytes));
    place.kind = static_cast<MessageKind>(row[16]);
    place.listing = static_cast<Listing>(row[17]);
    place.status = static_cast<BatchPlace::Status>(row[18]);
    place.message = static_cast<std::int64_t>(u64_at(row, 19));
    place.place = u32_at(row, 27);
    place.leaf = u32_at(row, 31);
    place.seat = u32_at(row, 35);
    place.agency = u32_at(row, 39);
    place.expires_at = wall_time_of(u64_at(row, 43));
    places.push_back(place);
  }
  return places;
}

std::set<std::int64_t> agencies_of(const SentBatch& batch) {
  std::set<std::int64_t> agencies;
  for (const auto& place : batch.places) agencies.insert(place.agency);
  return agencies;
}

std::optional<SentBatch> batch_from(Connection& connection, Query& query) {
  SentBatch batch;
  if (!query.row() || query.is_null(3)) return std::nullopt;
  batch.blob = BlobNumber{query.unsigned_number(0)};
  batch.is_accepted = query.enumerator<BatchStatus>(1) >= BatchStatus::accepted;
  if (!query.is_null(2)) batch.index = LogIndex{query.unsigned_number(2)};
  batch.places = unpack_places(query.bytes(3));
  auto deliveries =
      connection.query("SELECT agency, first, last FROM delivery WHERE blob = ? ORDER BY agency");
  deliveries.with(batch.blob);
  while (deliveries.row()) {
    batch.delivered[deliveries.number(0)].push_back(
        {deliveries.small_number(1), deliveries.small_number(2)});
  }
  return batch;
}

void put_awaited(Connection& connection, std::int64_t agency, const SentBatch& batch) {
  connection
      .query("INSERT OR REPLACE INTO awaited(agency, named, log_index, blob) VALUES(?, 0, ?, ?)")
      .with(agency)
      .with(batch.index)
      .with(batch.blob)
      .run();
}

// False: it was not awaited.
bool take_awaited(Connection& connection, std::int64_t agency, LogIndex index, BlobNumber blob) {
  connection
      .query(
          "DELETE FROM awaited WHERE agency = ? AND named IN (0, 1) AND log_index = ? "
          "AND blob = ?")
      .with(agency)
      .with(index)
      .with(blob)
      .run();
  return connection.changes() > 0;
}

}  // namespace

Bytes pack_places(const std::vector<BatchPlace>& places) {
  Bytes packed;
  packed.reserve(places.size() * kPlaceBytes);
  for (const auto& place : places) {
    append_to(packed, place.id.view());
    packed.push_back(static_cast<std::uint8_t>(place.kind));
    packed.push_back(static_cast<std::uint8_t>(place.listing));
    packed.push_back(static_cast<std::uint8_t>(place.status));
    append_u64(packed, static_cast<std::uint64_t>(place.message));
    append_u32(packed, place.place);
    append_u32(packed, place.leaf);
    append_u32(packed, place.seat);
    append_u32(packed, static_cast<std::uint32_t>(place.agency));
    append_u64(packed, static_cast<std::uint64_t>(milliseconds_of(place.expires_at)));
  }
  return packed;
}

std::optional<WallTime> next_expiry(const std::vector<BatchPlace>& places) {
  std::optional<WallTime> next;
  for (const auto& place : places) {
    if (place.status != BatchPlace::Status::under_way) continue;
    next = std::min(next.value_or(place.expires_at), place.expires_at);
  }
  return next;
}

bool SentBatch::is_delivered(const BatchPlace& place) const {
  const auto ranges = delivered.find(place.agency);
  return ranges != delivered.end() &&
         std::ranges::any_of(ranges->second, [&](const wire::LeafRange& range) {
           return range.first <= place.leaf && place.leaf <= range.last;
         });
}

bool SentBatch::awaits(std::int64_t agency) const {
  return std::ranges::any_of(
      places, [&](const BatchPlace& place) { return place.agency == agency && is_open(place); });
}

std::optional<SentBatch> load_batch(Connection& connection, BlobNumber blob) {
  auto query = connection.query("SELECT blob, status, log_index, places FROM batch WHERE blob = ?");
  query.with(blob);
  return batch_from(connection, query);
}

std::optional<SentBatch> load_batch(Connection& connection, const Digest& hash) {
  auto query = connection.query("SELECT blob, status, log_index, places FROM batch WHERE hash = ?");
  query.with(hash);
  return batch_from(connection, query);
}

void save_places(Connection& connection, const SentBatch& batch) {
  const Bytes places = pack_places(batch.places);
  connection.query("UPDATE batch SET places = ?, expires_at = ? WHERE blob = ?")
      .with(BytesView(places))
      .with(next_expiry(batch.places))
      .with(batch.blob)
      .run();
}

void begin_awaiting(Connection& connection, const SentBatch& batch) {
  for (const std::int64_t agency : agencies_of(batch)) put_awaited(connection, agency, batch);
}

// Out and in again: an update of a table's key has SQLite make a table of its own for it.
void move_awaited(Connection& connection, const SentBatch& batch, LogIndex before) {
  for (const std::int64_t agency : agencies_of(batch)) {
    if (take_awaited(connection, agency, before, batch.blob)) {
      put_awaited(connection, agency, batch);
    }
  }
}

void end_awaiting(Connection& connection, const SentBatch& batch, std::int64_t agency) {
  if (!batch.awaits(agency)) (void)take_awaited(connection, agency, batch.index, batch.blob);
}

void end_awaiting(Connection& connection, const SentBatch& batch) {
  for (const std::int64_t agency : agencies_of(batch)) end_awaiting(connection, batch, agency);
}

}  // namespace keruen::store
