// Takes what officers and the forwarder hand in: checks it against the rules, fixes recipients and
// expiry, cuts attachments to parts, stores it unsealed.
// Threads: the engine thread.   Lifetime: borrows the Desk.
#pragma once

#include "agents/engine/desk.h"

namespace keruen::engine {

class Outbox {
 public:
  explicit Outbox(Desk& desk) : desk_(desk), ids_(desk.randomness) {}

  // See Engine::submit. An error is the store's, or of an attachment that changed under way: then
  // none is stored.
  [[nodiscard]] Result<std::vector<Result<Submitted>>> submit(
      const std::vector<const SubmitRequest*>& requests, Now now);
  // See Engine::sent_before.
  [[nodiscard]] Result<std::optional<Submitted>> sent_before(const DuplicateKey& once,
                                                             const std::vector<PartyId>& to);
  [[nodiscard]] Result<std::vector<RecallAnswer>> recall(const RecallRequest& request, Now now);
  [[nodiscard]] Result<void> mark_read(const ReadRequest& request, Now now);
  [[nodiscard]] Result<void> mark_processed(const ProcessRequest& request, Now now);

 private:
  struct Prepared {
    Submitted answer;
    store::Submission submission;
  };
  [[nodiscard]] Result<Prepared> prepare(const SubmitRequest& request, Now now);
  struct Members {
    std::vector<AgencyId> active;
    std::vector<AgencyId> suspended;  // of groups
  };
  [[nodiscard]] Result<Members> expand(const std::vector<PartyId>& parties) const;
  [[nodiscard]] Result<void> check_rules(const std::vector<AgencyId>& recipients, MessageKind kind,
                                         Now now) const;
  [[nodiscard]] bool still_counts(const store::SentMessage& sent,
                                  const std::vector<PartyId>& to) const;
  [[nodiscard]] Result<void> check_fits(BytesView content) const;
  [[nodiscard]] Result<content::PartsManifest> measure(
      const std::vector<Attachment>& attachments) const;
  [[nodiscard]] Result<void> answer_sender(const store::ReceivedMessage& message,
                                           content::OfficerReceipt receipt,
                                           const content::Author& officer, Now now);

  Desk& desk_;
  certs::MessageIds ids_;
};

}  // namespace keruen::engine
