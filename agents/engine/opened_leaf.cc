#include "agents/engine/opened_leaf.h"

#include <algorithm>

namespace keruen::engine {
namespace {

// What the store must know of an opened content, besides the content itself.
void describe(const content::Content& content, store::ArrivedMessage& message) {
  message.thread = content.header.thread;
  for (const auto& attachment : content.parts) {
    message.attachments.push_back({attachment.sha256, attachment.parts});
  }
  if (const auto* part = std::get_if<content::Part>(&content.body)) {
    message.part = store::PartName{part->whole, part->number};
    message.listing = store::Listing::hidden;
  } else if (const auto* receipt = std::get_if<content::OfficerReceipt>(&content.body)) {
    message.word = store::OfficerWord{receipt->message,
                                      receipt->kind == content::ReceiptKind::read
                                          ? store::RecipientState::read
                                          : store::RecipientState::processed,
                                      receipt->when};
    message.listing = store::Listing::hidden;
  } else if (const auto* recall = std::get_if<content::Recall>(&content.body)) {
    message.recalls = recall->message;
    message.listing = store::Listing::hidden;
  }
}

}  // namespace

Result<OwnPlace> find_own_place(const AgencyId& self, const certs::VerifiedLeaf& leaf) {
  const auto& header = std::get<wire::Header>(leaf.decoded);
  const auto& message = std::get<wire::MessageLeaf>(leaf.leaf.content);
  const auto found = std::ranges::find(header.recipients, self);
  if (found == header.recipients.end()) {
    return fail(ErrorCode::denied, "a leaf that is not addressed to this agency");
  }
  const auto place = static_cast<std::size_t>(found - header.recipients.begin());
  const auto* wrap =
      place < message.wraps.size() ? std::get_if<wire::Wrap>(&message.wraps[place]) : nullptr;
  if (wrap == nullptr) {
    return fail(ErrorCode::malformed, "a leaf without the wrap of this agency");
  }
  return OwnPlace{place, wrap};
}

LeafJudgement judge_leaf(const LeafQuestion& question, const OwnPlace& own, certs::Opener& opener) {
  const auto& header = std::get<wire::Header>(question.leaf.decoded);
  const auto& leaf = std::get<wire::MessageLeaf>(question.leaf.leaf.content);
  if (!question.registry.allows(header.sender, question.self, header.kind)) {
    return TransportFault{{ErrorCode::denied, "no rule lets " + header.sender.text() + " send a " +
                                                  std::string(name_of(header.kind)) + " here"}};
  }
  if (!std::holds_alternative<SharedBytes>(leaf.body)) {
    return TransportFault{{ErrorCode::malformed, "a message without its body or a reason"}};
  }
  auto opened = opener.open(header, leaf, own.place);
  if (!opened) return Undeliverable{opened.error().code, opened.error().detail};
  const auto content = content::decode_content(opened->content);
  if (!content) return Undeliverable{content.error().code, content.error().detail};
  if (content::kind_of(*content) != header.kind) {
    return Undeliverable{ErrorCode::malformed, "its content is of another kind than it says"};
  }
  OpenedLeaf result;
  result.key = std::move(opened->key);
  result.message.leaf = question.leaf.number;
  result.message.id = header.message;
  result.message.kind = header.kind;
  result.message.created_at = header.created_at;
  result.message.expires_at = header.expires_at;
  result.message.late = header.expires_at <= question.now.wall;
  describe(*content, result.message);
  return result;
}

}  // namespace keruen::engine
