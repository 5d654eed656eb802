// Signs checkpoints of the log, and never two that disagree.
// Shape: a guard file of four lines (title, size, root, SHA-256 of the lines before), kept apart
// from the log and its backups.
// Threads: one, not the log's.   Lifetime: Disk and key outlive it.
//
// The guard is durable before a signature leaves. A checkpoint that is smaller than the guard, or
// not consistent with it, is refused (chain_fork): a restored backup stops the broker, it never
// forks the log.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "certs/checkpoint.h"

namespace keruen::host {
class Disk;
}

namespace keruen::log {

class Log;

class CheckpointSigner {
 public:
  // corrupt: the guard file is damaged. The guard is made when absent and the log is empty; absent
  // beside a log with entries is refused in words (`denied`) unless the operator removed it on
  // purpose through `--accept-missing-guard`.
  enum class MissingGuard : std::uint8_t { refuse, accept };
  [[nodiscard]] static Result<std::unique_ptr<CheckpointSigner>> open(host::Disk& disk,
                                                                      std::string guard_path,
                                                                      Origin origin,
                                                                      certs::SigningKeyPair log_key,
                                                                      MissingGuard missing);

  // What the guard promises; zero size before the first signature.
  [[nodiscard]] TreeSize guarded_size() const { return guard_ ? guard_->size : TreeSize{}; }
  // Call once after both are open, before the first signature: makes the guard when it may be made.
  // A full disk is left to sign(). chain_fork: the log is not an extension of the guard. denied: no
  // guard beside entries.
  [[nodiscard]] Result<void> check(const Log& log);
  // Signs the log's state at `size` ≤ log.size(). no_space: the guard has no room, try again.
  // io_failed: it could not be made durable.
  [[nodiscard]] Result<certs::SignedCheckpoint> sign(const Log& log, TreeSize size);

 private:
  struct Guard {
    TreeSize size;
    Digest root;
  };
  CheckpointSigner(host::Disk& disk, std::string path, Origin origin, certs::SigningKeyPair key,
                   MissingGuard missing);
  [[nodiscard]] Result<void> check_extends(const Log& log, const Guard& next) const;
  [[nodiscard]] Result<void> keep(const Guard& next);

  host::Disk& disk_;
  const std::string guard_path_;
  const Origin origin_;
  const certs::SigningKeyPair log_key_;
  const MissingGuard missing_;
  std::optional<Guard> guard_;  // empty: there is no file
  bool is_durable_ = false;     // the guard; not known before this process wrote it
  bool has_failed_ = false;     // a guard that could not be written is not written again
};

}  // namespace keruen::log
