#include "broker/index/apply.h"

#include <algorithm>
#include <bit>
#include <map>

#include "broker/log/directory_entry.h"
#include "broker/log/proof.h"
#include "certs/hash.h"
#include "schemas/wire/refusals.h"

namespace keruen::index {
namespace {

// Channel, prekey, encapsulated key, pair sequence, previous leaf, sealed key.
constexpr std::size_t kWrapBytes = 16 + 16 + 32 + 8 + 32 + 48;

class RowsOfBatch {
 public:
  RowsOfBatch(LogIndex index, const log::Record& record, const wire::Statement& statement,
              const Digest& hash) {
    rows_.index = index;
    rows_.accepted_at = record.accepted_at;
    rows_.sender = statement.sender;
    rows_.head = {statement.stream, statement.sequence, hash};
    rows_.lane = statement.lane;
    rows_.refusals = record.refusals;
    rows_.bytes = record.bytes.size();
  }

  void add(std::uint32_t leaf, const wire::Header& header, std::size_t body_bytes,
           std::size_t header_bytes) {
    const WallTime time = time_of(header.message);
    rows_.messages_from = has_messages_ ? std::min(rows_.messages_from, time) : time;
    rows_.messages_until = std::max(rows_.messages_until, time);
    has_messages_ = true;
    rows_.messages_span =
        std::bit_ceil(milliseconds_of(rows_.messages_until) - milliseconds_of(rows_.messages_from));
    for (std::uint32_t place = 0; place < header.recipients.size(); ++place) {
      const std::size_t others = header.recipients.size() - 1;
      add_for(
          header.recipients[place], leaf, place,
          {header_bytes + body_bytes + kWrapBytes + others * Digest::kBytes,
           static_cast<std::uint8_t>(1u << static_cast<unsigned>(header.kind)), header.expires_at});
    }
  }
  void add(std::uint32_t leaf, const wire::Receipt& receipt, std::size_t bytes) {
    add_for(receipt.to, leaf, 0, {bytes, kReceiptsOfAgents, kNeverExpires});
    rows_.bytes_for_good = rows_.bytes;  // receipts stay whole
    rows_.receipts.push_back({leaf, receipt.batch, receipt.leaves});
  }

  [[nodiscard]] BatchRows finish() {
    for (auto& [recipient, row] : deliveries_) rows_.deliveries.push_back(std::move(row));
    return std::move(rows_);
  }

 private:
  struct Weight {
    std::size_t bytes = 0;
    std::uint8_t kind = 0;
    WallTime expires_at;
  };

  void add_for(const AgencyId& recipient, std::uint32_t leaf, std::uint32_t place,
               const Weight& weight) {
    const auto refusal = wire::refusal_of(rows_.refusals, leaf, place);
    if (refusal == ErrorCode::unknown_agency) return;
    DeliveryRow& row = deliveries_[recipient];
    row.recipient = recipient;
    if (refusal) return;
    const bool is_first = row.leaves.empty();
    row.leaves.push_back(leaf);
    row.bytes += weight.bytes;
    row.kinds |= weight.kind;
    row.expires_first =
        is_first ? weight.expires_at : std::min(row.expires_first, weight.expires_at);
    row.expires_last = std::max(row.expires_last, weight.expires_at);
  }

