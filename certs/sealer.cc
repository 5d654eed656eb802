#include <array>
#include <map>
#include <tuple>

#include "certs/seal_layout.h"
#include "certs/sodium_ready.h"

namespace keruen::certs {
namespace {

constexpr std::size_t kEphemeralBytes = 32;

struct Channel {
  ChannelId id;
  EncapsulatedKey encapsulated_key;
  ChannelKey key;
  KeyId signing_key;  // stands in the channel's info
  KeyId prekey;       // the same
  MonotonicTime opened_at;
  std::uint64_t uses = 0;

  [[nodiscard]] bool serves(const KeyId& signer, Now now) const {
    return signing_key == signer && now.monotonic - opened_at < kChannelLife &&
           uses < kChannelUsesMax;
  }
};

}  // namespace

struct Sealer::Channels {
  struct Place {
    AgencyId agency;
    PrekeyPublicKey prekey;
  };
  // Of places and of recipients: looking for one makes no place.
  struct Order {
    using is_transparent = void;
    template <class One, class Other>
    bool operator()(const One& one, const Other& other) const {
      return std::tie(one.agency, one.prekey) < std::tie(other.agency, other.prekey);
    }
  };
  std::map<Place, Channel, Order> open;
  MonotonicTime next_sweep;

  [[nodiscard]] Channel* find(const SealRecipient& recipient, const KeyId& signing_key, Now now) {
    const auto found = open.find(recipient);
    if (found == open.end() || !found->second.serves(signing_key, now)) return nullptr;
    return &found->second;
  }
  // A key nobody asks for again must not stay in memory: what it opened could be read with it.
  // The map stays within the agencies written to in two hours, times their prekeys.
  void sweep(Now now) {
    if (now.monotonic < next_sweep) return;
    std::erase_if(open, [&](const auto& entry) {
      return now.monotonic - entry.second.opened_at >= kChannelLife;
    });
    next_sweep = now.monotonic + kChannelLife;
  }
};

namespace {

Result<Channel> open_channel(const AgencyId& self, const SealRecipient& recipient,
                             const KeyId& signing_key, Randomness& randomness, Now now) {
  Channel channel;
  channel.id = randomness.draw<ChannelId>();
  channel.signing_key = signing_key;
  channel.opened_at = now.monotonic;
  ShortSecret<kEphemeralBytes> secret;
  randomness.fill(secret.writable());
  KERUEN_TRY(const PrekeyPair ephemeral, PrekeyPair::from_secret(secret.view()));
  channel.prekey = key_id_of(recipient.prekey);
  auto encapsulation =
      encapsulate(ephemeral, recipient.prekey,
                  channel_info({self, signing_key, recipient.agency, channel.prekey, channel.id}));
  if (!encapsulation) {
    return fail(encapsulation.error().code, "the prekey " + channel.prekey.hex() + " of " +
                                                recipient.agency.text() + ": " +
                                                encapsulation.error().detail);
  }
  channel.encapsulated_key = encapsulation->encapsulated_key;
  channel.key = channel_key_of(encapsulation->exporter);
  return channel;
}

void ensure_sealable(const AgencyId& self, const SealInput& input) {
  const auto& recipients = input.recipients;
  ensure(!recipients.empty() && recipients.size() <= kRecipientsMax, "1 to 64 recipients");
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    ensure(recipients[i].agency != self, "the sender is no recipient");
    for (std::size_t j = 0; j < i; ++j) {
      ensure(recipients[i].agency != recipients[j].agency, "recipients are distinct");
    }
  }
}

wire::Header header_of(const AgencyId& self, const SealInput& input, const ContentKey& key,
                       std::size_t padded) {
  wire::Header header;
  header.kind = input.kind;
  header.message = input.message;
  header.sender = self;
  header.signing_key = input.signing_key;
  header.created_at = input.created_at;
  header.expires_at = input.expires_at;
  header.recipients.reserve(input.recipients.size());
  for (const SealRecipient& recipient : input.recipients) {
    header.recipients.push_back(recipient.agency);
  }
  header.commitment = commitment_to(key);
  header.padded_bytes = static_cast<std::uint32_t>(padded);
  return header;
}

}  // namespace

Sealer::Sealer(AgencyId self, Randomness& randomness)
    : self_(std::move(self)), randomness_(randomness), channels_(std::make_unique<Channels>()) {
  make_sodium_ready();
}

Sealer::~Sealer() = default;

Result<SealedMessage> Sealer::seal(const SealInput& input, BytesView content, Now now) {
  ensure_sealable(self_, input);
  KERUEN_TRY(Bytes plaintext, encode_plaintext(content, input.compression));
  channels_->sweep(now);
  SealedMessage sealed;
  randomness_.fill(sealed.key.writable());
  std::array<Channel*, kRecipientsMax> channels;
  for (std::size_t i = 0; i < input.recipients.size(); ++i) {
    const SealRecipient& recipient = input.recipients[i];
    channels[i] = channels_->find(recipient, input.signing_key, now);
    if (channels[i] != nullptr) continue;
    KERUEN_TRY(Channel opened, open_channel(self_, recipient, input.signing_key, randomness_, now));
    Channel& kept = channels_->open[{recipient.agency, recipient.prekey}];
    kept = std::move(opened);
    channels[i] = &kept;
  }
  const wire::Header header = header_of(self_, input, sealed.key, plaintext.size());
  sealed.leaf.header = SharedBytes(wire::encode_header(header));
  const Digest header_digest = header_hash(sealed.leaf.header.view());
  sealed.leaf.wraps.reserve(input.recipients.size());
  for (std::size_t i = 0; i < input.recipients.size(); ++i) {
    wire::Wrap wrap{channels[i]->id,
                    channels[i]->prekey,
                    channels[i]->encapsulated_key,
                    input.recipients[i].position,
                    {}};
    wrap.sealed_key =
        seal_content_key(channels[i]->key, header_digest, header.recipients[i], wrap, sealed.key);
    ++channels[i]->uses;
    sealed.leaf.wraps.emplace_back(wrap);
  }
  sealed.leaf.body = SharedBytes(seal_plaintext(sealed.key, header_digest, std::move(plaintext)));
  sealed.leaf_hash = leaf_hash_of(sealed.leaf, header.recipients, header_digest);
  return sealed;
}

}  // namespace keruen::certs
