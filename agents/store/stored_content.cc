#include "agents/store/stored_content.h"

#include "certs/seal.h"
#include "schemas/wire/batch.h"

namespace keruen::store {
namespace {

Error damaged(std::string_view what) {
  return {ErrorCode::corrupt, "a stored batch is damaged: " + std::string(what)};
}

void append_u32(Bytes& target, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    target.push_back(static_cast<std::uint8_t>(number >> shift));
  }
}

std::uint32_t u32_at(BytesView bytes, std::size_t place) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = (number << 8) | bytes[place + i];
  return number;
}

}  // namespace

Result<Bytes> open_content(Connection& connection, const SealedRows& rows, ContentPlace place) {
  auto query = connection.query("SELECT bytes, keys FROM blob WHERE number = ?");
  query.with(place.blob);
  if (!query.row()) return fail(ErrorCode::not_found, "this message is no longer in the store");
  const SharedBytes bytes(copy_of(query.bytes(0)));
  KERUEN_TRY(const auto key, rows.open_key(place.blob, query.bytes(1), place.leaf));
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

Bytes pack_ranges(const std::vector<wire::LeafRange>& ranges) {
  Bytes packed;
  packed.reserve(ranges.size() * 8);
  for (const auto& [first, last] : ranges) {
    append_u32(packed, first);
    append_u32(packed, last);
  }
  return packed;
}

std::vector<wire::LeafRange> unpack_ranges(BytesView packed) {
  std::vector<wire::LeafRange> ranges;
  for (std::size_t place = 0; place + 8 <= packed.size(); place += 8) {
    ranges.push_back({u32_at(packed, place), u32_at(packed, place + 4)});
  }
  return ranges;
}

}  // namespace keruen::store
