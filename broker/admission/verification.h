// The first look at a submitted batch: is it what the connection's agency signed?
// Shape: the frame's bytes in, a VerifiedBatch or what to refuse it for, out.
// Threads: the core's; pure functions.
//
// Needs only keys ever logged, which never change: whether a key is in force at the entry's place
// is for ordering, on the log thread.
// Errors: malformed, too_large, bad_signature, not_found (no such signing key), denied (another
// origin, or another's batch).
#pragma once

#include <memory>
#include <optional>

#include "certs/batch.h"
#include "certs/directory.h"

namespace keruen::admission {

// What an answer must name; known as soon as the statement decodes.
struct SubmissionOutline {
  AgencyId sender;
  StreamId stream;
  Lane lane = Lane::routine;
  BatchSequence sequence;
  Digest batch;
};

class Submission {
 public:
  // Decodes shape and statement only: enough to answer when there is no time for more.
  [[nodiscard]] static Result<Submission> decode_unverified(const SharedBytes& bytes);

  [[nodiscard]] const SubmissionOutline& outline() const { return outline_; }
  // Whether its leaves are messages (receipts otherwise). Unverified.
  enum class Content : std::uint8_t { messages, receipts };
  [[nodiscard]] Content content() const;

  [[nodiscard]] Result<std::shared_ptr<const certs::VerifiedBatch>> verify(
      const AgencyId& connected, const certs::Directory& directory) const;

 private:
  Submission() = default;
  wire::UnverifiedBatch batch_;
  SubmissionOutline outline_;
};

}  // namespace keruen::admission
