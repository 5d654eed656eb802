// What a hostile but admitted sender may put into a body: any bytes as body, as plaintext, and as
// stored bytes of any codec with proper padding. What opens is within its bound.
#include <cstddef>
#include <cstdint>

#include "certs/seal_layout.h"
#include "tests/support/sealing_party.h"

namespace {

using namespace keruen;

struct Parties {
  SeededRandomness randomness{1};
  SealingParty sender{"kz.border-guard", randomness};
  SealingParty recipient{"kz.customs", randomness};
  certs::Sealer sealer{sender.id, randomness};
  PartyOpener opener{recipient};
  certs::SealedMessage sealed =
      *sealer.seal(seal_input(sender, {&recipient}, randomness), {}, kSealingNow);
  wire::Header header = *wire::decode_header(sealed.leaf.header.view());
};

void open(Parties& parties, Bytes body) {
  wire::MessageLeaf leaf = parties.sealed.leaf;
  wire::Header header = parties.header;
  // The size check would hide what comes after it.
  header.padded_bytes = static_cast<std::uint32_t>(body.size() - certs::kTagBytes);
  leaf.body = SharedBytes(std::move(body));
  const auto opened = parties.opener.open(header, leaf, 0);
  ensure(!opened || opened->content.size() <= kContentBytesMax, "content within its bound");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Parties parties;
  const Bytes input(data, data + size);
  const Digest hash = certs::header_hash(parties.sealed.leaf.header.view());
  if (size >= certs::kTagBytes) open(parties, input);
  open(parties, certs::seal_plaintext(parties.sealed.key, hash, input));
  if (size == 0) return 0;
  // The first byte is the codec, the rest what is stored.
  auto plaintext = certs::encode_plaintext(BytesView(input).subspan(1), certs::Compression::none);
  if (!plaintext) return 0;
  (*plaintext)[0] = input[0];
  open(parties, certs::seal_plaintext(parties.sealed.key, hash, std::move(*plaintext)));
  return 0;
}
