#include "certs/batch.h"

#include "certs/hash.h"
#include "certs/seal_layout.h"

namespace keruen::certs {
namespace {

enum class Completeness : std::uint8_t { whole, slice };

std::string leaf_name(const wire::Leaf& leaf) { return "leaf " + std::to_string(leaf.number); }

bool has_everything(const wire::MessageLeaf& leaf) {
  return std::holds_alternative<SharedBytes>(leaf.body) &&
         std::ranges::all_of(leaf.wraps, [](const wire::WrapSlot& slot) {
           return std::holds_alternative<wire::Wrap>(slot);
         });
}

// What the tree stands on: how many leaves, which numbers, of one sort.
Result<void> check_shape(const wire::UnverifiedBatch& batch, const wire::Statement& statement,
                         Completeness completeness) {
  if (batch.leaves.empty() || batch.leaves.size() > statement.leaf_count) {
    return fail(ErrorCode::malformed, std::to_string(batch.leaves.size()) + " leaves of " +
                                          std::to_string(statement.leaf_count));
  }
  if (completeness == Completeness::whole &&
      (batch.leaves.size() != statement.leaf_count || !batch.pruned.empty())) {
    return fail(ErrorCode::malformed, "a batch with leaves left out");
  }
  const std::size_t sort = batch.leaves.front().content.index();
  for (const wire::Leaf& leaf : batch.leaves) {
    if (leaf.content.index() != sort) {
      return fail(ErrorCode::malformed, "messages and receipts in one batch");
    }
  }
  return {};
}

Result<void> read_message(const wire::Statement& statement, Completeness completeness,
                          VerifiedLeaf& leaf) {
  const auto& message = std::get<wire::MessageLeaf>(leaf.leaf.content);
  KERUEN_TRY(wire::Header header, wire::decode_header(message.header.view()));
  if (header.sender != statement.sender || header.signing_key != statement.signing_key) {
    return fail(ErrorCode::malformed,
                leaf_name(leaf.leaf) + ": its header names another sender or signing key");
  }
  if (message.wraps.size() != header.recipients.size()) {
    return fail(ErrorCode::malformed, leaf_name(leaf.leaf) + ": not one wrap for each recipient");
  }
  if (completeness == Completeness::whole) {
    if (!has_everything(message)) {
      return fail(ErrorCode::malformed, leaf_name(leaf.leaf) + ": a body or wrap is left out");
    }
    // A recipient would answer it with *undeliverable*: an honest sender never sends it.
    if (std::get<SharedBytes>(message.body).size() != header.padded_bytes + kTagBytes) {
      return fail(ErrorCode::malformed,
                  leaf_name(leaf.leaf) + ": its body is not of the size its header states");
    }
  }
  leaf.hash = leaf_hash_of(message, header.recipients);
  leaf.decoded = std::move(header);
  return {};
}

Result<void> read_receipt(const wire::Statement& statement, VerifiedLeaf& leaf) {
  const auto& content = std::get<wire::ReceiptLeaf>(leaf.leaf.content);
  KERUEN_TRY(wire::Receipt receipt, wire::decode_receipt(content.receipt.view()));
  if (receipt.to == statement.sender) {
    return fail(ErrorCode::malformed, leaf_name(leaf.leaf) + ": a receipt to oneself");
  }
  leaf.hash = leaf_hash_of(content);
  leaf.decoded = std::move(receipt);
  return {};
}

Result<VerifiedBatch> verify(const wire::UnverifiedBatch& batch, const Origin& origin,
                             const SigningKeyLookup& key_of, Completeness completeness) {
  VerifiedBatch verified;
  KERUEN_TRY(verified.statement, wire::decode_statement(batch.statement.view()));
  const wire::Statement& statement = verified.statement;
  if (statement.origin != origin) {
    return fail(ErrorCode::denied,
                "a batch for " + statement.origin.text() + ", not " + origin.text());
  }
  KERUEN_CHECK(check_shape(batch, statement, completeness));
  const auto key = key_of(statement.sender, statement.signing_key);
  if (!key) {
    return fail(ErrorCode::not_found,
                statement.sender.text() + " has no signing key " + statement.signing_key.hex());
  }
  // First the signature: whoever cannot make one costs no hashing of leaves.
  if (!verifies(*key, SignatureUse::batch, batch.statement.view(), batch.signature)) {
    return fail(ErrorCode::bad_signature, "the batch's signature does not verify");
  }
  std::vector<NumberedHash> present;
  present.reserve(batch.leaves.size());
  verified.leaves.reserve(batch.leaves.size());
  for (const wire::Leaf& leaf : batch.leaves) {
    VerifiedLeaf& next = verified.leaves.emplace_back();
    next.number = leaf.number;
    next.leaf = leaf;
    if (std::holds_alternative<wire::MessageLeaf>(leaf.content)) {
      KERUEN_CHECK(read_message(statement, completeness, next));
    } else {
      KERUEN_CHECK(read_receipt(statement, next));
    }
    present.push_back({leaf.number, next.hash});
  }
  KERUEN_TRY(verified.tree, PrunedTree::build(statement.leaf_count, present, batch.pruned));
  if (verified.tree.root() != statement.root) {
    return fail(ErrorCode::bad_signature, "the leaves do not give the signed root");
  }
  verified.statement_bytes = batch.statement;
  verified.signature = batch.signature;
  verified.hash = batch_hash(batch.statement.view(), batch.signature);
  return verified;
}

wire::Leaf cut_leaf(const VerifiedLeaf& leaf, const AgencyId& recipient, BodyChoice choice) {
  wire::Leaf cut = leaf.leaf;
  auto* message = std::get_if<wire::MessageLeaf>(&cut.content);
  if (message == nullptr) {
    ensure(std::get<wire::Receipt>(leaf.decoded).to == recipient, "a receipt of this recipient");
    return cut;
  }
  const auto& recipients = std::get<wire::Header>(leaf.decoded).recipients;
  ensure(std::ranges::find(recipients, recipient) != recipients.end(),
         "a message to this recipient");
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (recipients[i] == recipient) continue;
    if (const auto* wrap = std::get_if<wire::Wrap>(&message->wraps[i])) {
      message->wraps[i] = wrap_hash(recipients[i], *wrap);
    }
  }
  if (choice == BodyChoice::leave_out) {
    if (const auto* body = std::get_if<SharedBytes>(&message->body)) {
      message->body = sha256(body->view());
    }
  }
  return cut;
}

}  // namespace

