#include "schemas/wire/registry.h"

#include <algorithm>

#include "schemas/limits.h"
#include "schemas/wire/pieces.h"

namespace keruen::wire {
namespace {

Result<RegistryHead> head_of(format::RegistryHead::Reader source) {
  RegistryHead head;
  KERUEN_TRY(head.origin, id_of<Origin>(source.getOrigin(), "origin"));
  head.version = {source.getVersion()};
  if (head.version.value == 0) return malformed("version", "counts from 1");
  KERUEN_TRY(head.previous, fixed_of<Digest>(source.getPrevious(), "previous"));
  if (head.version.value == 1 && !head.previous.is_zero()) {
    return malformed("previous", "not zeros although this is the first version");
  }
  KERUEN_TRY(head.issued_at, time_of(source.getIssuedAt(), "issued at"));
  KERUEN_TRY(head.expires_at, time_of(source.getExpiresAt(), "expires at"));
  if (head.expires_at <= head.issued_at) return malformed("expires at", "not after it was issued");
  head.entry_count = source.getEntryCount();
  KERUEN_CHECK(check_count(head.entry_count, 0, kRegistryEntriesMax, "entry count"));
  KERUEN_TRY(head.entries_root, fixed_of<Digest>(source.getEntriesRoot(), "entries root"));
  return head;
}

Result<UnverifiedSnapshot> snapshot_of(format::Snapshot::Reader source) {
  UnverifiedSnapshot snapshot;
  KERUEN_TRY(snapshot.head, blob_of(source.getHead(), kRegistryHeadBytesMax, "head"));
  KERUEN_TRY(snapshot.signatures, signatures_of(source.getSignatures()));
  const auto entries = source.getEntries();
  KERUEN_CHECK(check_count(entries.size(), 0, kRegistryEntriesMax, "entries"));
  snapshot.entries.reserve(entries.size());
  for (const auto entry : entries) {
    KERUEN_TRY(Bytes bytes, blob_of(entry, kRegistryEntryBytesMax, "entry"));
    if (!snapshot.entries.empty() && bytes <= snapshot.entries.back()) {
      return malformed("entries", "not in ascending order");
    }
    snapshot.entries.push_back(std::move(bytes));
  }
  return snapshot;
}

}  // namespace

void write_signatures(capnp::List<format::AuthoritySignature>::Builder target,
                      const std::vector<AuthoritySignature>& signatures) {
  for (kj::uint i = 0; i < target.size(); ++i) {
    target[i].setAuthority(data_of(signatures[i].authority));
    target[i].setSignature(data_of(signatures[i].signature));
  }
}

Result<std::vector<AuthoritySignature>> signatures_of(
    capnp::List<format::AuthoritySignature>::Reader source) {
  KERUEN_CHECK(check_count(source.size(), 0, kAuthoritiesMax, "authority signatures"));
  std::vector<AuthoritySignature> signatures;
  signatures.reserve(source.size());
  for (const auto read : source) {
    AuthoritySignature signature;
    KERUEN_TRY(signature.authority, fixed_of<KeyId>(read.getAuthority(), "authority"));
    KERUEN_TRY(signature.signature,
               fixed_of<Signature>(read.getSignature(), "authority signature"));
    if (std::ranges::count(signatures, signature.authority, &AuthoritySignature::authority) != 0) {
      return malformed("authority signatures", "one authority stands there twice");
    }
    signatures.push_back(signature);
  }
  return signatures;
}

Bytes encode_registry_head(const RegistryHead& head) {
  FlatWriter writer(32 + words_for(head.origin.text().size()));
  auto target = writer.initRoot<format::RegistryHead>();
  target.setOrigin(text_for(head.origin.text()));
  target.setVersion(head.version.value);
  target.setPrevious(data_of(head.previous));
  target.setIssuedAt(milliseconds_of(head.issued_at));
  target.setExpiresAt(milliseconds_of(head.expires_at));
  target.setEntryCount(head.entry_count);
  target.setEntriesRoot(data_of(head.entries_root));
  return writer.finish();
}

Result<RegistryHead> decode_registry_head(BytesView bytes) {
  return read_strict<RegistryHead>(bytes, kRegistryHeadBytesMax, [](capnp::MessageReader& message) {
    return head_of(message.getRoot<format::RegistryHead>());
  });
}

Bytes encode_snapshot(const UnverifiedSnapshot& snapshot) {
  std::size_t words = 16 + words_for(snapshot.head.size()) + 16 * snapshot.signatures.size();
  for (const auto& entry : snapshot.entries) words += words_for(entry.size());
  FlatWriter writer(words);
  auto target = writer.initRoot<format::Snapshot>();
  target.setHead(data_of(snapshot.head));
  write_signatures(target.initSignatures(static_cast<kj::uint>(snapshot.signatures.size())),
                   snapshot.signatures);
  auto entries = target.initEntries(static_cast<kj::uint>(snapshot.entries.size()));
  for (kj::uint i = 0; i < entries.size(); ++i) entries.set(i, data_of(snapshot.entries[i]));
  return writer.finish();
}

Result<UnverifiedSnapshot> decode_snapshot(BytesView bytes) {
  return read_strict<UnverifiedSnapshot>(bytes, kSnapshotBytesMax,
                                         [](capnp::MessageReader& message) {
                                           return snapshot_of(message.getRoot<format::Snapshot>());
                                         });
}

}  // namespace keruen::wire
