#include "agents/store/stored_content.h"

#include "agents/store/packed.h"
#include "certs/seal.h"
#include "schemas/wire/batch.h"

namespace keruen::store {
namespace {

Error damaged(std::string_view what) {
  return {ErrorCode::corrupt, "a stored batch is damaged: " + std::string(what)};
}

}  // namespace

Result<SegmentLengths> lengths_of_contents(Connection& connection) {
  auto query = connection.query("SELECT value FROM setting WHERE name = 'contents'");
  if (query.row() && query.bytes(0).size() == 2 * sizeof(std::uint64_t)) {
    const SegmentLengths lengths{u64_at(query.bytes(0), 0), u64_at(query.bytes(0), 8)};
    if (lengths.are_possible()) return lengths;
  }
  return fail(ErrorCode::corrupt,
              "the store does not say how long its contents are; restore it "
              "from a backup");
}

void save_lengths_of_contents(Connection& connection, const SegmentLengths& lengths) {
  Bytes value;
  append_u64(value, lengths.segment_bytes);
  append_u64(value, lengths.in_first);
  connection.query("INSERT INTO setting(name, value) VALUES('contents', ?)")
      .with(BytesView(value))
      .run();
}

// Places ascend with the numbers of their rows.
std::optional<ContentPlace> content_at(Connection& connection, End end) {
  auto query = connection.query(
      end == End::oldest
          ? "SELECT position, bytes, checksum FROM blob ORDER BY number LIMIT 1"
          : "SELECT position, bytes, checksum FROM blob ORDER BY number DESC LIMIT 1");
  if (!query.row()) return std::nullopt;
  return ContentPlace{query.unsigned_number(0), query.unsigned_number(1), query.unsigned_number(2)};
}

Result<SharedBytes> read_blob(Connection& connection, ContentFile& contents, std::uint64_t number) {
  auto query = connection.query("SELECT position, bytes, checksum FROM blob WHERE number = ?");
  query.with(number);
  if (!query.row()) return fail(ErrorCode::not_found, "this message is no longer in the store");
  return contents.read(
      {query.unsigned_number(0), query.unsigned_number(1), query.unsigned_number(2)});
}

Result<Bytes> open_content(Connection& connection, ContentFile& contents, const SealedRows& rows,
                           LeafPlace place) {
  KERUEN_TRY(const SharedBytes bytes, read_blob(connection, contents, place.blob));
  auto keys = connection.query("SELECT keys FROM blob WHERE number = ?");
  keys.with(place.blob);
  if (!keys.row()) return fail(ErrorCode::not_found, "this message is no longer in the store");
  KERUEN_TRY(const auto key, rows.open_key(place.blob, keys.bytes(0), place.leaf));
  const auto batch = wire::decode_batch(bytes);
  if (!batch) return fail(damaged(batch.error().detail));
  for (const auto& leaf : batch->leaves) {
    if (leaf.number != place.leaf) continue;
    const auto* message = std::get_if<wire::MessageLeaf>(&leaf.content);
    const auto* body = message ? std::get_if<SharedBytes>(&message->body) : nullptr;
    if (body == nullptr) return fail(damaged("its leaf holds no body"));
    auto content = certs::open_body(key, message->header.view(), body->view());
    if (!content) return fail(damaged(content.error().detail));
    return content;
  }
  return fail(damaged("the leaf is not in it"));
}

Result<Bytes> open_outbox(const SealedRows& rows, std::uint64_t message, BytesView sealed) {
  return rows.open("outbox", message, sealed);
}

Bytes seal_outbox(const SealedRows& rows, std::uint64_t message, BytesView content) {
  return rows.seal("outbox", message, content);
}

std::optional<OutboxNumber> find_in_outbox(Connection& connection, std::int64_t message,
                                           Lane lane) {
  const auto number = static_cast<std::uint64_t>(message);
  auto query = connection.query("SELECT key FROM outbox WHERE key IN (?, ?, ?)");
  for (const auto readiness : {Readiness::ready, Readiness::waits_for_key, Readiness::kept}) {
    query.with(outbox_key(readiness, lane, number));
  }
  if (!query.row()) return std::nullopt;
  return OutboxNumber{query.unsigned_number(0)};
}

std::optional<LeafPlace> sealed_place_of(Connection& connection, std::int64_t message) {
  auto query = connection.query(
      "SELECT blob, leaf FROM recipient WHERE message = ? AND blob IS NOT NULL LIMIT 1");
  query.with(message);
  if (!query.row()) return std::nullopt;
  return LeafPlace{query.unsigned_number(0), query.small_number(1)};
}

}  // namespace keruen::store
