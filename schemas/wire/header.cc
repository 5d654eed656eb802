#include "schemas/wire/header.h"

#include <algorithm>

#include "schemas/limits.h"
#include "schemas/wire/fields.h"

namespace keruen::wire {
namespace {

Result<std::vector<AgencyId>> recipients_of(capnp::List<capnp::Text>::Reader source) {
  KERUEN_CHECK(check_count(source.size(), 1, kRecipientsMax, "recipients"));
  std::vector<AgencyId> recipients;
  recipients.reserve(source.size());
  for (const auto text : source) {
    KERUEN_TRY(AgencyId recipient, id_of<AgencyId>(text, "recipients"));
    recipients.push_back(std::move(recipient));
  }
  return recipients;
}

// A recipient named twice, or the sender among them, would make places and wraps ambiguous.
Result<void> check_recipients(const Header& header) {
  std::vector<std::string_view> names;
  names.reserve(header.recipients.size());
  for (const auto& recipient : header.recipients) names.emplace_back(recipient.text());
  std::ranges::sort(names);
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end()) {
    return malformed("recipients", std::string(*twice) + " stands there twice");
  }
  if (std::ranges::binary_search(names, std::string_view(header.sender.text()))) {
    return malformed("recipients", "the sender is among them");
  }
  return {};
}

Result<void> check_rules(const Header& header) {
  if (header.expires_at <= header.created_at) {
    return malformed("expires at", "not after the message was made");
  }
  if (header.expires_at - header.created_at > kExpiryMax) {
    return malformed("expires at", "more than 30 days after the message was made");
  }
  if (header.padded_bytes < kPlaintextBytesMin) return malformed("padded bytes", "too few");
  if (header.padded_bytes > kPlaintextBytesMax) {
    return fail(ErrorCode::too_large, "padded bytes: above the largest body");
  }
  return check_recipients(header);
}

Result<Header> header_of(format::Header::Reader source) {
  Header header;
  KERUEN_TRY(header.suite, suite_of(source.getSuite()));
  KERUEN_TRY(header.kind, kind_of(source.getKind(), "kind"));
  KERUEN_TRY(header.message, fixed_of<MessageId>(source.getMessage(), "message id"));
  KERUEN_TRY(header.sender, id_of<AgencyId>(source.getSender(), "sender"));
  KERUEN_TRY(header.signing_key, fixed_of<KeyId>(source.getSigningKey(), "signing key"));
  KERUEN_TRY(header.created_at, time_of(source.getCreatedAt(), "created at"));
  KERUEN_TRY(header.expires_at, time_of(source.getExpiresAt(), "expires at"));
  KERUEN_TRY(header.recipients, recipients_of(source.getRecipients()));
  KERUEN_TRY(header.commitment, fixed_of<Digest>(source.getCommitment(), "commitment"));
  header.padded_bytes = source.getPaddedBytes();
  KERUEN_CHECK(check_rules(header));
  return header;
}

}  // namespace

Bytes encode_header(const Header& header) {
  std::size_t words = 40 + words_for(header.sender.text().size());
  for (const auto& recipient : header.recipients) words += words_for(recipient.text().size());
  FlatWriter writer(words);
  auto target = writer.initRoot<format::Header>();
  target.setSuite(static_cast<std::uint16_t>(header.suite));
  target.setKind(static_cast<std::uint8_t>(header.kind));
  target.setMessage(data_of(header.message));
  target.setSender(text_for(header.sender.text()));
  target.setSigningKey(data_of(header.signing_key));
  target.setCreatedAt(milliseconds_of(header.created_at));
  target.setExpiresAt(milliseconds_of(header.expires_at));
  auto recipients = target.initRecipients(static_cast<kj::uint>(header.recipients.size()));
  for (kj::uint i = 0; i < recipients.size(); ++i) {
    recipients.set(i, text_for(header.recipients[i].text()));
  }
  target.setCommitment(data_of(header.commitment));
  target.setPaddedBytes(header.padded_bytes);
  return writer.finish();
}

Result<Header> decode_header(BytesView bytes) {
  return read_strict<Header>(bytes, kHeaderBytesMax, [](capnp::MessageReader& message) {
    return header_of(message.getRoot<format::Header>());
  });
}

}  // namespace keruen::wire
