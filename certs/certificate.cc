#include "certs/certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "certs/hash.h"
#include "schemas/utf8.h"

namespace keruen::certs {
namespace {

// Each OpenSSL object has one owner; the deleter is the function OpenSSL names for it.
template <auto Free>
struct FreeWith {
  template <class Object>
  void operator()(Object* object) const {
    Free(object);
  }
};
using OwnedX509 = std::unique_ptr<X509, FreeWith<X509_free>>;
using OwnedRequest = std::unique_ptr<X509_REQ, FreeWith<X509_REQ_free>>;
using OwnedKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using OwnedNumber = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;
using OwnedExtension = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using OwnedStream = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using OwnedTime = std::unique_ptr<ASN1_TIME, FreeWith<ASN1_TIME_free>>;

constexpr std::size_t kSerialBytes = 20;  // RFC 5280 §4.1.2.2: at most 20 octets, positive
constexpr long kVersion3 = 2;
constexpr std::size_t kCommonNameBytesMax = 64;  // RFC 5280, ub-common-name

OwnedKey openssl_key(const SigningKeyPair& key) {
  OwnedKey result(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, key.seed().data(),
                                               key.seed().size()));
  ensure(result != nullptr, "OpenSSL takes any 32 bytes as an Ed25519 seed");
  return result;
}

OwnedKey openssl_key(const SigningPublicKey& key) {
  return OwnedKey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
}

Result<SigningPublicKey> ed25519_of(EVP_PKEY* key, std::string_view what) {
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
    ERR_clear_error();
    return fail(
        ErrorCode::unsupported,
        std::string(what) + " holds a key that is not Ed25519; make it with Ed25519 (RFC 8410)");
  }
  SigningPublicKey result;
  std::size_t size = result.bytes.size();
  ensure(EVP_PKEY_get_raw_public_key(key, result.bytes.data(), &size) == 1 &&
             size == result.bytes.size(),
         "an Ed25519 public key is 32 bytes");
  return result;
}

// Empty: OpenSSL cannot encode what it read.
template <class Object, class Encode>
Bytes encoded(const Object* object, Encode encode) {
  unsigned char* start = nullptr;
  const int size = encode(object, &start);
  if (size <= 0) return {};
  Bytes result(start, start + size);
  OPENSSL_free(start);
  return result;
}

template <class Object, class Encode>
Bytes der_of(const Object* object, Encode encode) {
  Bytes result = encoded(object, encode);
  ensure(!result.empty(), "OpenSSL encodes what it made");
  return result;
}

void set_common_name(X509_NAME* name, std::string_view text) {
  ensure(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()), -1, 0) == 1,
         "OpenSSL takes a common name of at most 64 bytes");
}

// Empty unless there is exactly one common name.
std::optional<std::string> common_name_of(const X509_NAME* name) {
  const int place = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (place < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, place) >= 0)
    return std::nullopt;
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, place)));
  if (size < 0) return std::nullopt;
  std::string result(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return result;
}

std::time_t seconds_of(WallTime time) {
  return static_cast<std::time_t>(milliseconds_of(time) / 1000);
}

std::optional<WallTime> wall_time_from(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  const std::time_t seconds = ::timegm(&parts);
  if (seconds < 0) return std::nullopt;
  return wall_time_of(static_cast<std::uint64_t>(seconds) * 1000);
}

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const OwnedExtension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  ensure(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
         "OpenSSL knows the extensions we use");
}

void set_serial(X509* certificate, Randomness& randomness) {
  std::array<std::uint8_t, kSerialBytes> bytes{};
  randomness.fill(bytes);
  // Positive and of full length: unpredictable, and nobody can make two certificates share one.
  bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7f) | 0x40);
  const OwnedNumber number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  ensure(number != nullptr && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)),
         "a serial number is an integer");
}

void set_validity(X509* certificate, Validity validity) {
  const std::time_t from = seconds_of(validity.from);
  const std::time_t until = seconds_of(validity.until);
  ensure(ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr &&
             ASN1_TIME_set(X509_getm_notAfter(certificate), until) != nullptr,
         "a validity lies before the year 10000");
}

struct Issuing {
  std::string_view common_name;
  EVP_PKEY* subject_key;
  X509* issuer;  // null: self-signed
  EVP_PKEY* issuer_key;
  const char* basic_constraints;
  const char* key_usage;
};

