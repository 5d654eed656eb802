#include "certs/hpke.h"

#include <sodium.h>

#include "certs/hash.h"

namespace keruen::certs {
namespace {

using SharedSecret = ShortSecret<32>;

constexpr std::array<std::uint8_t, 5> kKemSuite = {'K', 'E', 'M', 0x00, 0x20};
// "HPKE", KEM 0x0020, KDF 0x0001, AEAD 0x0003.
constexpr std::array<std::uint8_t, 10> kHpkeSuite = {'H',  'P',  'K',  'E',  0x00,
                                                     0x20, 0x00, 0x01, 0x00, 0x03};
constexpr std::string_view kVersion = "HPKE-v1";
constexpr std::uint8_t kModeBase = 0;

Bytes joined(std::initializer_list<BytesView> parts) {
  Bytes result;
  for (const BytesView part : parts) append_to(result, part);
  return result;
}

// RFC 9180 §4.
Digest labeled_extract(BytesView suite, BytesView salt, std::string_view name, BytesView input) {
  Bytes labeled = joined({bytes_of(kVersion), suite, bytes_of(name), input});
  const Digest result = hkdf_extract(salt, labeled);
  wipe(labeled);
  return result;
}

void labeled_expand(BytesView suite, BytesView key, std::string_view name, BytesView info,
                    std::span<std::uint8_t> target) {
  const std::array<std::uint8_t, 2> length = {static_cast<std::uint8_t>(target.size() >> 8),
                                              static_cast<std::uint8_t>(target.size())};
  hkdf_expand(key, joined({length, bytes_of(kVersion), suite, bytes_of(name), info}), target);
}

// DHKEM's ExtractAndExpand over the X25519 result. RFC 9180 §4.1.
Result<SharedSecret> share(BytesView own_secret, BytesView other_public,
                           const EncapsulatedKey& encapsulated, const PrekeyPublicKey& recipient) {
  ShortSecret<32> product;
  // An all-zero product means the other side chose a point of small order, and with it the key.
  if (crypto_scalarmult_curve25519(product.writable().data(), own_secret.data(),
                                   other_public.data()) != 0) {
    return fail(ErrorCode::malformed, "an X25519 key of small order");
  }
  Digest extracted = labeled_extract(kKemSuite, {}, "eae_prk", product.view());
  SharedSecret secret;
  labeled_expand(kKemSuite, extracted.view(), "shared_secret",
                 joined({encapsulated.view(), recipient.view()}), secret.writable());
  wipe(extracted.bytes);
  return secret;
}

// The part of RFC 9180 §5.1's key schedule that leads to the exporter.
ExporterSecret schedule(const SharedSecret& shared, BytesView info) {
  const Digest no_psk = labeled_extract(kHpkeSuite, {}, "psk_id_hash", {});
  const Digest info_hash = labeled_extract(kHpkeSuite, {}, "info_hash", info);
  const Bytes context = joined({{&kModeBase, 1}, no_psk.view(), info_hash.view()});
  Digest secret = labeled_extract(kHpkeSuite, shared.view(), "secret", {});
  ExporterSecret exporter;
  labeled_expand(kHpkeSuite, secret.view(), "exp", context, exporter.writable());
  wipe(secret.bytes);
  return exporter;
}

}  // namespace

Result<Encapsulation> encapsulate(const PrekeyPair& ephemeral, const PrekeyPublicKey& recipient,
                                  BytesView info) {
  Encapsulation result;
  result.encapsulated_key.bytes = ephemeral.public_key().bytes;
  KERUEN_TRY(const SharedSecret shared,
             share(ephemeral.secret(), recipient.view(), result.encapsulated_key, recipient));
  result.exporter = schedule(shared, info);
  return result;
}

Result<ExporterSecret> decapsulate(const PrekeyPair& recipient, const EncapsulatedKey& encapsulated,
                                   BytesView info) {
  KERUEN_TRY(const SharedSecret shared,
             share(recipient.secret(), encapsulated.view(), encapsulated, recipient.public_key()));
  return schedule(shared, info);
}

void export_secret(const ExporterSecret& exporter, BytesView context,
                   std::span<std::uint8_t> target) {
  labeled_expand(kHpkeSuite, exporter.view(), "sec", context, target);
}

}  // namespace keruen::certs
