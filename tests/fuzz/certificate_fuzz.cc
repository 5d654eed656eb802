// A certificate or a request for one, as DER from a registry, an invitation or a request: what is
// accepted is the same through a file, and checking whether it issued itself ends.
#include "certs/certificate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  const BytesView der(data, size);
  (void)certs::check_certificate_request(der);
  const auto certificate = certs::parse_certificate(der);
  if (!certificate) return 0;
  const auto again = certs::certificate_from_pem(certs::to_pem(*certificate));
  ensure(again.has_value() && *again == *certificate, "a certificate is read as written");
  (void)certs::check_issued_by(*certificate, {*certificate});
  return 0;
}
