#include "agents/engine/pairs.h"

namespace keruen::engine {
namespace {

constexpr std::size_t kHeadsKept = 16 * 1024;

store::Note fork_note(const Pairs::Leaf& leaf) {
  return {store::EventType::warning,
          {},
          {},
          leaf.sender,
          ErrorCode::chain_fork,
          "Number " + std::to_string(leaf.position.sequence.value) + " from " + leaf.sender.text() +
              " does not continue the one before it: their store may have been copied or "
              "restored. Ask them."};
}

// Once a slice: a thousand times the same would hide whatever else people are told.
void note_fork(const Pairs::Leaf& leaf, Pairs::Changes& changes) {
  const bool is_told = std::ranges::any_of(changes.notes, [&](const store::Note& note) {
    return note.code == ErrorCode::chain_fork && note.agency == leaf.sender;
  });
  if (!is_told) changes.notes.push_back(fork_note(leaf));
}

bool closes(const Pairs::Leaf& leaf, const store::Missing& missing) {
  return missing.gap && missing.gap->agency == leaf.sender && missing.gap->stream == leaf.stream &&
         missing.gap->first <= leaf.position.sequence &&
         leaf.position.sequence <= missing.gap->last;
}

// What is left of a gap of several numbers: before the one that came, and behind it.
std::vector<store::Missing> left_of(const store::Missing& missing, PairSequence sequence) {
  std::vector<store::Missing> left;
  if (missing.gap->first < sequence) {
    left.push_back(missing);
    left.back().gap->last = PairSequence{sequence.value - 1};
  }
  if (sequence < missing.gap->last) {
    left.push_back(missing);
    left.back().gap->first = sequence.next();
  }
  return left;
}

}  // namespace

Result<void> Pairs::see(const Leaf& leaf, const std::vector<store::Missing>& known,
                        Changes& changes) {
  const auto name = std::pair(leaf.sender, leaf.stream);
  auto head = changes.heads.find(name);
  if (head == changes.heads.end()) {
    store::IncomingPair before{leaf.sender, leaf.stream, {}, {}, {}};
    if (const auto cached = heads_.find(name); cached != heads_.end()) {
      before = cached->second;
    } else {
      KERUEN_TRY(const auto stored, desk_.store.pair_in(leaf.sender, leaf.stream));
      if (stored) before = *stored;
    }
    head = changes.heads.emplace(name, before).first;
  }
  store::IncomingPair& last = head->second;
  const std::uint64_t sequence = leaf.position.sequence.value;
  if (sequence <= last.sequence.value) {
    if (sequence == last.sequence.value && leaf.hash != last.leaf) note_fork(leaf, changes);
    close_gap(leaf, known, changes);
    return {};
  }
  if (sequence == last.sequence.value + 1) {
    if (leaf.position.previous_leaf != last.leaf) note_fork(leaf, changes);
  } else {
    store::Missing gap;
    gap.lane = leaf.lane;
    gap.from = last.sequence.value == 0 ? wire::Cursor{} : last.at;
    gap.to = leaf.at;
    gap.gap =
        store::PairGap{leaf.sender, leaf.stream, last.sequence.next(), PairSequence{sequence - 1}};
    changes.missing.push_back(gap);
    changes.notes.push_back({store::EventType::warning,
                             {},
                             {},
                             leaf.sender,
                             ErrorCode::out_of_sequence,
                             "Between numbers " + std::to_string(last.sequence.value) + " and " +
                                 std::to_string(sequence) + " from " + leaf.sender.text() +
                                 " something is missing; the broker is asked for it again."});
  }
  changes.advanced = true;
  last.sequence = leaf.position.sequence;
  last.leaf = leaf.hash;
  last.at = leaf.at;
  return {};
}

// What this arrival made or changed already counts, and not what stands on record of it.
void Pairs::close_gap(const Leaf& leaf, const std::vector<store::Missing>& known,
                      Changes& changes) {
  const auto sequence = leaf.position.sequence;
  const auto is_it = [&](const store::Missing& missing) { return closes(leaf, missing); };
  if (const auto made = std::ranges::find_if(changes.missing, is_it);
      made != changes.missing.end()) {
    const auto left = left_of(*made, sequence);
    changes.missing.erase(made);
    changes.missing.insert(changes.missing.end(), left.begin(), left.end());
    return;
  }
  auto changed = std::ranges::find_if(changes.changed, is_it);
  if (changed == changes.changed.end()) {
    const auto recorded = std::ranges::find_if(known, [&](const store::Missing& missing) {
      return is_it(missing) &&
             std::ranges::find(changes.found, missing.number) == changes.found.end() &&
             std::ranges::find(changes.changed, missing.number, &store::Missing::number) ==
                 changes.changed.end();
    });
    if (recorded == known.end()) return;
    changed = changes.changed.insert(changes.changed.end(), *recorded);
  }
  // The first piece keeps the row, the second is one of its own.
  const auto left = left_of(*changed, sequence);
  if (left.empty()) {
    changes.found.push_back(changed->number);
    changes.changed.erase(changed);
    return;
  }
  *changed = left.front();
  if (left.size() > 1) changes.missing.push_back(left.back());
}

void Pairs::commit(const Changes& changes) {
  if (heads_.size() > kHeadsKept) heads_.clear();
  for (const auto& [name, head] : changes.heads) heads_[name] = head;
}

}  // namespace keruen::engine