Result<VerifiedBatch> verify_batch(const wire::UnverifiedBatch& batch, const Origin& origin,
                                   const SigningKeyLookup& key_of) {
  return verify(batch, origin, key_of, Completeness::whole);
}

Result<VerifiedBatch> verify_slice(const wire::UnverifiedBatch& slice, const Origin& origin,
                                   const SigningKeyLookup& key_of) {
  return verify(slice, origin, key_of, Completeness::slice);
}

SignedBatch sign_batch(wire::Statement statement, std::vector<wire::Leaf> leaves,
                       const std::vector<Digest>& leaf_hashes, const SigningKeyPair& key) {
  ensure(
      !leaves.empty() && leaves.size() <= kLeavesPerBatchMax && leaves.size() == leaf_hashes.size(),
      "1 to 1024 leaves, each with its hash");
  ensure(statement.signing_key == key.id(), "the statement names the key that signs it");
  statement.leaf_count = static_cast<std::uint32_t>(leaves.size());
  statement.root = merkle_root(leaf_hashes);
  for (std::uint32_t i = 0; i < statement.leaf_count; ++i) leaves[i].number = i;
  SignedBatch result;
  result.batch.statement = SharedBytes(wire::encode_statement(statement));
  result.batch.signature = key.sign(SignatureUse::batch, result.batch.statement.view());
  result.batch.leaves = std::move(leaves);
  result.statement = std::move(statement);
  result.hash = batch_hash(result.batch.statement.view(), result.batch.signature);
  return result;
}

wire::UnverifiedBatch cut_slice(const VerifiedBatch& batch, const AgencyId& recipient,
                                const std::vector<SliceLeaf>& chosen) {
  wire::UnverifiedBatch slice;
  slice.statement = batch.statement_bytes;
  slice.signature = batch.signature;
  std::vector<std::uint32_t> keep;
  for (const SliceLeaf& choice : chosen) {
    const auto leaf =
        std::ranges::lower_bound(batch.leaves, choice.number, {}, &VerifiedLeaf::number);
    ensure(leaf != batch.leaves.end() && leaf->number == choice.number, "a leaf of the batch");
    slice.leaves.push_back(cut_leaf(*leaf, recipient, choice.body));
    keep.push_back(choice.number);
  }
  slice.pruned = batch.tree.prune_to(keep);
  return slice;
}

Digest batch_hash(BytesView statement, const Signature& signature) {
  return Sha256().add(statement).add(signature.view()).finish();
}

Digest log_leaf_hash(LogEntryKind kind, WallTime accepted_at, const Digest& hash) {
  return Sha256()
      .add_u8(0)  // RFC 9162: a leaf, not a node
      .add_label("log")
      .add_u8(static_cast<std::uint8_t>(kind))
      .add_u64(milliseconds_of(accepted_at))
      .add(hash.view())
      .finish();
}

}  // namespace keruen::certs
