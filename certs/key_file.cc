// A key file, line by line; everything above the last line is the associated data of its seal:
//
//   keruen key 1
//   purpose: identity key of kz.customs
//   derivation: argon2id 3 268435456          passes and bytes of memory; or: derivation:
//   credential salt: 16 bytes in hexadecimal check: 16 bytes                           tells a
//   wrong passphrase from a damaged file nonce: 24 bytes sealed: the secret and its tag in base64
//
// master = argon2id(passphrase, salt) or HKDF-Extract(salt, credential);
// check = HKDF-Expand(master, L(key file check)), key = HKDF-Expand(master, L(key file seal)).
#include "certs/key_file.h"

#include <fmt/format.h>
#include <sodium.h>

#include <charconv>
#include <vector>

#include "certs/hash.h"
#include "certs/sodium_ready.h"
#include "schemas/host/disk.h"

namespace keruen::certs {
namespace {

constexpr std::size_t kCredentialBytes = 32;
constexpr std::size_t kCredentialFileBytesMax = 64 * 1024;
constexpr std::size_t kKeyFileBytesMax = 64 * 1024;
constexpr std::size_t kPurposeBytesMax = 255;
constexpr std::size_t kSaltBytes = crypto_pwhash_argon2id_SALTBYTES;
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kKeyBytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
static_assert(kKeyBytes == 32 && kNonceBytes == 24 && kSaltBytes == 16);

constexpr std::string_view kFirstLine = "keruen key 1";
constexpr std::string_view kCredentialDerivation = "credential";
constexpr std::string_view kPassphraseDerivation = "argon2id ";
constexpr std::string_view kSystemdCredentials = "/run/credentials/";

using Nonce = FixedBytes<struct NonceTag, kNonceBytes>;
using Check = FixedBytes<struct CheckTag, 16>;
using MasterKey = ShortSecret<32>;

struct KeyFile {
  std::string purpose;
  Unlock::Kind kind = Unlock::Kind::passphrase;
  PassphraseCost cost;
  Salt salt;
  Check check;
  Nonce nonce;
  Bytes sealed;
};

// The lines above the sealed one: what the seal vouches for.
std::string head_of(const KeyFile& file) {
  const std::string derivation =
      file.kind == Unlock::Kind::credential
          ? std::string(kCredentialDerivation)
          : fmt::format("{}{} {}", kPassphraseDerivation, file.cost.passes, file.cost.memory_bytes);
  return fmt::format("{}\npurpose: {}\nderivation: {}\nsalt: {}\ncheck: {}\nnonce: {}\n",
                     kFirstLine, file.purpose, derivation, file.salt.hex(), file.check.hex(),
                     file.nonce.hex());
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The text behind `name` in the next line of `rest`, which moves on.
std::optional<std::string_view> next_line(std::string_view& rest, std::string_view name) {
  const auto end = rest.find('\n');
  if (end == std::string_view::npos || !rest.starts_with(name)) return std::nullopt;
  const std::string_view value = rest.substr(name.size(), end - name.size());
  rest.remove_prefix(end + 1);
  return value;
}

template <class Fixed>
bool take_fixed(std::string_view& rest, std::string_view name, Fixed& target) {
  const auto text = next_line(rest, name);
  const auto value = text ? Fixed::from_hex(*text) : std::nullopt;
  if (value) target = *value;
  return value.has_value();
}

bool take_derivation(std::string_view& rest, KeyFile& file) {
  const auto text = next_line(rest, "derivation: ");
  if (!text) return false;
  if (*text == kCredentialDerivation) {
    file.kind = Unlock::Kind::credential;
    return true;
  }
  if (!text->starts_with(kPassphraseDerivation)) return false;
  const std::string_view numbers = text->substr(kPassphraseDerivation.size());
  const auto space = numbers.find(' ');
  if (space == std::string_view::npos) return false;
  const auto passes = number_of(numbers.substr(0, space));
  const auto memory = number_of(numbers.substr(space + 1));
  if (!passes || !memory) return false;
  file.cost = {*passes, *memory};
  return true;
}

Result<KeyFile> parse(std::string_view text, const std::string& path) {
  KeyFile file;
  std::string_view rest = text;
  const auto first = next_line(rest, kFirstLine);
  const auto purpose = first && first->empty() ? next_line(rest, "purpose: ") : std::nullopt;
  const bool fixed =
      purpose && take_derivation(rest, file) && take_fixed(rest, "salt: ", file.salt) &&
      take_fixed(rest, "check: ", file.check) && take_fixed(rest, "nonce: ", file.nonce);
  const auto sealed = fixed ? next_line(rest, "sealed: ") : std::nullopt;
  auto bytes = sealed && rest.empty() ? from_base64(*sealed) : std::nullopt;
  if (!bytes || bytes->size() < kTagBytes) {
    return fail(ErrorCode::malformed,
                path + " is not a key file of this program; restore it from a backup");
  }
  file.purpose = std::string(*purpose);
  file.sealed = std::move(*bytes);
  return file;
}

Result<void> check_cost(const KeyFile& file, const std::string& path) {
  if (file.kind == Unlock::Kind::credential) return {};
  if (file.cost.passes > kPassphraseCostMax.passes ||
      file.cost.memory_bytes > kPassphraseCostMax.memory_bytes) {
    return fail(ErrorCode::too_large,
                path +
                    " asks for more work to check a passphrase than this program would ever "
                    "write into it; restore it from a backup");
  }
  if (file.cost.passes < crypto_pwhash_argon2id_OPSLIMIT_MIN ||
      file.cost.memory_bytes < crypto_pwhash_argon2id_MEMLIMIT_MIN) {
    return fail(ErrorCode::malformed, path + " names a cost argon2id does not know");
  }
  return {};
}

Result<MasterKey> derive(const KeyFile& file, const Unlock& unlock) {
  MasterKey master;
  if (unlock.kind() == Unlock::Kind::credential) {
    Digest extracted = hkdf_extract(file.salt.view(), unlock.secret());
    std::copy(extracted.bytes.begin(), extracted.bytes.end(), master.writable().begin());
    wipe(extracted.bytes);
    return master;
  }
  make_sodium_ready();
  const BytesView passphrase = unlock.secret();
  if (crypto_pwhash_argon2id(master.writable().data(), master.writable().size(),
                             reinterpret_cast<const char*>(passphrase.data()), passphrase.size(),
                             file.salt.bytes.data(), file.cost.passes, file.cost.memory_bytes,
                             crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
    return fail(ErrorCode::overloaded,
                fmt::format("a passphrase needs {} MiB of memory to be checked, and this machine "
                            "does not give them; close something and try again",
                            file.cost.memory_bytes / (1024 * 1024)));
  }
  return master;
}

Check check_of(const MasterKey& master) {
  Check check;
  hkdf_expand(master.view(), label("key file check"), check.bytes);
  return check;
}

SecretBytes sealing_key_of(const MasterKey& master) {
  SecretBytes key(kKeyBytes);
  hkdf_expand(master.view(), label("key file seal"), key.writable());
  return key;
}

Bytes seal(const SecretBytes& key, const Nonce& nonce, BytesView associated, BytesView plain) {
  ensure(key.size() == kKeyBytes, "a sealing key is 32 bytes");
  make_sodium_ready();
  Bytes sealed(plain.size() + kTagBytes);
  unsigned long long size = 0;
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data(), &size, plain.data(), plain.size(),
                                             associated.data(), associated.size(), nullptr,
                                             nonce.bytes.data(), key.view().data());
  return sealed;
}

// False: not sealed with this key, nonce and associated data.
bool open(const SecretBytes& key, const Nonce& nonce, BytesView associated, BytesView sealed,
          std::span<std::uint8_t> plain) {
  ensure(key.size() == kKeyBytes && sealed.size() == plain.size() + kTagBytes,
         "a seal adds its tag and nothing else");
  make_sodium_ready();
  unsigned long long size = 0;
  return crypto_aead_xchacha20poly1305_ietf_decrypt(
             plain.data(), &size, nullptr, sealed.data(), sealed.size(), associated.data(),
             associated.size(), nonce.bytes.data(), key.view().data()) == 0;
}

Error wrong_unlock(const KeyFile& file, const Unlock& unlock, const std::string& path) {
  if (file.kind == unlock.kind()) {
    return {ErrorCode::denied, file.kind == Unlock::Kind::passphrase
                                   ? "wrong passphrase for " + path
                                   : "wrong credential file for " + path};
  }
  return {ErrorCode::denied, file.kind == Unlock::Kind::passphrase
                                 ? path + " opens with a passphrase, not with a credential file"
                                 : path + " opens with its credential file, not with a passphrase"};
}

}  // namespace

Unlock Unlock::with_passphrase(SecretBytes passphrase) {
  return Unlock(Kind::passphrase, std::move(passphrase));
}

Result<Unlock> Unlock::with_credential_file(host::Disk& disk, const std::string& path) {
  const auto status = disk.status(path);
  if (!status && status.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::not_found, "there is no credential file " + path +
                                          "; restore it, or make one: openssl rand -base64 32 > " +
                                          path + " && chmod 600 " + path);
  }
  if (!status) return fail(status.error());
  const std::uint32_t others = path.starts_with(kSystemdCredentials) ? 0007 : 0077;
  if ((status->mode.bits & others) != 0) {
    return fail(ErrorCode::denied,
                "the credential file " + path + " can be read by others; run: chmod 600 " + path);
  }
  KERUEN_TRY(auto bytes, host::read_file(disk, path, kCredentialFileBytesMax));
  // An editor's newline at the end is no part of it.
  std::size_t size = bytes.size();
  while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r')) --size;
  SecretBytes secret(BytesView(bytes).first(size));
  wipe(bytes);
  if (size < kCredentialBytes) {
    return fail(ErrorCode::malformed, "the credential file " + path + " holds fewer than " +
                                          std::to_string(kCredentialBytes) + " bytes");
  }
  return Unlock(Kind::credential, std::move(secret));
}

Unlock Unlock::duplicate() const { return Unlock(kind_, secret_.duplicate()); }

Result<void> make_credential_file(host::Disk& disk, const std::string& path,
                                  Randomness& randomness) {
  KERUEN_TRY(const bool there, host::exists(disk, path));
  if (there)
    return fail(ErrorCode::duplicate, "the credential file " + path + " exists; it is kept");
  SecretBytes secret(kCredentialBytes);
  randomness.fill(secret.writable());
  std::string text = to_base64(secret.view()) + "\n";
  auto written = host::write_file_atomically(disk, path, bytes_of(text), host::kPrivateMode);
  wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return written;
}

Result<void> save_key(host::Disk& disk, const std::string& path, std::string_view purpose,
                      BytesView secret, const Unlock& unlock, Randomness& randomness,
                      PassphraseCost cost) {
  ensure(!purpose.empty() && purpose.size() <= kPurposeBytesMax &&
             purpose.find('\n') == std::string_view::npos,
         "a key's purpose is one line");
  KERUEN_TRY(const bool there, host::exists(disk, path));
  if (there) return fail(ErrorCode::duplicate, path + " exists; a key is never overwritten");
  KeyFile file;
  file.purpose = std::string(purpose);
  file.kind = unlock.kind();
  file.cost = cost;
  file.salt = randomness.draw<Salt>();
  file.nonce = randomness.draw<Nonce>();
  KERUEN_CHECK(check_cost(file, path));
  KERUEN_TRY(const auto master, derive(file, unlock));
  file.check = check_of(master);
  const std::string head = head_of(file);
  const Bytes sealed = seal(sealing_key_of(master), file.nonce, bytes_of(head), secret);
  return host::write_file_atomically(
      disk, path, bytes_of(head + "sealed: " + to_base64(sealed) + "\n"), host::kPrivateMode);
}

Result<SecretBytes> load_key(host::Disk& disk, const std::string& path, std::string_view purpose,
                             const Unlock& unlock) {
  KERUEN_TRY(const auto bytes, host::read_file(disk, path, kKeyFileBytesMax));
  KERUEN_TRY(const auto file, parse(text_of(bytes), path));
  if (file.purpose != purpose) {
    return fail(ErrorCode::denied, path + " holds another key than the " + std::string(purpose) +
                                       "; put the right file there");
  }
  KERUEN_CHECK(check_cost(file, path));
  if (file.kind != unlock.kind()) return fail(wrong_unlock(file, unlock, path));
  KERUEN_TRY(const auto master, derive(file, unlock));
  if (!equal_in_constant_time(check_of(master).view(), file.check.view())) {
    return fail(wrong_unlock(file, unlock, path));
  }
  SecretBytes secret(file.sealed.size() - kTagBytes);
  if (!open(sealing_key_of(master), file.nonce, bytes_of(head_of(file)), file.sealed,
            secret.writable())) {
    return fail(ErrorCode::corrupt,
                path + " was changed since it was written; restore it from a backup");
  }
  return secret;
}

Bytes seal_row(const SecretBytes& key, BytesView associated, BytesView plain,
               Randomness& randomness) {
  const auto nonce = randomness.draw<Nonce>();
  Bytes result = copy_of(nonce.view());
  append_to(result, seal(key, nonce, associated, plain));
  return result;
}

Result<Bytes> open_row(const SecretBytes& key, BytesView associated, BytesView sealed) {
  if (sealed.size() >= kNonceBytes + kTagBytes) {
    Bytes plain(sealed.size() - kNonceBytes - kTagBytes);
    if (open(key, *Nonce::from(sealed.first(kNonceBytes)), associated, sealed.subspan(kNonceBytes),
             plain)) {
      return plain;
    }
  }
  return fail(ErrorCode::bad_signature,
              "a sealed row does not open: it is damaged, or the store has another key");
}

}  // namespace keruen::certs
