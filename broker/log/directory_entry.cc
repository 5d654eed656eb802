#include "broker/log/directory_entry.h"

#include "certs/hash.h"
#include "certs/key_record.h"

namespace keruen::log {
namespace {

Result<wire::DirectoryType> type_of(const DirectoryEntry& entry) {
  if (std::holds_alternative<wire::UnverifiedSnapshot>(entry)) return wire::DirectoryType::registry;
  KERUEN_TRY(const auto decoded, wire::decode_key_record(std::get<wire::SignedRecord>(entry).body));
  return wire::type_of(decoded);
}

Error corrupt(std::string_view what, const Error& cause) {
  return {ErrorCode::corrupt, "a directory entry of the log: " + std::string(what) +
                                  (cause.detail.empty() ? "" : ": " + cause.detail)};
}

}  // namespace

Bytes encode_directory_entry(const DirectoryEntry& entry) {
  const auto type = type_of(entry);
  ensure(type.has_value(), "what goes into the log was decoded before");
  Bytes bytes{static_cast<std::uint8_t>(*type)};
  if (const auto* snapshot = std::get_if<wire::UnverifiedSnapshot>(&entry)) {
    append_to(bytes, wire::encode_snapshot(*snapshot));
  } else {
    append_to(bytes, wire::encode_signed_record(std::get<wire::SignedRecord>(entry)));
  }
  return bytes;
}

Result<DirectoryEntry> decode_directory_entry(BytesView bytes) {
  if (bytes.empty()) return fail(corrupt("it is empty", {}));
  const auto type = static_cast<wire::DirectoryType>(bytes.front());
  if (type == wire::DirectoryType::registry) {
    auto snapshot = wire::decode_snapshot(bytes.subspan(1));
    if (!snapshot) return fail(corrupt("its registry", snapshot.error()));
    return DirectoryEntry(std::move(*snapshot));
  }
  auto record = wire::decode_signed_record(bytes.subspan(1));
  if (!record) return fail(corrupt("its key record", record.error()));
  DirectoryEntry entry(std::move(*record));
  const auto actual = type_of(entry);
  if (!actual) return fail(corrupt("its key record", actual.error()));
  if (*actual != type) return fail(corrupt("its type is not its record's", {}));
  return entry;
}

Digest signed_hash_of(const DirectoryEntry& entry) {
  if (const auto* snapshot = std::get_if<wire::UnverifiedSnapshot>(&entry)) {
    return certs::sha256(snapshot->head);
  }
  return certs::signed_hash(std::get<wire::SignedRecord>(entry));
}

Result<wire::DirectoryLine> line_of(const DirectoryEntry& entry, LogIndex index,
                                    WallTime accepted_at) {
  wire::DirectoryLine line{index, accepted_at, wire::DirectoryType::registry, {}, {}};
  line.signed_hash = signed_hash_of(entry);
  if (const auto* record = std::get_if<wire::SignedRecord>(&entry)) {
    KERUEN_TRY(const auto decoded, wire::decode_key_record(record->body));
    line.type = wire::type_of(decoded);
    line.agency = wire::agency_of(decoded);
  }
  return line;
}

}  // namespace keruen::log