  BatchRows rows_;
  bool has_messages_ = false;
  std::map<AgencyId, DeliveryRow> deliveries_;
};

std::size_t body_bytes_of(const wire::MessageLeaf& leaf) {
  const auto* body = std::get_if<SharedBytes>(&leaf.body);
  return body != nullptr ? body->size() : Digest::kBytes;
}

Error corrupt(LogIndex index, const Error& cause) {
  return {ErrorCode::corrupt,
          "log entry " + std::to_string(index.value) + " does not decode: " + cause.detail};
}

Result<void> add_leaf(RowsOfBatch& rows, const wire::Leaf& leaf) {
  if (const auto* message = std::get_if<wire::MessageLeaf>(&leaf.content)) {
    KERUEN_TRY(const auto header, wire::decode_header(message->header.view()));
    rows.add(leaf.number, header, body_bytes_of(*message), message->header.size());
    return {};
  }
  const auto& content = std::get<wire::ReceiptLeaf>(leaf.content);
  KERUEN_TRY(const auto receipt, wire::decode_receipt(content.receipt.view()));
  rows.add(leaf.number, receipt, content.receipt.size());
  return {};
}

Result<BatchRows> rows_of_batch_record(LogIndex index, const log::Record& record) {
  KERUEN_TRY(const auto batch, record.form == log::Record::Form::proof
                                   ? log::slice_in_proof(record.bytes)
                                   : wire::decode_batch(record.bytes));
  KERUEN_TRY(const auto statement, wire::decode_statement(batch.statement.view()));
  RowsOfBatch rows(index, record, statement, record.hash);
  for (const wire::Leaf& leaf : batch.leaves) KERUEN_CHECK(add_leaf(rows, leaf));
  return rows.finish();
}

Result<void> add_signing_key(std::vector<SigningKeyRow>& rows, const wire::SignedRecord& record) {
  KERUEN_TRY(const auto decoded, wire::decode_key_record(record.body));
  if (const auto* delegation = std::get_if<wire::Delegation>(&decoded)) {
    rows.push_back({delegation->agency, delegation->signing_key});
  }
  return {};
}

Result<DirectoryRows> rows_of_directory_record(LogIndex index, const log::Record& record) {
  KERUEN_TRY(const auto entry, log::decode_directory_entry(record.bytes.view()));
  DirectoryRows rows;
  KERUEN_TRY(rows.line, log::line_of(entry, index, record.accepted_at));
  rows.entry = record.bytes;
  rows.digest = digest_of(certs::log_leaf_hash(record.kind, record.accepted_at, record.hash),
                          record.bytes.view());
  if (const auto* signed_record = std::get_if<wire::SignedRecord>(&entry)) {
    KERUEN_CHECK(add_signing_key(rows.signing_keys, *signed_record));
    return rows;
  }
  for (const Bytes& bytes : std::get<wire::UnverifiedSnapshot>(entry).entries) {
    KERUEN_TRY(const auto listed, wire::decode_registry_entry(bytes));
    if (const auto* agency = std::get_if<wire::AgencyEntry>(&listed)) {
      KERUEN_CHECK(add_signing_key(rows.signing_keys, agency->first_delegation));
    }
  }
  return rows;
}

}  // namespace

Digest digest_of(const Digest& leaf, BytesView entry) {
  return certs::Sha256().add(leaf.view()).add(entry).finish();
}

BatchRows rows_of_batch(LogIndex index, const log::Record& record,
                        const certs::VerifiedBatch& batch) {
  RowsOfBatch rows(index, record, batch.statement, batch.hash);
  for (const certs::VerifiedLeaf& leaf : batch.leaves) {
    if (const auto* header = std::get_if<wire::Header>(&leaf.decoded)) {
      const auto& message = std::get<wire::MessageLeaf>(leaf.leaf.content);
      rows.add(leaf.number, *header, body_bytes_of(message), message.header.size());
    } else {
      rows.add(leaf.number, std::get<wire::Receipt>(leaf.decoded),
               std::get<wire::ReceiptLeaf>(leaf.leaf.content).receipt.size());
    }
  }
  return rows.finish();
}

Result<EntryRows> rows_of(LogIndex index, const log::Record& record) {
  if (record.kind == certs::LogEntryKind::directory) {
    auto rows = rows_of_directory_record(index, record);
    if (!rows) return fail(corrupt(index, rows.error()));
    return EntryRows(std::move(*rows));
  }
  auto rows = rows_of_batch_record(index, record);
  if (!rows) return fail(corrupt(index, rows.error()));
  return EntryRows(std::move(*rows));
}

WallTime time_of(const MessageId& message) {
  std::uint64_t milliseconds = 0;
  for (std::size_t place = 0; place < 6; ++place) {
    milliseconds = milliseconds << 8 | message.bytes[place];
  }
  return wall_time_of(milliseconds);
}

}  // namespace keruen::index
