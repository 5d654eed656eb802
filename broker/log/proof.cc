#include "broker/log/proof.h"

#include <algorithm>

#include "certs/hash.h"
#include "certs/seal.h"
#include "schemas/wire/refusals.h"

namespace keruen::log {
namespace {

Error corrupt(std::string_view what) {
  return {ErrorCode::corrupt, "a batch of the log: " + std::string(what)};
}

bool has_receipted(const std::vector<LeavesReceipted>& receipted, const AgencyId& recipient,
                   std::uint32_t leaf) {
  const auto found =
      std::ranges::lower_bound(receipted, recipient, {}, &LeavesReceipted::recipient);
  return found != receipted.end() && found->recipient == recipient &&
         std::ranges::binary_search(found->leaves, leaf);
}

bool was_unknown(const Record& record, std::uint32_t leaf, std::uint32_t place) {
  return wire::refusal_of(record.refusals, leaf, place) == ErrorCode::unknown_agency;
}

// A leaf of a batch and what its header says.
struct ReadLeaf {
  wire::Leaf leaf;
  std::vector<AgencyId> recipients;
  Digest hash;
};

bool is_owed(const Record& record, const ReadLeaf& read,
             const std::vector<LeavesReceipted>& receipted) {
  for (std::uint32_t place = 0; place < read.recipients.size(); ++place) {
    if (!has_receipted(receipted, read.recipients[place], read.leaf.number) &&
        !was_unknown(record, read.leaf.number, place)) {
      return true;
    }
  }
  return false;
}

Result<std::vector<ReadLeaf>> read_messages(std::vector<wire::Leaf> leaves) {
  std::vector<ReadLeaf> read;
  read.reserve(leaves.size());
  for (wire::Leaf& leaf : leaves) {
    const auto& message = std::get<wire::MessageLeaf>(leaf.content);
    auto header = wire::decode_header(message.header.view());
    if (!header) return fail(corrupt(header.error().detail));
    if (header->recipients.size() != message.wraps.size()) {
      return fail(corrupt("not one wrap for each recipient"));
    }
    const Digest hash = certs::leaf_hash_of(message, header->recipients);
    read.push_back({std::move(leaf), std::move(header->recipients), hash});
  }
  return read;
}

// What is dropped afterwards cannot be checked any more: only what fits together is cut down.
Result<void> check(const Record& record, const wire::UnverifiedBatch& batch,
                   const std::vector<ReadLeaf>& leaves) {
  const auto statement = wire::decode_statement(batch.statement.view());
  if (!statement) return fail(corrupt(statement.error().detail));
  std::vector<Digest> hashes;
  for (const ReadLeaf& read : leaves) hashes.push_back(read.hash);
  if (certs::merkle_root(hashes) != statement->root ||
      certs::batch_hash(batch.statement.view(), batch.signature) != record.hash) {
    return fail(corrupt("its leaves do not lead to the statement it was logged by"));
  }
  return {};
}

void leave_out_body(wire::MessageLeaf& message) {
  if (const auto* body = std::get_if<SharedBytes>(&message.body)) {
    message.body = certs::sha256(body->view());
  }
}

}  // namespace

Result<Record> proof_of(const Record& whole, const ReceiptSource& receipts, WallTime until) {
  if (whole.kind == certs::LogEntryKind::directory || whole.form == Record::Form::proof) {
    return whole;
  }
  auto batch = wire::decode_batch(whole.bytes);
  if (!batch) return fail(corrupt(batch.error().detail));
  if (std::holds_alternative<wire::ReceiptLeaf>(batch->leaves.front().content)) return whole;
  KERUEN_TRY(auto leaves, read_messages(std::move(batch->leaves)));
  KERUEN_CHECK(check(whole, *batch, leaves));
  KERUEN_TRY(const auto receipted, receipts(whole.hash, until));
  wire::UnverifiedBatch kept;
  kept.statement = batch->statement;
  kept.signature = batch->signature;
  for (ReadLeaf& read : leaves) {
    if (!is_owed(whole, read, receipted)) {
      kept.pruned.push_back(read.hash);
      continue;
    }
    leave_out_body(std::get<wire::MessageLeaf>(read.leaf.content));
    kept.leaves.push_back(std::move(read.leaf));
  }
  Bytes bytes = wire::encode_batch(kept);
  // A sender may have written one header for a thousand leaves; written out it would be larger.
  if (bytes.size() >= whole.bytes.size()) return whole;
  Record proof = whole;
  proof.form = Record::Form::proof;
  proof.bytes = SharedBytes(std::move(bytes));
  return proof;
}

Result<wire::UnverifiedBatch> slice_in_proof(const SharedBytes& bytes) {
  auto kept = wire::decode_kept_batch(bytes);
  if (!kept) return fail(corrupt(kept.error().detail));
  const std::size_t leaf_count = kept->leaves.size() + kept->pruned.size();
  if (leaf_count == 0) return fail(corrupt("neither a leaf nor the hash of one is left"));
  std::vector<std::uint32_t> present;
  for (const wire::Leaf& leaf : kept->leaves) {
    if (leaf.number >= leaf_count) return fail(corrupt("a leaf beyond its batch"));
    present.push_back(leaf.number);
  }
  // Hashes of leaves that are present are not looked at.
  std::vector<Digest> hashes(leaf_count);
  auto left_out = kept->pruned.begin();
  auto next = present.begin();
  for (std::uint32_t number = 0; number < leaf_count; ++number) {
    if (next != present.end() && *next == number) {
      ++next;
    } else {
      hashes[number] = *left_out++;
    }
  }
  kept->pruned = certs::prune(hashes, present);
  return kept;
}

}  // namespace keruen::log
