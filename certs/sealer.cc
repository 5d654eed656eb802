#include <map>

#include "certs/seal_layout.h"
#include "certs/sodium_ready.h"

namespace keruen::certs {
namespace {

// What one seal draws: the content key, then of each new channel its id and ephemeral key.
constexpr std::size_t kContentKeyBytes = 32;
constexpr std::size_t kEphemeralBytes = 32;
constexpr std::size_t kChannelDrawBytes = ChannelId::kBytes + kEphemeralBytes;

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

// The random bytes of one seal, wiped when it ends.
class Draw {
 public:
  Draw(Randomness& randomness, std::size_t size) : bytes_(size) { randomness.fill(bytes_); }
  ~Draw() { wipe(bytes_); }
  Draw(const Draw&) = delete;
  Draw& operator=(const Draw&) = delete;

  [[nodiscard]] BytesView take(std::size_t size) {
    const BytesView taken = BytesView(bytes_).subspan(next_, size);
    next_ += size;
    return taken;
  }

 private:
  Bytes bytes_;
  std::size_t next_ = 0;
};

}  // namespace

struct Sealer::Channels {
  using Place = std::pair<AgencyId, PrekeyPublicKey>;
  std::map<Place, Channel> open;
  MonotonicTime next_sweep;

  [[nodiscard]] Channel* find(const SealRecipient& recipient, const KeyId& signing_key, Now now) {
    const auto found = open.find({recipient.agency, recipient.prekey});
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
                             const KeyId& signing_key, Draw& draw, Now now) {
  Channel channel;
  channel.id = *ChannelId::from(draw.take(ChannelId::kBytes));
  channel.signing_key = signing_key;
  channel.opened_at = now.monotonic;
  KERUEN_TRY(const PrekeyPair ephemeral, PrekeyPair::from_secret(draw.take(kEphemeralBytes)));
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

Bytes encode_header_of(const AgencyId& self, const SealInput& input,
                       const std::vector<AgencyId>& recipients, const ContentKey& key,
                       std::size_t padded) {
  wire::Header header;
  header.kind = input.kind;
  header.message = input.message;
  header.sender = self;
  header.signing_key = input.signing_key;
  header.created_at = input.created_at;
  header.expires_at = input.expires_at;
  header.recipients = recipients;
  header.commitment = commitment_to(key);
  header.padded_bytes = static_cast<std::uint32_t>(padded);
  return wire::encode_header(header);
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
  std::vector<Channel*> channels;
  std::size_t missing = 0;
  for (const SealRecipient& recipient : input.recipients) {
    channels.push_back(channels_->find(recipient, input.signing_key, now));
    if (channels.back() == nullptr) ++missing;
  }
  Draw draw(randomness_, kContentKeyBytes + missing * kChannelDrawBytes);
  SealedMessage sealed;
  std::ranges::copy(draw.take(kContentKeyBytes), sealed.key.writable().begin());
  std::vector<AgencyId> agencies;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const SealRecipient& recipient = input.recipients[i];
    agencies.push_back(recipient.agency);
    if (channels[i] != nullptr) continue;
    KERUEN_TRY(Channel opened, open_channel(self_, recipient, input.signing_key, draw, now));
    Channel& kept = channels_->open[{recipient.agency, recipient.prekey}];
    kept = std::move(opened);
    channels[i] = &kept;
  }
  sealed.leaf.header =
      SharedBytes(encode_header_of(self_, input, agencies, sealed.key, plaintext.size()));
  const Digest header = header_hash(sealed.leaf.header.view());
  for (std::size_t i = 0; i < channels.size(); ++i) {
    wire::Wrap wrap{channels[i]->id,
                    channels[i]->prekey,
                    channels[i]->encapsulated_key,
                    input.recipients[i].position,
                    {}};
    wrap.sealed_key = seal_content_key(channels[i]->key, header, agencies[i], wrap, sealed.key);
    ++channels[i]->uses;
    sealed.leaf.wraps.emplace_back(wrap);
  }
  sealed.leaf.body = SharedBytes(seal_plaintext(sealed.key, header, std::move(plaintext)));
  sealed.leaf_hash = leaf_hash_of(sealed.leaf, agencies, header);
  return sealed;
}

}  // namespace keruen::certs
