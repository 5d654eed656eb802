#include "certs/certificate.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/certs/sample_exchange.h"
#include "tests/support/matchers.h"
#include "tests/support/run_process.h"
#include "tests/support/temporary_directory.h"

namespace keruen::certs {
namespace {

using ::testing::HasSubstr;

class CertificateTest : public ::testing::Test {
 protected:
  SampleExchange exchange_;
  const SampleAgency& customs_ = exchange_.add_agency("kz.customs");
  const Certificate& root_ = exchange_.authorities.roots.front();

  std::string write(const std::string& name, const std::string& text) {
    const auto path = directory_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  TemporaryDirectory directory_;
};

TEST_F(CertificateTest, OpensslVerifiesAnAgencyCertificateAgainstItsRoot) {
  const auto root = write("root.pem", to_pem(root_));
  const auto agency = write("agency.pem", to_pem(customs_.certificate));
  const auto result =
      run_process({"openssl", "verify", "-x509_strict", "-purpose", "any", "-attime",
                   std::to_string(milliseconds_of(kSampleStart) / 1000), "-CAfile", root, agency});
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("agency.pem: OK"));
}

TEST_F(CertificateTest, OpensslRefusesAnAgencyCertificateAgainstAnotherRoot) {
  SampleExchange other(2);
  const auto root = write("root.pem", to_pem(other.authorities.roots.front()));
  const auto agency = write("agency.pem", to_pem(customs_.certificate));
  const auto result =
      run_process({"openssl", "verify", "-attime",
                   std::to_string(milliseconds_of(kSampleStart) / 1000), "-CAfile", root, agency});
  EXPECT_NE(result.exit_code, 0) << result.output;
}

TEST_F(CertificateTest, OpensslVerifiesTheRequestAndShowsTheExtensions) {
  const auto request = make_certificate_request(customs_.id, customs_.identity);
  ASSERT_THAT(request, IsOk());
  const auto path = write("agency.csr", std::string(text_of(*request)));
  const auto verified =
      run_process({"openssl", "req", "-inform", "DER", "-in", path, "-verify", "-noout"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output;

  const auto shown =
      run_process({"openssl", "x509", "-text", "-noout", "-in", write("root.pem", to_pem(root_))});
  EXPECT_THAT(shown.output, HasSubstr("ED25519"));
  EXPECT_THAT(shown.output, HasSubstr("CA:TRUE"));
  EXPECT_THAT(shown.output, HasSubstr("Certificate Sign, CRL Sign"));
}

TEST_F(CertificateTest, SurvivesPemAndDer) {
  EXPECT_THAT(parse_certificate(customs_.certificate.der), IsOk());
  KERUEN_ASSERT_OK(const auto again, certificate_from_pem(to_pem(customs_.certificate)));
  EXPECT_EQ(again, customs_.certificate);
  EXPECT_EQ(again.common_name, "kz.customs");
  EXPECT_EQ(again.public_key, customs_.identity.public_key());
  EXPECT_EQ(again.valid_from, exchange_.validity().from);
  EXPECT_EQ(again.valid_until, exchange_.validity().until);
}

TEST_F(CertificateTest, RefusesWhatIsNotACertificate) {
  EXPECT_THAT(certificate_from_pem("hello"), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(certificate_from_pem(""), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(parse_certificate(bytes_of("hello")), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(parse_certificate(Bytes(kCertificateBytesMax + 1)), FailsWith(ErrorCode::malformed));
  Bytes longer = customs_.certificate.der;
  longer.push_back(0);
  EXPECT_THAT(parse_certificate(longer), FailsWith(ErrorCode::malformed));
}

TEST_F(CertificateTest, RefusesAKeyThatIsNotEd25519) {
  const auto key = (directory_ / "key.pem").string();
  const auto path = (directory_ / "ec.pem").string();
  const auto made = run_process({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                 "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", path,
                                 "-subj", "/CN=kz.customs", "-days", "10"});
  ASSERT_EQ(made.exit_code, 0) << made.output;
  std::ifstream file(path);
  const std::string pem((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_THAT(certificate_from_pem(pem), FailsWith(ErrorCode::unsupported, HasSubstr("Ed25519")));
}

TEST_F(CertificateTest, IsIssuedByItsRootOnly) {
  SampleExchange other(2);
  EXPECT_THAT(check_issued_by(customs_.certificate, exchange_.authorities.roots), IsOk());
  EXPECT_THAT(check_issued_by(customs_.certificate, {other.authorities.roots.front(), root_}),
              IsOk());
  EXPECT_THAT(check_issued_by(customs_.certificate, other.authorities.roots),
              FailsWith(ErrorCode::bad_signature));
  EXPECT_THAT(check_issued_by(customs_.certificate, {}), FailsWith(ErrorCode::bad_signature));
}

TEST_F(CertificateTest, AnAgencyCannotIssueCertificates) {
  const auto forged = issue_agency_certificate(
      {*AgencyId::parse("kz.prosecutor"), exchange_.log_key.public_key()}, customs_.certificate,
      customs_.identity, exchange_.validity(), exchange_.randomness);
  ASSERT_THAT(forged, IsOk());
  EXPECT_THAT(check_issued_by(*forged, {customs_.certificate}),
              FailsWith(ErrorCode::bad_signature));
}

TEST_F(CertificateTest, IsNotIssuedWithAKeyOfAnotherRoot) {
  SampleExchange other(2);
  EXPECT_THAT(issue_agency_certificate({customs_.id, customs_.identity.public_key()}, root_,
                                       other.authority_keys.front(), exchange_.validity(),
                                       exchange_.randomness),
              FailsWith(ErrorCode::denied));
}

TEST_F(CertificateTest, RefusesAValidityThatEndsBeforeItBegins) {
  EXPECT_THAT(make_authority_certificate("root", exchange_.log_key, {kSampleStart, kSampleStart},
                                         exchange_.randomness),
              FailsWith(ErrorCode::malformed));
  EXPECT_THAT(
      make_authority_certificate("", exchange_.log_key, exchange_.validity(), exchange_.randomness),
      FailsWith(ErrorCode::malformed));
}

// It is typed by a person, and shown to others.
TEST_F(CertificateTest, RefusesANameThatIsNoLineOfText) {
  for (const std::string name : {"two\nlines", "a\x1b[2J", "\x7f", "\xff", "cut \xd0"}) {
    EXPECT_THAT(make_authority_certificate(name, exchange_.log_key, exchange_.validity(),
                                           exchange_.randomness),
                FailsWith(ErrorCode::malformed, HasSubstr("UTF-8")));
  }
  EXPECT_THAT(make_authority_certificate("Центр", exchange_.log_key, exchange_.validity(),
                                         exchange_.randomness),
              IsOk());
}

TEST_F(CertificateTest, ARequestProvesThatItsKeyIsHeld) {
  KERUEN_ASSERT_OK(const auto request, make_certificate_request(customs_.id, customs_.identity));
  KERUEN_ASSERT_OK(const auto checked, check_certificate_request(request));
  EXPECT_EQ(checked.agency, customs_.id);
  EXPECT_EQ(checked.public_key, customs_.identity.public_key());
}

TEST_F(CertificateTest, EveryFlippedByteOfARequestIsRefused) {
  KERUEN_ASSERT_OK(const auto request, make_certificate_request(customs_.id, customs_.identity));
  for (std::size_t place = 0; place < request.size(); ++place) {
    Bytes changed = request;
    changed[place] ^= 1;
    EXPECT_FALSE(check_certificate_request(changed).has_value()) << "byte " << place;
  }
}

TEST_F(CertificateTest, FingerprintIsTheHashInGroupsOfFour) {
  const auto key = *SigningPublicKey::from_hex(
      "0000000000000000000000000000000000000000000000000000000000000000");
  // SHA-256 of 32 zero bytes.
  EXPECT_EQ(fingerprint_of(key),
            "6668 7aad f862 bd77 6c8f c18b 8e9f 8e20 0897 1485 6ee2 33b3 902a 591d 0d5f 2925");
}

}  // namespace
}  // namespace keruen::certs
