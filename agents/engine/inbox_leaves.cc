// Inbox: the leaves of one verified slice, and its way into the store.
#include <algorithm>

#include "agents/engine/inbox.h"
#include "agents/engine/opened_leaf.h"

namespace keruen::engine {

Result<void> Inbox::see_pair(const wire::DeliverSlice& slice, const certs::VerifiedBatch& batch,
                             const certs::VerifiedLeaf& leaf, const wire::PairPosition& position,
                             Draft& draft) {
  return pairs_.see({batch.statement.sender, batch.statement.stream, slice.lane, position,
                     leaf.hash, wire::Cursor{slice.index, leaf.number}},
                    missing_.all(), draft.pairs);
}

Result<void> Inbox::take_receipt(const wire::DeliverSlice& slice, const certs::VerifiedBatch& batch,
                                 const certs::VerifiedLeaf& leaf, Draft& draft) {
  const auto& receipt = std::get<wire::Receipt>(leaf.decoded);
  if (receipt.to != desk_.self()) {
    draft.faults.emplace_back(leaf.number,
                              Error{ErrorCode::denied, "a receipt that is not for this agency"});
    return {};
  }
  KERUEN_CHECK(see_pair(slice, batch, leaf, receipt.position, draft));
  draft.arrival.words.push_back(
      {receipt.batch, batch.statement.sender, receipt.leaves, receipt.undeliverable, receipt.at});
  return {};
}

Result<void> Inbox::take_stub(const wire::Stub& stub, const certs::VerifiedLeaf& leaf,
                              const certs::Registry& registry, Draft& draft) {
  const auto& header = std::get<wire::Header>(leaf.decoded);
  const bool shown = header.kind != MessageKind::part && header.kind != MessageKind::receipt &&
                     registry.allows(header.sender, desk_.self(), header.kind);
  if (!shown) return {};
  // It came before it expired, and is asked for again with a gap beside it.
  KERUEN_TRY(const bool is_here, desk_.store.knows(header.sender, header.message));
  if (is_here) return {};
  const bool is_noted = std::ranges::any_of(draft.arrival.notes, [&](const store::Note& note) {
    return note.type == store::EventType::stub && note.message == header.message;
  });
  if (is_noted) return {};
  draft.arrival.notes.push_back(
      {store::EventType::stub, header.message, header.kind, header.sender, stub.reason,
       "A message from " + header.sender.text() + " does not come: " +
           std::string(cause_of(stub.reason)) + " Ask them to send it again if it matters."});
  return {};
}

Result<void> Inbox::take_message(const wire::DeliverSlice& slice, const certs::VerifiedBatch& batch,
                                 const certs::VerifiedLeaf& leaf, Now now, Draft& draft) {
  const auto own = find_own_place(desk_.self(), leaf);
  const auto registry = desk_.directory.registry(slice.index);
  if (!own || !registry) {
    draft.faults.emplace_back(
        leaf.number, own ? Error{ErrorCode::not_found, "no registry in force"} : own.error());
    return {};
  }
  const auto stub = std::ranges::find(slice.stubs, leaf.number, &wire::Stub::leaf);
  const bool bodiless =
      std::holds_alternative<Digest>(std::get<wire::MessageLeaf>(leaf.leaf.content).body);
  if (stub != slice.stubs.end() && bodiless) {
    KERUEN_CHECK(see_pair(slice, batch, leaf, own->wrap->position, draft));
    return take_stub(*stub, leaf, *registry, draft);
  }
  const auto& header = std::get<wire::Header>(leaf.decoded);
  auto judgement = judge_leaf({desk_.self(), *registry, leaf, now}, *own, keyring_.opener());
  if (const auto* fault = std::get_if<TransportFault>(&judgement)) {
    draft.faults.emplace_back(leaf.number, fault->error);
    return {};
  }
  KERUEN_CHECK(see_pair(slice, batch, leaf, own->wrap->position, draft));
  if (const auto* undeliverable = std::get_if<Undeliverable>(&judgement)) {
    draft.receipts.add(leaf.number, undeliverable->code);
    desk_.journal.write(host::JournalLevel::warning, "undeliverable",
                        {{"message", to_text(header.message)},
                         {"from", header.sender.text()},
                         {"code", name_of(undeliverable->code)},
                         {"detail", undeliverable->detail}});
    return {};
  }
  auto& opened = std::get<OpenedLeaf>(judgement);
  draft.receipts.add(leaf.number, std::nullopt);
  KERUEN_TRY(const bool repeat, desk_.store.knows(header.sender, header.message));
  if (repeat || !draft.fresh.insert(header.message).second) return {};
  draft.arrival.keys.emplace_back(leaf.number, std::move(opened.key));
  draft.arrival.messages.push_back(std::move(opened.message));
  return {};
}

void Inbox::note_fault(const wire::DeliverSlice& slice, std::uint32_t first, std::uint32_t last,
                       const Error& error, store::Arrival& arrival) {
  desk_.journal.write_error(host::JournalLevel::warning, "transport_fault", error,
                            {{"index", slice.index.value}, {"leaf", first}});
  if (const auto known = missing_.known(slice.lane, {slice.index, first})) {
    if (error.code != store::kUnproved) return;
    // It came: that its proof did not is no reason to ask less often.
    arrival.found.push_back(*known);
  }
  store::Missing missing;
  missing.lane = slice.lane;
  missing.from = {slice.index, first};
  missing.to = {slice.index, last};
  missing.code = error.code;
  arrival.missing.push_back(missing);
}

Inbox::Step Inbox::transport_fault(const wire::DeliverSlice& slice, std::uint32_t first,
                                   std::uint32_t last, const Error& error, Turn& turn) {
  Draft draft;
  draft.arrival.lane = slice.lane;
  draft.arrival.at = turn.now().wall;
  note_fault(slice, first, last, error, draft.arrival);
  if (!slice.again) draft.arrival.cursor = wire::Cursor{slice.index, last};
  auto& cursor = cursors_[static_cast<std::size_t>(slice.lane)];
  if (draft.arrival.cursor && cursor && *draft.arrival.cursor < *cursor) {
    draft.arrival.cursor.reset();
  }
  if (!turn.checked(desk_.store.arrive(draft.arrival)) || !turn.checked(missing_.load())) {
    if (!desk_.stopped) retry_at_ = turn.now().monotonic + kRetryFullDisk;
    return Step::wait;
  }
  if (draft.arrival.cursor) cursor = draft.arrival.cursor;
  return Step::done;
}

Inbox::Step Inbox::store(Draft& draft, const wire::DeliverSlice& slice, Turn& turn) {
  auto& arrival = draft.arrival;
  arrival.receipts =
      draft.receipts.receipts(slice.lane, arrival.sender, arrival.place.batch, turn.now().wall);
  for (const auto& [name, head] : draft.pairs.heads) arrival.pairs.push_back(head);
  arrival.missing = draft.pairs.missing;
  arrival.changed = draft.pairs.changed;
  arrival.found = draft.pairs.found;
  arrival.notes.insert(arrival.notes.end(), draft.pairs.notes.begin(), draft.pairs.notes.end());
  for (const auto& [leaf, error] : draft.faults) note_fault(slice, leaf, leaf, error, arrival);
  const std::uint32_t last = draft.last_leaf;
  if (draft.faults.empty()) {
    const auto settled = missing_.settled_by(slice.lane, slice.index, draft.first_leaf, last);
    arrival.found.insert(arrival.found.end(), settled.begin(), settled.end());
  }
  // What lies beside a gap comes again with it: it is neither kept nor receipted a second time. Nor
  // are receipts kept, but they count: their gap may have been given up.
  if (slice.again && draft.pairs.is_empty() && arrival.found.empty() && draft.faults.empty() &&
      arrival.messages.empty()) {
    if (arrival.words.empty()) return Step::done;
    arrival.slice = {};
  }
  auto& cursor = cursors_[static_cast<std::size_t>(slice.lane)];
  const wire::Cursor end{slice.index, last};
  if (!slice.again && (!cursor || *cursor < end)) arrival.cursor = end;
  if (!turn.checked(desk_.store.arrive(arrival))) {
    if (!desk_.stopped) retry_at_ = turn.now().monotonic + kRetryFullDisk;
    return Step::wait;
  }
  turn.store_works();
  if (arrival.cursor) cursor = end;
  pairs_.commit(draft.pairs);
  for (const auto& note : draft.pairs.notes) turn.alert(note.text);
  const bool missing_changed =
      !arrival.missing.empty() || !arrival.changed.empty() || !arrival.found.empty();
  if (missing_changed && !turn.checked(missing_.load())) return Step::done;
  arrived_ = arrived_ || !arrival.messages.empty();
  work_ = work_ || !arrival.receipts.empty() || !arrival.words.empty();
  return Step::done;
}

}  // namespace keruen::engine
