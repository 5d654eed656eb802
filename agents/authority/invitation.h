// What an authority gives an admitted agency: everything its agent must know to connect, and whom
// to believe.
// Shape: <agency>.invitation, a text document (text_document.h); nothing in it is secret.
// Threads: values.
//
// It is not signed: it says whose signatures count. An officer compares the fingerprints of the
// roots over another channel when she joins; everything after that proves itself.
#pragma once

#include <string>
#include <vector>

#include "certs/checkpoint.h"
#include "certs/registry.h"

namespace keruen::host {
class Disk;
}

namespace keruen::authority {

inline constexpr std::size_t kInvitationBytesMax = 256 * 1024;

struct Invitation {
  AgencyId agency;
  Origin origin;
  certs::Certificate certificate;  // the agency's own
  certs::Authorities authorities;  // all roots, and how many must sign
  std::string broker_endpoint;
  TransportPublicKey broker_key;
  std::vector<SigningPublicKey> log_keys;
  std::string checkpoint_note;  // newest known; empty: none yet
  bool operator==(const Invitation&) const = default;
};

[[nodiscard]] std::string encode_invitation(const Invitation& invitation);
// Decodes and checks that it agrees with itself: the certificate names the agency and was issued by
// one of the roots, k of n is possible, the checkpoint was signed by one of the log keys.
// malformed, unsupported, bad_signature, denied; each names `path` and what to do.
[[nodiscard]] Result<Invitation> decode_invitation(std::string_view text, const std::string& path);
// not_found (says that the authority publishes it), denied, io_failed, too_large besides.
[[nodiscard]] Result<Invitation> load_invitation(host::Disk& disk, const std::string& path);

}  // namespace keruen::authority
