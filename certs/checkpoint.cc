// A note is
//
//   <origin> \n <size, decimal> \n <root, base64> \n        the text, which is signed
//   \n
//   "— " <key name> " " <base64 of u32 key id ‖ signature> \n    one or more
//
// with key id = SHA-256(key name ‖ \n ‖ 0x01 ‖ public key)[0:4] and the origin as the key's name.
// tlog-checkpoint allows extension lines in the text; this log writes none and none are taken: a
// statement repeats a checkpoint by size, root and signature alone, so the text must follow from
// them.
#include "certs/checkpoint.h"

#include <charconv>

#include "certs/hash.h"

namespace keruen::certs {
namespace {

constexpr std::string_view kSignaturePrefix = "\xe2\x80\x94 ";  // em dash, space
constexpr std::uint8_t kEd25519Type = 0x01;
constexpr std::size_t kNoteKeyIdBytes = 4;
// Ours and the cosignatures of witnesses; C2SP asks for at least 16.
constexpr std::size_t kNoteSignaturesMax = 64;

using NoteKeyId = std::array<std::uint8_t, kNoteKeyIdBytes>;

NoteKeyId note_key_id(const Origin& origin, const SigningPublicKey& key) {
  const Digest digest = Sha256()
                            .add(bytes_of(origin.text()))
                            .add_u8('\n')
                            .add_u8(kEd25519Type)
                            .add(key.view())
                            .finish();
  NoteKeyId id;
  std::copy_n(digest.bytes.begin(), id.size(), id.begin());
  return id;
}

tl::unexpected<Error> not_a_note(std::string detail) {
  return fail(ErrorCode::malformed, "checkpoint note: " + detail);
}

// The next line without its end; the note is known to end with one.
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

Result<TreeSize> parse_size(std::string_view text) {
  TreeSize size;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size.value);
  const bool canonical = text == "0" || (!text.empty() && text.front() != '0');
  if (error != std::errc() || end != text.data() + text.size() || !canonical) {
    return not_a_note("its size is not a plain decimal number");
  }
  return size;
}

Result<Checkpoint> parse_text(std::string_view text, const Origin& origin) {
  Checkpoint checkpoint;
  if (std::ranges::count(text, '\n') != 3) return not_a_note("its text has other than 3 lines");
  if (take_line(text) != origin.text()) {
    return fail(ErrorCode::denied, "a checkpoint of another log than " + origin.text());
  }
  checkpoint.origin = origin;
  KERUEN_TRY(checkpoint.size, parse_size(take_line(text)));
  const auto root_bytes = from_base64(take_line(text));
  const auto root = root_bytes ? Digest::from(*root_bytes) : std::nullopt;
  if (!root) return not_a_note("its root is not 32 bytes in base64");
  checkpoint.root = *root;
  return checkpoint;
}

struct SignatureLine {
  std::string_view name;
  NoteKeyId key_id;
  Bytes signature;
};

Result<SignatureLine> parse_signature(std::string_view line) {
  if (!line.starts_with(kSignaturePrefix)) return not_a_note("a signature line without its dash");
  line.remove_prefix(kSignaturePrefix.size());
  const auto space = line.find(' ');
  if (space == std::string_view::npos || space == 0 ||
      line.substr(0, space).find('+') != std::string_view::npos) {
    return not_a_note("a signature line without a key name");
  }
  const auto decoded = from_base64(line.substr(space + 1));
  if (!decoded || decoded->size() <= kNoteKeyIdBytes) {
    return not_a_note("a signature that is not base64");
  }
  SignatureLine parsed;
  parsed.name = line.substr(0, space);
  std::copy_n(decoded->begin(), kNoteKeyIdBytes, parsed.key_id.begin());
  parsed.signature.assign(decoded->begin() + kNoteKeyIdBytes, decoded->end());
  return parsed;
}

Result<std::vector<SignatureLine>> parse_signatures(std::string_view lines) {
  std::vector<SignatureLine> parsed;
  while (!lines.empty()) {
    if (parsed.size() == kNoteSignaturesMax) {
      return fail(ErrorCode::too_large, "checkpoint note: more than " +
                                            std::to_string(kNoteSignaturesMax) + " signatures");
    }
    KERUEN_TRY(parsed.emplace_back(), parse_signature(take_line(lines)));
  }
  if (parsed.empty()) return not_a_note("no signature");
  return parsed;
}

Result<void> check_characters(std::string_view note) {
  if (note.size() > kNoteBytesMax) return fail(ErrorCode::too_large, "checkpoint note: too long");
  if (note.empty() || note.back() != '\n') return not_a_note("it does not end with a line");
  for (const char c : note) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && c != '\n') return not_a_note("it holds a control character");
  }
  return {};
}

