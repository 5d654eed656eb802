// X.509 certificates of authorities and agencies (Ed25519, RFC 8410), made and checked by OpenSSL.
// Shape: DER in memory and on the wire, PEM in files; `openssl verify -CAfile root agency` accepts
// them. Threads: any.
//
// A certificate alone admits nobody: an agency is what a registry signed by k authorities lists.
#pragma once

#include <string>

#include "certs/keys.h"
#include "schemas/now.h"

namespace keruen::certs {

struct Certificate {
  Bytes der;
  SigningPublicKey public_key;
  std::string common_name;  // an agency id, or an authority's name
  WallTime valid_from;
  WallTime valid_until;
  bool operator==(const Certificate&) const = default;
};

struct Validity {
  WallTime from;
  WallTime until;
};

// Self-signed, CA:TRUE, keyCertSign and cRLSign. malformed: `name` is not 1 to 64 bytes of UTF-8
// without control characters.
[[nodiscard]] Result<Certificate> make_authority_certificate(const std::string& name,
                                                             const SigningKeyPair& key,
                                                             Validity validity,
                                                             Randomness& randomness);
// PKCS #10, signed by the agency's identity key.
[[nodiscard]] Result<Bytes> make_certificate_request(const AgencyId& agency,
                                                     const SigningKeyPair& identity);
struct CertificateRequest {
  AgencyId agency;
  SigningPublicKey public_key;
};
// bad_signature: the request is not signed by the key it names.
[[nodiscard]] Result<CertificateRequest> check_certificate_request(BytesView der);
[[nodiscard]] Result<Certificate> issue_agency_certificate(const CertificateRequest& request,
                                                           const Certificate& authority,
                                                           const SigningKeyPair& authority_key,
                                                           Validity validity,
                                                           Randomness& randomness);
// malformed, unsupported (not Ed25519).
[[nodiscard]] Result<Certificate> parse_certificate(BytesView der);
// bad_signature: not issued by any of `roots`. Validity dates are for the caller, who has a clock.
[[nodiscard]] Result<void> check_issued_by(const Certificate& agency,
                                           const std::vector<Certificate>& roots);

[[nodiscard]] std::string to_pem(const Certificate& certificate);
[[nodiscard]] Result<Certificate> certificate_from_pem(std::string_view pem);
// "3f2a 91c4 …": SHA-256 of the public key in groups of four hex digits, to read over the
// telephone.
[[nodiscard]] std::string fingerprint_of(const SigningPublicKey& key);

}  // namespace keruen::certs
