// The order of the checks is part of the verdict: the first that fails names the reason, so it must
// never be rearranged for a log that already has entries.
#include "broker/admission/ordering.h"

#include <optional>

namespace keruen::admission {
namespace {

std::string named(const wire::Statement& statement) {
  return "batch " + std::to_string(statement.sequence.value) + " of stream " +
         std::to_string(statement.stream.value) + " of " + statement.sender.text();
}

Error error(ErrorCode code, std::string detail) { return {code, std::move(detail)}; }

std::optional<Error> refusal_of_chain(const wire::Statement& statement, const Prefix& prefix,
                                      const Moment& moment) {
  const wire::StreamHead head = prefix.chains.head({statement.sender, statement.stream});
  if (statement.sequence != head.sequence.next()) {
    return error(ErrorCode::out_of_sequence,
                 named(statement) + ": expected " + std::to_string(head.sequence.value + 1));
  }
  if (statement.previous_batch != head.batch) {
    return error(ErrorCode::chain_fork,
                 named(statement) + " follows another batch than the one in the log");
  }
  const bool opens_stream = head.sequence == BatchSequence{0};
  const auto used = prefix.quota.used(statement.sender, day_of(moment.accepted_at));
  if (opens_stream && used.streams >= kNewStreamsPerDayMax) {
    return error(ErrorCode::overloaded, named(statement) + " would open more than " +
                                            std::to_string(kNewStreamsPerDayMax) +
                                            " streams in one day");
  }
  return std::nullopt;
}

std::optional<Error> refusal_of_key(const wire::Statement& statement,
                                    const certs::Directory& directory, const Moment& moment) {
  const auto key = directory.signing_key(statement.sender, statement.signing_key);
  if (!key || key->logged_at >= moment.at) {
    return error(ErrorCode::not_found,
                 named(statement) + ": its signing key was never delegated in this log");
  }
  if (!key->in_force(moment.at)) {
    return error(ErrorCode::denied, named(statement) + ": its signing key is revoked");
  }
  if (moment.accepted_at >= key->valid_until ||
      moment.accepted_at + kClockAheadMax < key->valid_from) {
    return error(ErrorCode::expired, named(statement) + ": its signing key is not valid now");
  }
  return std::nullopt;
}

std::optional<Error> refusal_of_sender(const AgencyId& sender, const certs::Registry* registry) {
  if (registry == nullptr || registry->agency(sender) == nullptr) {
    return error(ErrorCode::unknown_agency, sender.text() + " is not in the registry in force");
  }
  if (!registry->is_active(sender)) {
    return error(ErrorCode::denied, sender.text() + " is suspended");
  }
  return std::nullopt;
}

// What the sender has seen of the exchange must be what is here: the first batch between two who
// were shown different directories or logs ends here, with a name.
std::optional<Error> refusal_of_sight(const wire::Statement& statement, const Prefix& prefix,
                                      const Moment& moment) {
  const auto head = prefix.directory.head_at(statement.directory.count);
  if (!head) {
    return error(ErrorCode::out_of_sequence,
                 named(statement) + " has seen " + std::to_string(statement.directory.count.value) +
                     " directory lines, here are " +
                     std::to_string(prefix.directory.position().count.value));
  }
  if (*head != statement.directory.head) {
    return error(ErrorCode::chain_fork,
                 named(statement) + " has seen another directory than this one");
  }
  const wire::CheckpointSeen& seen = statement.checkpoint_seen;
  if (seen.size == TreeSize{0}) return std::nullopt;
  if (seen.size.value > moment.at.value) {
    return error(ErrorCode::chain_fork,
                 named(statement) + " has seen a checkpoint of " + std::to_string(seen.size.value) +
                     " entries, here are " + std::to_string(moment.at.value));
  }
  const auto root = prefix.root_at(seen.size);
  if (!root) return root.error();
  if (*root != seen.root) {
    return error(ErrorCode::chain_fork,
                 named(statement) + " has seen a checkpoint that this log does not continue");
  }
  return std::nullopt;
}

// The code for everything about a message that does not depend on the recipient.
std::optional<ErrorCode> refusal_of_times(const wire::Header& header,
                                          const certs::Registry& registry, const Moment& moment) {
  const bool is_registry_expired = registry.head().expires_at <= moment.accepted_at;
  const bool is_from_the_future = header.created_at > moment.accepted_at + kClockAheadMax;
  const bool is_over = header.expires_at <= moment.accepted_at;
  const bool is_too_long = header.expires_at - header.created_at > kExpiryMax;
  if (is_registry_expired || is_from_the_future || is_over || is_too_long) {
    return ErrorCode::expired;
  }
  return std::nullopt;
}

std::optional<ErrorCode> refusal_of_recipient(const wire::Header& header, const AgencyId& recipient,
                                              const wire::WrapSlot& slot,
                                              const certs::Directory& directory,
                                              const certs::Registry& registry,
                                              const Moment& moment) {
  if (registry.agency(recipient) == nullptr) return ErrorCode::unknown_agency;
  if (!registry.allows(header.sender, recipient, header.kind)) return ErrorCode::denied;
  const auto* wrap = std::get_if<wire::Wrap>(&slot);
  ensure(wrap != nullptr, "a whole batch has every wrap");
  // Sealed to a key its holder can no longer use, or never had: the sender seals again.
  const auto prekey = directory.prekey(recipient, wrap->prekey);
  if (!prekey || !prekey->in_force(moment.at) || header.created_at < prekey->valid_from ||
      header.created_at >= prekey->valid_until) {
    return ErrorCode::not_found;
  }
  return std::nullopt;
}

// A receipt may go back wherever a message may come from; an expired registry does not stop it.
std::optional<ErrorCode> refusal_of_receipt(const AgencyId& sender, const wire::Receipt& receipt,
                                            const certs::Registry& registry) {
  if (registry.agency(receipt.to) == nullptr) return ErrorCode::unknown_agency;
  if (!registry.allows(sender, receipt.to, MessageKind::receipt)) return ErrorCode::denied;
  return std::nullopt;
}

}  // namespace

BatchContent content_of(const certs::VerifiedBatch& batch) {
  ensure(!batch.leaves.empty(), "a batch has a leaf");
  return std::holds_alternative<wire::Header>(batch.leaves.front().decoded)
             ? BatchContent::messages
             : BatchContent::receipts;
}

std::optional<Error> refusal_of_batch(const wire::Statement& statement, const Prefix& prefix,
                                      const Moment& moment) {
  if (auto refusal = refusal_of_chain(statement, prefix, moment)) return refusal;
  if (auto refusal = refusal_of_key(statement, prefix.directory, moment)) return refusal;
  if (statement.created_at > moment.accepted_at + kClockAheadMax) {
    return error(ErrorCode::expired, named(statement) +
                                         " was made in the future; compare the clocks of the "
                                         "agency and of the broker");
  }
  const auto registry = prefix.directory.registry(moment.at);
  if (auto refusal = refusal_of_sender(statement.sender, registry.get())) return refusal;
  return refusal_of_sight(statement, prefix, moment);
}

std::vector<wire::Refusal> refusals_of_leaves(const certs::VerifiedBatch& batch,
                                              const certs::Directory& directory,
                                              const Moment& moment) {
  std::vector<wire::Refusal> refusals;
  const auto registry = directory.registry(moment.at);
  ensure(registry != nullptr, "a batch with a known sender has a registry before it");
  for (const certs::VerifiedLeaf& leaf : batch.leaves) {
    if (const auto* receipt = std::get_if<wire::Receipt>(&leaf.decoded)) {
      const auto code = refusal_of_receipt(batch.statement.sender, *receipt, *registry);
      if (code) refusals.push_back({leaf.number, 0, *code});
      continue;
    }
    const auto& header = std::get<wire::Header>(leaf.decoded);
    const auto& message = std::get<wire::MessageLeaf>(leaf.leaf.content);
    const auto of_times = refusal_of_times(header, *registry, moment);
    for (std::uint32_t place = 0; place < header.recipients.size(); ++place) {
      const AgencyId& recipient = header.recipients[place];
      // Whom nobody knows is said first: there is nobody to keep a stub for.
      auto code = registry->agency(recipient) == nullptr ? std::optional(ErrorCode::unknown_agency)
                                                         : of_times;
      if (!code) {
        code = refusal_of_recipient(header, recipient, message.wraps[place], directory, *registry,
                                    moment);
      }
      if (code) refusals.push_back({leaf.number, place, *code});
    }
  }
  return refusals;
}

Verdict judge(const certs::VerifiedBatch& batch, const Prefix& prefix, const Moment& moment) {
  const wire::StreamHead head =
      prefix.chains.head({batch.statement.sender, batch.statement.stream});
  if (batch.statement.sequence <= head.sequence) return Past{};
  if (auto refusal = refusal_of_batch(batch.statement, prefix, moment)) {
    return Refused{std::move(*refusal)};
  }
  return Admitted{refusals_of_leaves(batch, prefix.directory, moment)};
}

}  // namespace keruen::admission
