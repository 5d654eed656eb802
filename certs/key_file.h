// Keys at rest: one file per secret, always encrypted.
// Shape: a text file of mode 0600: purpose, key derivation and its salt, then base64 ciphertext;
// XChaCha20-Poly1305 under argon2id(passphrase) or under a key derived from a credential file.
// Threads: any.   Lifetime: the Disk is borrowed for the call.
//
// The purpose stands under the AEAD: a file renamed to another's name does not open as it.
#pragma once

#include <string>
#include <string_view>

#include "certs/random.h"
#include "certs/secret.h"
#include "schemas/error.h"

namespace keruen::host {
class Disk;
}

namespace keruen::certs {

// How a key file is opened: a passphrase a person types, or the bytes of a credential file that an
// unattended start reads (mode 0600, or handed over by systemd).
class Unlock {
 public:
  enum class Kind : std::uint8_t { passphrase, credential };
  [[nodiscard]] static Unlock with_passphrase(SecretBytes passphrase);
  // malformed: fewer than 32 bytes. denied: readable by others, says `chmod 600`. not_found: says
  // how to make one. Below /run/credentials, which systemd opens to the unit's user alone, the
  // group's bits are the mask of an access list and say nothing.
  [[nodiscard]] static Result<Unlock> with_credential_file(host::Disk& disk,
                                                           const std::string& path);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] BytesView secret() const { return secret_.view(); }
  [[nodiscard]] Unlock duplicate() const;

 private:
  Unlock(Kind kind, SecretBytes secret) : kind_(kind), secret_(std::move(secret)) {}
  Kind kind_;
  SecretBytes secret_;
};

// 32 random bytes in base64, mode 0600; duplicate: the file exists.
[[nodiscard]] Result<void> make_credential_file(host::Disk& disk, const std::string& path,
                                                Randomness& randomness);

// What argon2id spends on one guess at a passphrase. The file says what it was made with; a file
// that asks for more than kPassphraseCostMax is refused, or it could eat this machine's memory.
struct PassphraseCost {
  std::uint64_t passes = 3;
  std::uint64_t memory_bytes = 256 * 1024 * 1024;
};
inline constexpr PassphraseCost kPassphraseCost{};
inline constexpr PassphraseCost kPassphraseCostMax{16, 1024 * 1024 * 1024};

// `purpose` is one line for people ("identity key of kz.customs"). duplicate: the file exists (a
// key is never overwritten). overloaded: not enough memory for `cost`.
[[nodiscard]] Result<void> save_key(host::Disk& disk, const std::string& path,
                                    std::string_view purpose, BytesView secret,
                                    const Unlock& unlock, Randomness& randomness,
                                    PassphraseCost cost = kPassphraseCost);
// denied: a wrong passphrase or another credential ("wrong passphrase for …"), or a key of another
// purpose. not_found, malformed, corrupt: changed since it was written; too_large: asks for more
// than kPassphraseCostMax.
[[nodiscard]] Result<SecretBytes> load_key(host::Disk& disk, const std::string& path,
                                           std::string_view purpose, const Unlock& unlock);

// Small things sealed under a 32-byte key (the store's rows): random nonce, XChaCha20-Poly1305.
[[nodiscard]] Bytes seal_row(const SecretBytes& key, BytesView associated, BytesView plain,
                             Randomness& randomness);
// bad_signature: not sealed under this key for this place.
[[nodiscard]] Result<Bytes> open_row(const SecretBytes& key, BytesView associated,
                                     BytesView sealed);

}  // namespace keruen::certs