// An authority's name is typed by a person, and shown to others.
Result<void> check_common_name(std::string_view name) {
  if (name.empty() || name.size() > kCommonNameBytesMax) {
    return fail(ErrorCode::malformed,
                "a certificate's name has 1 to " + std::to_string(kCommonNameBytesMax) + " bytes");
  }
  const bool has_control = std::ranges::any_of(
      name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (has_control || !is_utf8(name)) {
    return fail(ErrorCode::malformed,
                "a certificate's name is UTF-8 without line ends and other control characters");
  }
  return {};
}

Result<Certificate> issue(const Issuing& issuing, Validity validity, Randomness& randomness) {
  KERUEN_CHECK(check_common_name(issuing.common_name));
  if (validity.from >= validity.until) {
    return fail(ErrorCode::malformed, "a certificate's validity must end after it begins");
  }
  const OwnedX509 made(X509_new());
  X509* certificate = made.get();
  ensure(certificate != nullptr && X509_set_version(certificate, kVersion3) == 1,
         "OpenSSL makes an empty certificate");
  set_serial(certificate, randomness);
  set_validity(certificate, validity);
  set_common_name(X509_get_subject_name(certificate), issuing.common_name);
  X509* issuer = issuing.issuer != nullptr ? issuing.issuer : certificate;
  ensure(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
             X509_set_pubkey(certificate, issuing.subject_key) == 1,
         "OpenSSL takes a name and a key");
  add_extension(certificate, issuer, NID_basic_constraints, issuing.basic_constraints);
  add_extension(certificate, issuer, NID_key_usage, issuing.key_usage);
  add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
  add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
  // Ed25519 hashes by itself: no digest is named.
  ensure(X509_sign(certificate, issuing.issuer_key, nullptr) > 0, "OpenSSL signs with Ed25519");
  return parse_certificate(der_of(certificate, i2d_X509));
}

OwnedX509 openssl_certificate(BytesView der) {
  if (der.size() > kCertificateBytesMax) return nullptr;
  const unsigned char* place = der.data();
  OwnedX509 result(d2i_X509(nullptr, &place, static_cast<long>(der.size())));
  // Of a certificate there is one form, DER, and nothing behind it: anything else would be another
  // hash for the same signature.
  const bool is_der = result != nullptr && equal(encoded(result.get(), i2d_X509), der);
  ERR_clear_error();
  return is_der ? std::move(result) : nullptr;
}

}  // namespace

Result<Certificate> make_authority_certificate(const std::string& name, const SigningKeyPair& key,
                                               Validity validity, Randomness& randomness) {
  const OwnedKey pair = openssl_key(key);
  return issue({.common_name = name,
                .subject_key = pair.get(),
                .issuer = nullptr,
                .issuer_key = pair.get(),
                .basic_constraints = "critical,CA:TRUE,pathlen:0",
                .key_usage = "critical,keyCertSign,cRLSign"},
               validity, randomness);
}

Result<Bytes> make_certificate_request(const AgencyId& agency, const SigningKeyPair& identity) {
  const OwnedRequest request(X509_REQ_new());
  const OwnedKey pair = openssl_key(identity);
  ensure(request != nullptr && X509_REQ_set_version(request.get(), 0) == 1,
         "OpenSSL makes an empty request");
  set_common_name(X509_REQ_get_subject_name(request.get()), agency.text());
  ensure(X509_REQ_set_pubkey(request.get(), pair.get()) == 1 &&
             X509_REQ_sign(request.get(), pair.get(), nullptr) > 0,
         "OpenSSL signs with Ed25519");
  return der_of(request.get(), i2d_X509_REQ);
}

Result<CertificateRequest> check_certificate_request(BytesView der) {
  if (der.size() > kCertificateBytesMax) {
    return fail(ErrorCode::too_large, "the certificate request is larger than " +
                                          std::to_string(kCertificateBytesMax) + " bytes");
  }
  const unsigned char* place = der.data();
  const OwnedRequest request(d2i_X509_REQ(nullptr, &place, static_cast<long>(der.size())));
  ERR_clear_error();
  if (request == nullptr || place != der.data() + der.size()) {
    return fail(ErrorCode::malformed,
                "not a PKCS #10 certificate request; make it again with keruen agency init");
  }
  const auto name = common_name_of(X509_REQ_get_subject_name(request.get()));
  if (!name) return fail(ErrorCode::malformed, "the certificate request names no agency");
  KERUEN_TRY(auto agency, AgencyId::parse(*name));
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  KERUEN_TRY(const auto public_key, ed25519_of(key, "the certificate request of " + *name));
  // Whoever asks for a certificate must hold the key: else an agency could claim another's.
  const bool signed_by_it = X509_REQ_verify(request.get(), key) == 1;
  ERR_clear_error();
  if (!signed_by_it) {
    return fail(ErrorCode::bad_signature,
                "the certificate request of " + *name + " is not signed by the key it names");
  }
  return CertificateRequest{std::move(agency), public_key};
}

