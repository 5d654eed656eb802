#include "agents/authority/invitation.h"

#include "agents/authority/text_document.h"
#include "schemas/host/disk.h"

namespace keruen::authority {
namespace {

constexpr std::string_view kFirstLine = "keruen invitation 1";
constexpr std::string_view kComment =
    "For the agency named here. Nothing in it is secret; compare the fingerprints of the roots "
    "with\n"
    "the exchange authority, by telephone, before joining: keruen agency join --dir DIR THIS-FILE";

// One line of a document; the note has several.
Result<std::string> note_of(DocumentReader& reader) {
  if (!reader.next_is("checkpoint")) return std::string();
  KERUEN_TRY(const Bytes note, reader.take_bytes("checkpoint"));
  if (note.size() > kNoteBytesMax) return reader.fault("the checkpoint is too large");
  return std::string(text_of(note));
}

Result<Invitation> read_lines(std::string_view text, const std::string& path) {
  KERUEN_TRY(auto reader, DocumentReader::open(text, path, kFirstLine));
  Invitation invitation;
  KERUEN_TRY(invitation.agency, reader.take_id<AgencyId>("agency"));
  KERUEN_TRY(invitation.origin, reader.take_id<Origin>("exchange"));
  KERUEN_TRY(const Bytes certificate, reader.take_bytes("certificate"));
  KERUEN_TRY(invitation.certificate, certs::parse_certificate(certificate));
  KERUEN_TRY(const std::uint64_t threshold, reader.take_number("signatures-needed"));
  while (reader.next_is("root")) {
    KERUEN_TRY(const Bytes root, reader.take_bytes("root"));
    KERUEN_TRY(auto parsed, certs::parse_certificate(root));
    invitation.authorities.roots.push_back(std::move(parsed));
  }
  const std::size_t roots = invitation.authorities.roots.size();
  if (roots == 0 || roots > kAuthoritiesMax || threshold == 0 || threshold > roots) {
    return reader.fault(std::to_string(threshold) + " of " + std::to_string(roots) +
                        " authorities is not possible");
  }
  invitation.authorities.threshold = static_cast<std::uint32_t>(threshold);
  KERUEN_TRY(invitation.broker_endpoint, reader.take("broker"));
  if (invitation.broker_endpoint.size() > kEndpointBytesMax ||
      !invitation.broker_endpoint.starts_with("tcp://")) {
    return reader.fault("expected an address like tcp://broker.example:7400");
  }
  KERUEN_TRY(invitation.broker_key, reader.take_fixed<TransportPublicKey>("broker-key"));
  do {
    KERUEN_TRY(const auto key, reader.take_fixed<SigningPublicKey>("log-key"));
    invitation.log_keys.push_back(key);
  } while (reader.next_is("log-key") && invitation.log_keys.size() < kBrokerKeysMax);
  if (!all_distinct(invitation.authorities.roots) || !all_distinct(invitation.log_keys)) {
    return reader.fault("a root or a log key stands here twice");
  }
  KERUEN_TRY(invitation.checkpoint_note, note_of(reader));
  KERUEN_CHECK(reader.finish());
  return invitation;
}

Result<void> check(const Invitation& invitation, const std::string& path) {
  const std::string again = "; ask the exchange authority for a new invitation";
  if (invitation.certificate.common_name != invitation.agency.text()) {
    return fail(ErrorCode::malformed, path + ": the certificate names " +
                                          invitation.certificate.common_name + ", not " +
                                          invitation.agency.text() + again);
  }
  for (const certs::Certificate& root : invitation.authorities.roots) {
    if (!certs::check_issued_by(root, {root})) {
      return fail(ErrorCode::bad_signature, path + ": " + root.common_name +
                                                " is not the certificate of an authority" + again);
    }
  }
  if (auto issued = certs::check_issued_by(invitation.certificate, invitation.authorities.roots);
      !issued) {
    return fail(issued.error().code, path + ": " + issued.error().detail);
  }
  if (invitation.checkpoint_note.empty()) return {};
  auto checkpoint =
      certs::verify_checkpoint(invitation.checkpoint_note, invitation.origin, invitation.log_keys);
  if (!checkpoint) return fail(checkpoint.error().code, path + ": " + checkpoint.error().detail);
  return {};
}

}  // namespace

std::string encode_invitation(const Invitation& invitation) {
  DocumentWriter writer(kFirstLine, kComment);
  for (const certs::Certificate& root : invitation.authorities.roots) {
    writer.add_comment("root of " + root.common_name + ": " +
                       certs::fingerprint_of(root.public_key));
  }
  writer.add("agency", invitation.agency.text());
  writer.add("exchange", invitation.origin.text());
  writer.add_bytes("certificate", invitation.certificate.der);
  writer.add("signatures-needed", std::to_string(invitation.authorities.threshold));
  for (const auto& root : invitation.authorities.roots) writer.add_bytes("root", root.der);
  writer.add("broker", invitation.broker_endpoint);
  writer.add("broker-key", invitation.broker_key.hex());
  for (const SigningPublicKey& key : invitation.log_keys) writer.add("log-key", key.hex());
  if (!invitation.checkpoint_note.empty()) {
    writer.add_bytes("checkpoint", bytes_of(invitation.checkpoint_note));
  }
  return writer.text();
}

Result<Invitation> decode_invitation(std::string_view text, const std::string& path) {
  if (text.size() > kInvitationBytesMax) {
    return fail(ErrorCode::too_large, path + " is too large for an invitation");
  }
  KERUEN_TRY(auto invitation, read_lines(text, path));
  KERUEN_CHECK(check(invitation, path));
  return invitation;
}

Result<Invitation> load_invitation(host::Disk& disk, const std::string& path) {
  const auto bytes = host::read_file(disk, path, kInvitationBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::not_found,
                "there is no invitation " + path +
                    "; the exchange authority makes it with keruen authority publish, and keruen "
                    "agency join puts it in its place");
  }
  if (!bytes) return fail(bytes.error());
  return decode_invitation(text_of(*bytes), path);
}

}  // namespace keruen::authority
