#include "broker/admission/verification.h"

namespace keruen::admission {

Result<Submission> Submission::decode_unverified(const SharedBytes& bytes) {
  if (bytes.size() > kBatchBytesMax) {
    return fail(ErrorCode::too_large, "a batch of " + std::to_string(bytes.size()) + " bytes");
  }
  Submission result;
  KERUEN_TRY(result.batch_, wire::decode_batch(bytes));
  KERUEN_CHECK(wire::check_nothing_is_shared(result.batch_, bytes.size()));
  KERUEN_TRY(const auto statement, wire::decode_statement(result.batch_.statement.view()));
  result.outline_ = {statement.sender, statement.stream, statement.lane, statement.sequence,
                     certs::batch_hash(result.batch_.statement.view(), result.batch_.signature)};
  return result;
}

Submission::Content Submission::content() const {
  return std::holds_alternative<wire::MessageLeaf>(batch_.leaves.front().content)
             ? Content::messages
             : Content::receipts;
}

Result<std::shared_ptr<const certs::VerifiedBatch>> Submission::verify(
    const AgencyId& connected, const certs::Directory& directory) const {
  if (outline_.sender != connected) {
    return fail(ErrorCode::denied, connected.text() + " handed in a batch of " +
                                       outline_.sender.text() + "; each agency sends its own");
  }
  const auto key_of = [&](const AgencyId& agency,
                          const KeyId& id) -> std::optional<SigningPublicKey> {
    const auto known = directory.signing_key(agency, id);
    if (!known) return std::nullopt;
    return known->key;
  };
  KERUEN_TRY(auto verified, certs::verify_batch(batch_, directory.origin(), key_of));
  return std::make_shared<const certs::VerifiedBatch>(std::move(verified));
}

}  // namespace keruen::admission