Result<Certificate> issue_agency_certificate(const CertificateRequest& request,
                                             const Certificate& authority,
                                             const SigningKeyPair& authority_key, Validity validity,
                                             Randomness& randomness) {
  if (authority.public_key != authority_key.public_key()) {
    return fail(ErrorCode::denied,
                "the authority's key does not belong to the root of " + authority.common_name);
  }
  const OwnedX509 issuer = openssl_certificate(authority.der);
  const OwnedKey subject = openssl_key(request.public_key);
  const OwnedKey pair = openssl_key(authority_key);
  if (issuer == nullptr || subject == nullptr) {
    ERR_clear_error();
    return fail(ErrorCode::malformed, "the root or the requested key cannot be read");
  }
  return issue({.common_name = request.agency.text(),
                .subject_key = subject.get(),
                .issuer = issuer.get(),
                .issuer_key = pair.get(),
                .basic_constraints = "critical,CA:FALSE",
                .key_usage = "critical,digitalSignature"},
               validity, randomness);
}

Result<Certificate> parse_certificate(BytesView der) {
  const OwnedX509 certificate = openssl_certificate(der);
  if (certificate == nullptr) {
    return fail(ErrorCode::malformed, "not an X.509 certificate of at most " +
                                          std::to_string(kCertificateBytesMax) + " bytes");
  }
  Certificate result;
  result.der = copy_of(der);
  auto name = common_name_of(X509_get_subject_name(certificate.get()));
  if (!name) return fail(ErrorCode::malformed, "the certificate has not exactly one common name");
  result.common_name = std::move(*name);
  KERUEN_TRY(result.public_key, ed25519_of(X509_get0_pubkey(certificate.get()),
                                           "the certificate of " + result.common_name));
  const auto from = wall_time_from(X509_get0_notBefore(certificate.get()));
  const auto until = wall_time_from(X509_get0_notAfter(certificate.get()));
  if (!from || !until) {
    return fail(ErrorCode::malformed,
                "the validity of the certificate of " + result.common_name + " cannot be read");
  }
  result.valid_from = *from;
  result.valid_until = *until;
  return result;
}

Result<void> check_issued_by(const Certificate& agency, const std::vector<Certificate>& roots) {
  const OwnedX509 certificate = openssl_certificate(agency.der);
  if (certificate == nullptr) return fail(ErrorCode::malformed, "not an X.509 certificate");
  for (const Certificate& candidate : roots) {
    const OwnedX509 root = openssl_certificate(candidate.der);
    const OwnedKey key = openssl_key(candidate.public_key);
    const bool issued = root != nullptr && key != nullptr && X509_check_ca(root.get()) == 1 &&
                        X509_check_issued(root.get(), certificate.get()) == X509_V_OK &&
                        X509_verify(certificate.get(), key.get()) == 1;
    ERR_clear_error();
    if (issued) return {};
  }
  return fail(
      ErrorCode::bad_signature,
      "the certificate of " + agency.common_name +
          " was not issued by any of the authorities' roots; ask the authority to admit it again");
}

std::string to_pem(const Certificate& certificate) {
  const OwnedX509 parsed = openssl_certificate(certificate.der);
  const OwnedStream stream(BIO_new(BIO_s_mem()));
  ensure(
      parsed != nullptr && stream != nullptr && PEM_write_bio_X509(stream.get(), parsed.get()) == 1,
      "a Certificate holds what was parsed");
  char* text = nullptr;
  const long size = BIO_get_mem_data(stream.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

Result<Certificate> certificate_from_pem(std::string_view pem) {
  const OwnedStream stream(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // The callback that answers no password: a certificate has none, and nobody may be asked.
  const OwnedX509 parsed(PEM_read_bio_X509(
      stream.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr));
  ERR_clear_error();
  if (parsed == nullptr) {
    return fail(ErrorCode::malformed, "no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
  }
  return parse_certificate(der_of(parsed.get(), i2d_X509));
}

std::string fingerprint_of(const SigningPublicKey& key) {
  const std::string digits = sha256(key.view()).hex();
  std::string result;
  for (std::size_t place = 0; place < digits.size(); place += 4) {
    if (place != 0) result.push_back(' ');
    result.append(digits, place, 4);
  }
  return result;
}

}  // namespace keruen::certs