SignedCheckpoint joined(const Checkpoint& checkpoint, const SigningPublicKey& log_key,
                        const Signature& signature) {
  Bytes named = copy_of(note_key_id(checkpoint.origin, log_key));
  append_to(named, signature.view());
  SignedCheckpoint result{checkpoint, log_key, signature, encode_checkpoint(checkpoint)};
  result.note += "\n";
  result.note += kSignaturePrefix;
  result.note += checkpoint.origin.text() + " " + to_base64(named) + "\n";
  return result;
}

}  // namespace

std::string encode_checkpoint(const Checkpoint& checkpoint) {
  return checkpoint.origin.text() + "\n" + std::to_string(checkpoint.size.value) + "\n" +
         to_base64(checkpoint.root.view()) + "\n";
}

SignedCheckpoint sign_checkpoint(const Checkpoint& checkpoint, const SigningKeyPair& log_key) {
  const auto signature = log_key.sign_unlabelled(bytes_of(encode_checkpoint(checkpoint)));
  return joined(checkpoint, log_key.public_key(), signature);
}

Result<SignedCheckpoint> verify_checkpoint(const Checkpoint& checkpoint, const KeyId& log_key,
                                           const Signature& signature,
                                           const std::vector<SigningPublicKey>& log_keys) {
  const auto key = std::ranges::find_if(
      log_keys, [&](const SigningPublicKey& one) { return key_id_of(one) == log_key; });
  if (key == log_keys.end() ||
      !verifies_unlabelled(*key, bytes_of(encode_checkpoint(checkpoint)), signature)) {
    return fail(ErrorCode::bad_signature, "a checkpoint that the log did not sign");
  }
  return joined(checkpoint, *key, signature);
}

Result<SignedCheckpoint> verify_checkpoint(std::string_view note, const Origin& origin,
                                           const std::vector<SigningPublicKey>& log_keys) {
  KERUEN_CHECK(check_characters(note));
  const auto blank = note.rfind("\n\n");
  if (blank == std::string_view::npos) return not_a_note("no blank line before its signatures");
  const std::string_view text = note.substr(0, blank + 1);
  SignedCheckpoint verified;
  KERUEN_TRY(verified.checkpoint, parse_text(text, origin));
  KERUEN_TRY(const auto lines, parse_signatures(note.substr(blank + 2)));
  bool found = false;
  for (const SignatureLine& line : lines) {
    if (line.name != origin.text()) continue;
    for (const SigningPublicKey& key : log_keys) {
      if (note_key_id(origin, key) != line.key_id) continue;
      const auto signature = Signature::from(line.signature);
      // A line in a known key's name that does not verify condemns the note, as C2SP advises.
      if (!signature || !verifies_unlabelled(key, bytes_of(text), *signature)) {
        return fail(ErrorCode::bad_signature, "checkpoint note: the log's signature is wrong");
      }
      if (found) continue;
      found = true;
      verified.log_key = key;
      verified.signature = *signature;
    }
  }
  if (!found) return fail(ErrorCode::bad_signature, "checkpoint note: not signed by the log");
  verified.note = std::string(note);
  return verified;
}

std::string verifier_key_text(const Origin& origin, const SigningPublicKey& log_key) {
  Bytes typed = {kEd25519Type};
  append_to(typed, log_key.view());
  return origin.text() + "+" + to_hex(note_key_id(origin, log_key)) + "+" + to_base64(typed);
}

}  // namespace keruen::certs
