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
    if (sequence == last.sequence.value && leaf.hash != last.leaf) {
      changes.notes.push_back(fork_note(leaf));
    }
    close_gap(leaf, known, changes);
    return {};
  }
  if (sequence == last.sequence.value + 1) {
    if (leaf.position.previous_leaf != last.leaf) changes.notes.push_back(fork_note(leaf));
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

void Pairs::close_gap(const Leaf& leaf, const std::vector<store::Missing>& known,
                      Changes& changes) {
  const auto sequence = leaf.position.sequence;
  const auto closes = [&](const store::Missing& missing) {
    return missing.gap && missing.gap->agency == leaf.sender &&
           missing.gap->stream == leaf.stream && missing.gap->first <= sequence &&
           sequence <= missing.gap->last;
  };
  // What this arrival already changed counts before what is on record.
  for (auto& missing : changes.changed) {
    if (!closes(missing)) continue;
    if (missing.gap->first == missing.gap->last) {
      changes.found.push_back(missing.number);
    } else if (sequence == missing.gap->first) {
      missing.gap->first = sequence.next();
    } else {
      missing.gap->last = PairSequence{sequence.value - 1};
    }
    return;
  }
  for (const auto& missing : known) {
    if (!closes(missing)) continue;
    if (missing.gap->first == missing.gap->last) {
      changes.found.push_back(missing.number);
      return;
    }
    store::Missing left = missing;
    if (sequence == missing.gap->first) {
      left.gap->first = sequence.next();
    } else {
      // In the middle: what stands behind it is a gap of its own.
      if (sequence < missing.gap->last) {
        store::Missing rest = missing;
        rest.gap->first = sequence.next();
        changes.missing.push_back(rest);
      }
      left.gap->last = PairSequence{sequence.value - 1};
    }
    changes.changed.push_back(left);
    return;
  }
}

void Pairs::commit(const Changes& changes) {
  if (heads_.size() > kHeadsKept) heads_.clear();
  for (const auto& [name, head] : changes.heads) heads_[name] = head;
}

}  // namespace keruen::engine
