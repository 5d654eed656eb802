// What an agency hands to the authority to be admitted: proof of its identity key, and its first
// keys, signed by itself.
// Shape: <agency>.request, a text document (text_document.h); nothing in it is secret.
// Threads: values.
//
// It proves that whoever made it holds the keys, not that she is the agency: that is what the
// fingerprint is read over the telephone for.
#pragma once

#include <map>
#include <string>

#include "certs/certificate.h"
#include "schemas/wire/key_record.h"

namespace keruen::authority {

inline constexpr std::size_t kRequestBytesMax = 64 * 1024;

struct EnrolmentRequest {
  AgencyId agency;
  Origin origin;                             // the exchange its keys are stated for
  std::map<std::string, std::string> names;  // language tag → name, at least one
  Bytes certificate_request;                 // PKCS #10
  wire::SignedRecord first_delegation;
  wire::SignedRecord first_transport_key;
  bool operator==(const EnrolmentRequest&) const = default;
};

// A request whose parts were checked against each other.
struct CheckedRequest {
  EnrolmentRequest request;
  certs::CertificateRequest certificate_request;
  wire::Delegation delegation;
  wire::TransportRecord transport;
};

// malformed: a language tag or a name that cannot stand in a registry; says which.
[[nodiscard]] Result<void> check_names(const std::map<std::string, std::string>& names);

[[nodiscard]] std::string encode_request(const EnrolmentRequest& request);
// Decodes and checks: every part is the agency's, for one exchange, and signed by the key that must
// have signed it. malformed, unsupported, bad_signature.
[[nodiscard]] Result<CheckedRequest> decode_request(std::string_view text, const std::string& path);

}  // namespace keruen::authority
