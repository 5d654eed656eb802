#include <unordered_map>

#include "certs/seal_layout.h"
#include "certs/sodium_ready.h"

namespace keruen::certs {
namespace {

// Channel keys kept at once. When it is reached all go: each costs one X25519 to find again, and a
// sender that opens a channel for every message costs others no more than that.
constexpr std::size_t kOpenedChannelsMax = 8192;

struct OpenedChannel {
  KeyId prekey;
  ChannelKey key;
};

}  // namespace

struct Opener::State {
  std::unordered_map<KeyId, PrekeyPair> prekeys;
  // By H(info ‖ enc): everything the channel's key depends on.
  std::unordered_map<Digest, OpenedChannel> channels;

  void keep(const Digest& name, const KeyId& prekey, ChannelKey key) {
    if (channels.size() >= kOpenedChannelsMax) channels.clear();
    channels.try_emplace(name, OpenedChannel{prekey, std::move(key)});
  }
};

Opener::Opener(AgencyId self) : self_(std::move(self)), state_(std::make_unique<State>()) {
  make_sodium_ready();
}

Opener::~Opener() = default;

void Opener::hold(PrekeyPair prekey) {
  const KeyId id = prekey.id();
  state_->prekeys.insert_or_assign(id, std::move(prekey));
}

void Opener::destroy(const KeyId& prekey) {
  state_->prekeys.erase(prekey);
  std::erase_if(state_->channels, [&](const auto& entry) { return entry.second.prekey == prekey; });
}

bool Opener::holds(const KeyId& prekey) const { return state_->prekeys.contains(prekey); }

Result<OpenedMessage> Opener::open(const wire::Header& header, const wire::MessageLeaf& leaf,
                                   std::size_t place) {
  ensure(place < leaf.wraps.size() && place < header.recipients.size() &&
             header.recipients[place] == self_,
         "the place is this agency's");
  const auto* wrap = std::get_if<wire::Wrap>(&leaf.wraps[place]);
  const auto* body = std::get_if<SharedBytes>(&leaf.body);
  ensure(wrap != nullptr && body != nullptr, "own wrap and body are present");
  const auto prekey = state_->prekeys.find(wrap->prekey);
  if (prekey == state_->prekeys.end()) {
    return fail(ErrorCode::not_found, "prekey " + wrap->prekey.hex() + " is not held");
  }
  const Bytes info =
      channel_info({header.sender, header.signing_key, self_, wrap->prekey, wrap->channel});
  const Digest name = Sha256().add(info).add(wrap->encapsulated_key.view()).finish();
  const Digest hash = header_hash(leaf.header.view());

  OpenedMessage opened;
  if (const auto known = state_->channels.find(name); known != state_->channels.end()) {
    KERUEN_TRY(opened.key, open_content_key(known->second.key, hash, self_, *wrap));
  } else {
    KERUEN_TRY(const ExporterSecret exporter,
               decapsulate(prekey->second, wrap->encapsulated_key, info));
    ChannelKey key = channel_key_of(exporter);
    KERUEN_TRY(opened.key, open_content_key(key, hash, self_, *wrap));
    // Only what opened something is worth a place.
    state_->keep(name, wrap->prekey, std::move(key));
  }
  if (!equal_in_constant_time(commitment_to(opened.key).view(), header.commitment.view())) {
    return fail(ErrorCode::bad_signature, "the header commits to another content key");
  }
  if (body->size() != header.padded_bytes + kTagBytes) {
    return fail(ErrorCode::malformed, "the body is not of the size its header states");
  }
  KERUEN_TRY(Bytes plaintext, open_plaintext(opened.key, hash, body->view()));
  KERUEN_TRY(opened.content, decode_plaintext(std::move(plaintext)));
  return opened;
}

Result<Bytes> open_body(const ContentKey& key, BytesView header_bytes, BytesView body) {
  make_sodium_ready();
  KERUEN_TRY(Bytes plaintext, open_plaintext(key, header_hash(header_bytes), body));
  return decode_plaintext(std::move(plaintext));
}

}  // namespace keruen::certs
