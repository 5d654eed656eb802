#include "agents/authority/request.h"

#include "agents/authority/text_document.h"
#include "certs/hash.h"
#include "certs/key_record.h"
#include "schemas/utf8.h"
#include "schemas/wire/registry_entry.h"

namespace keruen::authority {
namespace {

constexpr std::string_view kFirstLine = "keruen request 1";
constexpr std::string_view kComment =
    "For the exchange authority: keruen authority admit --dir DIR THIS-FILE. Nothing in it is "
    "secret.\n"
    "Fingerprint, to be read over the telephone:";

Result<wire::SignedRecord> record_of(DocumentReader& reader, std::string_view key) {
  KERUEN_TRY(const Bytes bytes, reader.take_bytes(key));
  auto record = wire::decode_signed_record(bytes);
  if (!record) return reader.fault(record.error().detail);
  return record;
}

Result<EnrolmentRequest> read_lines(std::string_view text, const std::string& path) {
  KERUEN_TRY(auto reader, DocumentReader::open(text, path, kFirstLine));
  EnrolmentRequest request;
  KERUEN_TRY(request.agency, reader.take_id<AgencyId>("agency"));
  KERUEN_TRY(request.origin, reader.take_id<Origin>("exchange"));
  while (const auto name = reader.take_if("name")) {
    const auto blank = name->find(' ');
    if (blank == std::string::npos) return reader.fault("expected a language and a name");
    if (!request.names.emplace(name->substr(0, blank), name->substr(blank + 1)).second) {
      return reader.fault("two names in one language");
    }
  }
  if (auto names = check_names(request.names); !names) return reader.fault(names.error().detail);
  KERUEN_TRY(request.certificate_request, reader.take_bytes("certificate-request"));
  KERUEN_TRY(request.first_delegation, record_of(reader, "first-signing-key"));
  KERUEN_TRY(request.first_transport_key, record_of(reader, "first-transport-key"));
  KERUEN_CHECK(reader.finish());
  return request;
}

Error changed(const std::string& path, const std::string& what) {
  return {ErrorCode::malformed,
          path + ": " + what + "; make a new request with keruen agency init"};
}

Result<CheckedRequest> check(EnrolmentRequest request, const std::string& path) {
  CheckedRequest checked;
  KERUEN_TRY(checked.certificate_request,
             certs::check_certificate_request(request.certificate_request));
  const auto& agency = request.agency;
  if (checked.certificate_request.agency != agency) {
    return fail(changed(
        path, "the certificate request is of " + checked.certificate_request.agency.text()));
  }
  KERUEN_TRY(const auto first, certs::verify_key_record(request.first_delegation,
                                                        checked.certificate_request.public_key));
  const auto* delegation = std::get_if<wire::Delegation>(&first);
  if (delegation == nullptr || delegation->agency != agency ||
      delegation->origin != request.origin) {
    return fail(changed(path, "the first signing key is not one of " + agency.text() + " for " +
                                  request.origin.text()));
  }
  checked.delegation = *delegation;
  KERUEN_TRY(const auto second,
             certs::verify_key_record(request.first_transport_key, delegation->signing_key));
  const auto* transport = std::get_if<wire::TransportRecord>(&second);
  if (transport == nullptr || transport->agency != agency || transport->origin != request.origin ||
      transport->signed_by != certs::key_id_of(delegation->signing_key)) {
    return fail(changed(path, "the first transport key is not one of " + agency.text() + " for " +
                                  request.origin.text()));
  }
  checked.transport = *transport;
  KERUEN_CHECK(certs::check_key_life(first));
  KERUEN_CHECK(certs::check_key_life(second));
  checked.request = std::move(request);
  return checked;
}

// Whether a name may be read as another than it is: with a character that turns the direction of
// writing (Unicode's Bidi_Control) or begins another line. A person decides by what she reads.
bool misleads(std::string_view name) {
  constexpr std::string_view kDirectionMarks[] = {"\u061c", "\u200e", "\u200f"};
  for (std::size_t at = 0; at < name.size(); ++at) {
    const std::string_view rest = name.substr(at);
    if (line_turner_bytes(rest) > 0) return true;
    for (const std::string_view mark : kDirectionMarks) {
      if (rest.starts_with(mark)) return true;
    }
  }
  return false;
}

}  // namespace

Result<void> check_names(const std::map<std::string, std::string>& names) {
  if (names.empty() || names.size() > kNamesPerAgencyMax) {
    return fail(ErrorCode::malformed, "an agency has 1 to " + std::to_string(kNamesPerAgencyMax) +
                                          " names: --name en=\"Customs Control Committee\"");
  }
  for (const auto& [language, name] : names) {
    if (!wire::is_language_tag(language)) {
      return fail(ErrorCode::malformed,
                  "a language is a tag like en, kk or ru: --name en=\"Customs Control Committee\"");
    }
    if (const auto fault = fault_of_value(name)) {
      return fail(ErrorCode::malformed, "the name in " + language + ": " + *fault);
    }
    if (misleads(name)) {
      return fail(ErrorCode::malformed, "the name in " + language +
                                            " holds a character that turns the direction of "
                                            "writing or begins another line, so that it could be "
                                            "read as another name; write it without");
    }
    if (name.size() > kNameBytesMax) {
      return fail(ErrorCode::malformed, "the name in " + language + " is longer than " +
                                            std::to_string(kNameBytesMax) + " bytes");
    }
  }
  return {};
}

std::string encode_request(const EnrolmentRequest& request) {
  DocumentWriter writer(kFirstLine, kComment);
  if (const auto checked = certs::check_certificate_request(request.certificate_request)) {
    writer.add_comment(certs::fingerprint_of(checked->public_key));
  }
  writer.add("agency", request.agency.text());
  writer.add("exchange", request.origin.text());
  for (const auto& [language, name] : request.names) writer.add("name", language + " " + name);
  writer.add_bytes("certificate-request", request.certificate_request);
  writer.add_bytes("first-signing-key", wire::encode_signed_record(request.first_delegation));
  writer.add_bytes("first-transport-key", wire::encode_signed_record(request.first_transport_key));
  return writer.text();
}

Result<CheckedRequest> decode_request(std::string_view text, const std::string& path) {
  if (text.size() > kRequestBytesMax) {
    return fail(ErrorCode::too_large, path + " is too large for a request");
  }
  KERUEN_TRY(auto request, read_lines(text, path));
  return check(std::move(request), path);
}

}  // namespace keruen::authority
