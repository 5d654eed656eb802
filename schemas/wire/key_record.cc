#include "schemas/wire/key_record.h"

#include "schemas/limits.h"
#include "schemas/wire/pieces.h"

namespace keruen::wire {
namespace {

constexpr std::size_t kSignedRecordBytesMax = kKeyRecordBytesMax + 128;  // signature and framing

struct Validity {
  WallTime from;
  WallTime until;
};

Result<Validity> validity_of(std::uint64_t from, std::uint64_t until) {
  Validity validity;
  KERUEN_TRY(validity.from, time_of(from, "valid from"));
  KERUEN_TRY(validity.until, time_of(until, "valid until"));
  if (validity.until <= validity.from) return malformed("valid until", "not after its beginning");
  return validity;
}

Result<KeyRecord> delegation_of(format::KeyRecord::Delegation::Reader source) {
  Delegation record;
  KERUEN_TRY(record.signing_key, fixed_of<SigningPublicKey>(source.getSigningKey(), "signing key"));
  KERUEN_TRY(const Validity validity, validity_of(source.getValidFrom(), source.getValidUntil()));
  record.valid_from = validity.from;
  record.valid_until = validity.until;
  return record;
}

Result<KeyRecord> transport_of(format::KeyRecord::Transport::Reader source) {
  TransportRecord record;
  KERUEN_TRY(record.signed_by, fixed_of<KeyId>(source.getSignedBy(), "signed by"));
  KERUEN_TRY(record.transport_key,
             fixed_of<TransportPublicKey>(source.getTransportKey(), "transport key"));
  KERUEN_TRY(const Validity validity, validity_of(source.getValidFrom(), source.getValidUntil()));
  record.valid_from = validity.from;
  record.valid_until = validity.until;
  return record;
}

Result<KeyRecord> prekey_of(format::KeyRecord::Prekey::Reader source) {
  Prekey record;
  KERUEN_TRY(record.signed_by, fixed_of<KeyId>(source.getSignedBy(), "signed by"));
  KERUEN_TRY(record.prekey, fixed_of<PrekeyPublicKey>(source.getPrekey(), "prekey"));
  KERUEN_TRY(const Validity window, validity_of(source.getWindowFrom(), source.getWindowUntil()));
  record.window_from = window.from;
  record.window_until = window.until;
  return record;
}

Result<KeyRecord> revocation_of(format::KeyRecord::Revocation::Reader source) {
  Revocation record;
  KERUEN_TRY(record.revoked, fixed_of<KeyId>(source.getRevoked(), "revoked"));
  KERUEN_TRY(record.at, time_of(source.getAt(), "at"));
  return record;
}

Result<KeyRecord> fields_of(format::KeyRecord::Reader source) {
  switch (source.which()) {
    case format::KeyRecord::DELEGATION:
      return delegation_of(source.getDelegation());
    case format::KeyRecord::TRANSPORT:
      return transport_of(source.getTransport());
    case format::KeyRecord::PREKEY:
      return prekey_of(source.getPrekey());
    case format::KeyRecord::REVOCATION:
      return revocation_of(source.getRevocation());
  }
  return fail(ErrorCode::unsupported, "a kind of key record not known here");
}

Result<KeyRecord> key_record_of(format::KeyRecord::Reader source) {
  KERUEN_TRY(const Origin origin, id_of<Origin>(source.getOrigin(), "origin"));
  KERUEN_TRY(const AgencyId agency, id_of<AgencyId>(source.getAgency(), "agency"));
  KERUEN_TRY(KeyRecord record, fields_of(source));
  std::visit(
      [&](auto& fields) {
        fields.origin = origin;
        fields.agency = agency;
      },
      record);
  return record;
}

void write(format::KeyRecord::Builder target, const Delegation& record) {
  auto fields = target.initDelegation();
  fields.setSigningKey(data_of(record.signing_key));
  fields.setValidFrom(milliseconds_of(record.valid_from));
  fields.setValidUntil(milliseconds_of(record.valid_until));
}

void write(format::KeyRecord::Builder target, const TransportRecord& record) {
  auto fields = target.initTransport();
  fields.setSignedBy(data_of(record.signed_by));
  fields.setTransportKey(data_of(record.transport_key));
  fields.setValidFrom(milliseconds_of(record.valid_from));
  fields.setValidUntil(milliseconds_of(record.valid_until));
}

void write(format::KeyRecord::Builder target, const Prekey& record) {
  auto fields = target.initPrekey();
  fields.setSignedBy(data_of(record.signed_by));
  fields.setPrekey(data_of(record.prekey));
  fields.setWindowFrom(milliseconds_of(record.window_from));
  fields.setWindowUntil(milliseconds_of(record.window_until));
}

void write(format::KeyRecord::Builder target, const Revocation& record) {
  auto fields = target.initRevocation();
  fields.setRevoked(data_of(record.revoked));
  fields.setAt(milliseconds_of(record.at));
}

}  // namespace

DirectoryType type_of(const KeyRecord& record) {
  constexpr DirectoryType kTypes[] = {DirectoryType::delegation, DirectoryType::transport,
                                      DirectoryType::prekey, DirectoryType::revocation};
  static_assert(std::variant_size_v<KeyRecord> == std::size(kTypes));
  return kTypes[record.index()];
}

const AgencyId& agency_of(const KeyRecord& record) {
  return std::visit([](const auto& fields) -> const AgencyId& { return fields.agency; }, record);
}

const Origin& origin_of(const KeyRecord& record) {
  return std::visit([](const auto& fields) -> const Origin& { return fields.origin; }, record);
}

Bytes encode_key_record(const KeyRecord& record) {
  FlatWriter writer(32 + words_for(origin_of(record).text().size()) +
                    words_for(agency_of(record).text().size()));
  auto target = writer.initRoot<format::KeyRecord>();
  target.setOrigin(text_for(origin_of(record).text()));
  target.setAgency(text_for(agency_of(record).text()));
  std::visit([&](const auto& fields) { write(target, fields); }, record);
  return writer.finish();
}

Result<KeyRecord> decode_key_record(BytesView bytes) {
  return read_strict<KeyRecord>(bytes, kKeyRecordBytesMax, [](capnp::MessageReader& message) {
    return key_record_of(message.getRoot<format::KeyRecord>());
  });
}

void write_record(format::SignedRecord::Builder target, const SignedRecord& record) {
  target.setBody(data_of(record.body));
  target.setSignature(data_of(record.signature));
}

Result<SignedRecord> record_of(format::SignedRecord::Reader source) {
  SignedRecord record;
  KERUEN_TRY(record.body, blob_of(source.getBody(), kKeyRecordBytesMax, "record"));
  KERUEN_TRY(record.signature, fixed_of<Signature>(source.getSignature(), "record signature"));
  return record;
}

Bytes encode_signed_record(const SignedRecord& record) {
  FlatWriter writer(16 + words_for(record.body.size()));
  write_record(writer.initRoot<format::SignedRecord>(), record);
  return writer.finish();
}

Result<SignedRecord> decode_signed_record(BytesView bytes) {
  return read_strict<SignedRecord>(bytes, kSignedRecordBytesMax, [](capnp::MessageReader& message) {
    return record_of(message.getRoot<format::SignedRecord>());
  });
}

}  // namespace keruen::wire
