#include "broker/log/checkpoint_signer.h"

#include <charconv>

#include "broker/log/log.h"
#include "certs/hash.h"
#include "schemas/host/disk.h"

namespace keruen::log {
namespace {

constexpr std::string_view kTitle = "keruen checkpoint guard 1";
constexpr std::size_t kGuardBytesMax = 1024;

std::string encode_guard(TreeSize size, const Digest& root) {
  std::string text = std::string(kTitle) + "\n" + std::to_string(size.value) + "\n" + root.hex();
  text += "\n";
  return text + certs::sha256(bytes_of(text)).hex() + "\n";
}

struct GuardLines {
  TreeSize size;
  Digest root;
};

// Strict: only what encode_guard writes for these values is a guard.
std::optional<GuardLines> decode_guard(std::string_view text) {
  GuardLines lines;
  if (!text.starts_with(kTitle) || text.size() <= kTitle.size()) return std::nullopt;
  std::string_view rest = text.substr(kTitle.size() + 1);
  const auto [end, fault] =
      std::from_chars(rest.data(), rest.data() + rest.size(), lines.size.value);
  if (fault != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (rest.size() < 1 + 2 * Digest::kBytes) return std::nullopt;
  const auto root = Digest::from_hex(rest.substr(1, 2 * Digest::kBytes));
  if (!root) return std::nullopt;
  lines.root = *root;
  if (encode_guard(lines.size, lines.root) != text) return std::nullopt;
  return lines;
}

}  // namespace

CheckpointSigner::CheckpointSigner(host::Disk& disk, std::string path, Origin origin,
                                   certs::SigningKeyPair key, MissingGuard missing)
    : disk_(disk),
      guard_path_(std::move(path)),
      origin_(std::move(origin)),
      log_key_(std::move(key)),
      missing_(missing) {}

Result<std::unique_ptr<CheckpointSigner>> CheckpointSigner::open(host::Disk& disk,
                                                                 std::string guard_path,
                                                                 Origin origin,
                                                                 certs::SigningKeyPair log_key,
                                                                 MissingGuard missing) {
  std::unique_ptr<CheckpointSigner> signer(new CheckpointSigner(
      disk, std::move(guard_path), std::move(origin), std::move(log_key), missing));
  auto bytes = host::read_file(disk, signer->guard_path_, kGuardBytesMax);
  if (!bytes) {
    if (bytes.error().code == ErrorCode::not_found) return signer;
    return fail(std::move(bytes).error());
  }
  const auto lines = decode_guard(text_of(*bytes));
  if (!lines) {
    return fail(ErrorCode::corrupt,
                "the checkpoint guard is damaged: " + signer->guard_path_ +
                    "; it alone knows what was signed, restore it or publish a new origin");
  }
  signer->guard_ = Guard{lines->size, lines->root};
  return signer;
}

Result<void> CheckpointSigner::keep(const Guard& next) {
  if (has_failed_) return fail(ErrorCode::io_failed, "the checkpoint guard could not be written");
  if (auto kept = host::write_file_atomically(
          disk_, guard_path_, bytes_of(encode_guard(next.size, next.root)), host::kPrivateMode);
      !kept) {
    if (kept.error().code == ErrorCode::no_space) return kept;
    has_failed_ = true;
    return fail(ErrorCode::io_failed, kept.error().detail);
  }
  guard_ = next;
  is_durable_ = true;
  return {};
}

Result<void> CheckpointSigner::check_extends(const Log& log, const Guard& next) const {
  const auto fork = [&](const std::string& how) {
    return fail(ErrorCode::chain_fork,
                how + ": a checkpoint of " + std::to_string(guard_->size.value) +
                    " entries with root " + guard_->root.hex() +
                    " was signed; this log is not its continuation (restored from a backup?)");
  };
  if (next.size < guard_->size) {
    return fork("the log has only " + std::to_string(next.size.value) + " entries");
  }
  if (guard_->size.value == 0) return {};
  KERUEN_TRY(const auto proof, log.consistency_proof(guard_->size, next.size));
  if (!certs::check_consistency(guard_->size, guard_->root, next.size, next.root, proof)) {
    return fork("the log of " + std::to_string(next.size.value) + " entries has another past");
  }
  return {};
}

Result<void> CheckpointSigner::check(const Log& log) {
  const Guard now{log.size(), {}};
  KERUEN_TRY(const Digest root, log.root_at(now.size));
  const bool is_on_disk = guard_.has_value();
  if (guard_) {
    KERUEN_CHECK(check_extends(log, {now.size, root}));
  } else if (now.size.value > 0 && missing_ == MissingGuard::refuse) {
    return fail(ErrorCode::denied,
                "there is no checkpoint guard at " + guard_path_ + " beside a log of " +
                    std::to_string(now.size.value) +
                    " entries; if it was removed on purpose, start with --accept-missing-guard");
  } else {
    guard_ = Guard{now.size, root};
  }
  // Written again: an earlier process may have ended before what we read was durable.
  auto kept = keep(*guard_);
  if (kept || kept.error().code != ErrorCode::no_space) return kept;
  if (is_on_disk) return {};
  // Without one the next start would take this log for one whose guard was lost.
  return fail(ErrorCode::no_space, kept.error().detail + "; make room for the checkpoint guard");
}

Result<certs::SignedCheckpoint> CheckpointSigner::sign(const Log& log, TreeSize size) {
  ensure(guard_.has_value(), "check() comes before the first signature");
  KERUEN_TRY(const Digest root, log.root_at(size));
  KERUEN_CHECK(check_extends(log, {size, root}));
  // Durable before a signature leaves: a crash between the two loses a signature, not the promise.
  if (size != guard_->size || !is_durable_) KERUEN_CHECK(keep({size, root}));
  return certs::sign_checkpoint({origin_, size, root}, log_key_);
}

}  // namespace keruen::log
