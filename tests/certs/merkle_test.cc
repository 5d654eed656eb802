#include "certs/merkle.h"

#include <gmock/gmock.h>

#include <sstream>

#include "certs/hash.h"
#include "tests/support/matchers.h"
#include "tests/support/vectors.h"

namespace keruen::certs {
namespace {

constexpr std::size_t kSizesMax = 300;
constexpr std::size_t kProofSizesMax = 66;  // past a power of two; all pairs of them

std::vector<Digest> leaves_of(std::size_t count) {
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < count; ++i) {
    Bytes data;
    append_u64(data, i);
    leaves.push_back(merkle_leaf_hash(data));
  }
  return leaves;
}

// RFC 9162 §2.1.1 word for word, as the definition to hold the library to.
Digest defined_root(std::span<const Digest> leaves) {
  if (leaves.empty()) return sha256({});
  if (leaves.size() == 1) return leaves[0];
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  return merkle_node_hash(defined_root(leaves.first(k)), defined_root(leaves.subspan(k)));
}

MerkleNodeSource nodes_of(const std::vector<Digest>& leaves) {
  return [&leaves](unsigned level, std::uint64_t index) -> Result<Digest> {
    const std::size_t size = std::size_t{1} << level;
    ensure((index + 1) * size <= leaves.size(), "only whole subtrees are asked for");
    return defined_root(std::span(leaves).subspan(index * size, size));
  };
}

void flip(Digest& digest, std::size_t bit) {
  digest.bytes[bit / 8 % 32] ^= static_cast<std::uint8_t>(1u << bit % 8);
}

std::vector<Digest> hashes_of(const std::string& text) {
  std::vector<Digest> hashes;
  std::istringstream words(text);
  for (std::string word; words >> word;) hashes.push_back(*Digest::from_hex(word));
  return hashes;
}

TEST(Merkle, GivesThePublishedRootsAndProofs) {
  const Vectors vectors("merkle.txt");
  std::vector<Digest> leaves;
  for (std::size_t size = 0; size <= 8; ++size) {
    EXPECT_EQ(merkle_root(leaves), vectors.fixed<Digest>("root_" + std::to_string(size)));
    if (size < 8) {
      leaves.push_back(merkle_leaf_hash(vectors.bytes("leaf_" + std::to_string(size))));
    }
  }
  std::size_t proofs = 0;
  for (const auto& [name, text] : vectors.all()) {
    std::uint64_t first = 0;
    std::uint64_t size = 0;
    if (std::sscanf(name.c_str(), "inclusion_%lu_of_%lu", &first, &size) == 2) {
      const std::vector<Digest> tree(leaves.begin(), leaves.begin() + static_cast<long>(size));
      KERUEN_ASSERT_OK(const auto proof, make_inclusion_proof({first}, {size}, nodes_of(tree)));
      EXPECT_EQ(proof, hashes_of(text)) << name;
      EXPECT_THAT(check_inclusion(tree[first], {first}, {size}, merkle_root(tree), proof), IsOk());
      ++proofs;
    } else if (std::sscanf(name.c_str(), "consistency_%lu_to_%lu", &first, &size) == 2) {
      KERUEN_ASSERT_OK(const auto proof, make_consistency_proof({first}, {size}, nodes_of(leaves)));
      EXPECT_EQ(proof, hashes_of(text)) << name;
      EXPECT_THAT(
          check_consistency({first}, vectors.fixed<Digest>("root_" + std::to_string(first)), {size},
                            vectors.fixed<Digest>("root_" + std::to_string(size)), proof),
          IsOk());
      ++proofs;
    }
  }
  EXPECT_EQ(proofs, 9u);
}

TEST(Merkle, RootsFollowTheDefinitionAtEverySize) {
  const auto all = leaves_of(kSizesMax);
  MerkleFrontier frontier;
  for (std::size_t size = 0; size <= kSizesMax; ++size) {
    const std::vector<Digest> leaves(all.begin(), all.begin() + static_cast<long>(size));
    const Digest root = defined_root(leaves);
    EXPECT_EQ(merkle_root(leaves), root) << size;
    EXPECT_EQ(frontier.root(), root) << size;
    EXPECT_EQ(frontier.size().value, size);
    KERUEN_ASSERT_OK(const auto made, make_root({size}, nodes_of(leaves)));
    EXPECT_EQ(made, root) << size;
    KERUEN_ASSERT_OK(const auto restored,
                     MerkleFrontier::restore(frontier.size(), frontier.peaks()));
    EXPECT_EQ(restored, frontier);
    if (size < kSizesMax) frontier.append(all[size]);
  }
}

TEST(Merkle, RefusesAFrontierOfAnotherSize) {
  for (const std::uint64_t size : {0u, 3u, 4u}) {
    EXPECT_THAT(MerkleFrontier::restore({size}, leaves_of(size == 3 ? 1 : 2)),
                FailsWith(ErrorCode::malformed));
  }
}

TEST(Merkle, ProvesEveryLeafOfEveryTree) {
  for (std::uint64_t size = 1; size <= kProofSizesMax; ++size) {
    const auto leaves = leaves_of(size);
    const Digest root = merkle_root(leaves);
    for (std::uint64_t leaf = 0; leaf < size; ++leaf) {
      KERUEN_ASSERT_OK(const auto proof, make_inclusion_proof({leaf}, {size}, nodes_of(leaves)));
      EXPECT_THAT(check_inclusion(leaves[leaf], {leaf}, {size}, root, proof), IsOk())
          << leaf << " of " << size;
    }
  }
}

TEST(Merkle, RefusesEveryCorruptedInclusionProof) {
  for (std::uint64_t size = 1; size <= 20; ++size) {
    const auto leaves = leaves_of(size);
    const Digest root = merkle_root(leaves);
    for (std::uint64_t leaf = 0; leaf < size; ++leaf) {
      KERUEN_ASSERT_OK(const auto proof, make_inclusion_proof({leaf}, {size}, nodes_of(leaves)));
      const auto refused = [&](const Digest& hash, std::uint64_t place, const Digest& to,
                               const std::vector<Digest>& by) {
        return !check_inclusion(hash, {place}, {size}, to, by).has_value();
      };
      for (std::uint64_t other = 0; other < size + 2; ++other) {
        if (other == leaf) continue;
        EXPECT_TRUE(refused(leaves[leaf], other, root, proof));
      }
      Digest wrong = leaves[leaf];
      flip(wrong, leaf);
      EXPECT_TRUE(refused(wrong, leaf, root, proof));
      wrong = root;
      flip(wrong, leaf);
      EXPECT_TRUE(refused(leaves[leaf], leaf, wrong, proof));
      for (std::size_t i = 0; i < proof.size(); ++i) {
        auto bent = proof;
        flip(bent[i], 8 * i + leaf);
        EXPECT_TRUE(refused(leaves[leaf], leaf, root, bent));
        bent = proof;
        bent.erase(bent.begin() + static_cast<long>(i));
        EXPECT_TRUE(refused(leaves[leaf], leaf, root, bent));
      }
      auto longer = proof;
      longer.push_back(root);
      EXPECT_TRUE(refused(leaves[leaf], leaf, root, longer));
    }
  }
}

TEST(Merkle, ProvesThatEveryTreeExtendsEverySmallerOne) {
  const auto all = leaves_of(kProofSizesMax);
  for (std::uint64_t to = 0; to <= kProofSizesMax; ++to) {
    const std::vector<Digest> newer(all.begin(), all.begin() + static_cast<long>(to));
    for (std::uint64_t from = 0; from <= to; ++from) {
      const std::vector<Digest> older(all.begin(), all.begin() + static_cast<long>(from));
      KERUEN_ASSERT_OK(const auto proof, make_consistency_proof({from}, {to}, nodes_of(newer)));
      EXPECT_THAT(check_consistency({from}, merkle_root(older), {to}, merkle_root(newer), proof),
                  IsOk())
          << from << " to " << to;
    }
  }
}

TEST(Merkle, RefusesEveryCorruptedConsistencyProof) {
  const auto all = leaves_of(20);
  for (std::uint64_t to = 2; to <= all.size(); ++to) {
    const std::vector<Digest> newer(all.begin(), all.begin() + static_cast<long>(to));
    const Digest to_root = merkle_root(newer);
    for (std::uint64_t from = 1; from < to; ++from) {
      const std::vector<Digest> older(all.begin(), all.begin() + static_cast<long>(from));
      const Digest from_root = merkle_root(older);
      KERUEN_ASSERT_OK(const auto proof, make_consistency_proof({from}, {to}, nodes_of(newer)));
      const auto refused = [&](std::uint64_t size, const Digest& a, const Digest& b,
                               const std::vector<Digest>& by) {
        return !check_consistency({size}, a, {to}, b, by).has_value();
      };
      Digest wrong = from_root;
      flip(wrong, from);
      EXPECT_TRUE(refused(from, wrong, to_root, proof));
      wrong = to_root;
      flip(wrong, from);
      EXPECT_TRUE(refused(from, from_root, wrong, proof));
      for (std::size_t i = 0; i < proof.size(); ++i) {
        auto bent = proof;
        flip(bent[i], 8 * i + from);
        EXPECT_TRUE(refused(from, from_root, to_root, bent)) << from << " to " << to;
        bent = proof;
        bent.erase(bent.begin() + static_cast<long>(i));
        EXPECT_TRUE(refused(from, from_root, to_root, bent)) << from << " to " << to;
      }
      auto longer = proof;
      longer.push_back(to_root);
      EXPECT_TRUE(refused(from, from_root, to_root, longer));
      for (std::uint64_t other = 1; other <= to + 1; ++other) {
        if (other == from) continue;
        EXPECT_TRUE(refused(other, from_root, to_root, proof));
      }
    }
  }
}

TEST(Merkle, RefusesARewrittenTreeOfTheSameSize) {
  const auto leaves = leaves_of(5);
  auto rewritten = leaves;
  flip(rewritten[2], 0);
  EXPECT_THAT(check_consistency({5}, merkle_root(leaves), {5}, merkle_root(rewritten), {}),
              FailsWith(ErrorCode::bad_signature));
  EXPECT_THAT(check_consistency({5}, merkle_root(leaves), {5}, merkle_root(leaves), {leaves[0]}),
              FailsWith(ErrorCode::bad_signature));
  EXPECT_THAT(check_consistency({0}, {}, {5}, merkle_root(leaves), {leaves[0]}),
              FailsWith(ErrorCode::bad_signature));
}

TEST(Merkle, RefusesToProveWhatIsNotThere) {
  const auto leaves = leaves_of(4);
  EXPECT_THAT(make_inclusion_proof({4}, {4}, nodes_of(leaves)), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(make_inclusion_proof({0}, {0}, nodes_of(leaves)), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(make_consistency_proof({5}, {4}, nodes_of(leaves)), FailsWith(ErrorCode::malformed));
}

TEST(Merkle, PassesOnWhyANodeCannotBeRead) {
  const MerkleNodeSource broken = [](unsigned, std::uint64_t) -> Result<Digest> {
    return fail(ErrorCode::corrupt, "a damaged tree file");
  };
  EXPECT_THAT(make_inclusion_proof({1}, {4}, broken), FailsWith(ErrorCode::corrupt));
  EXPECT_THAT(make_consistency_proof({1}, {4}, broken), FailsWith(ErrorCode::corrupt));
  EXPECT_THAT(make_root({3}, broken), FailsWith(ErrorCode::corrupt));
}

TEST(PrunedTree, HasTheRootOfTheWholeForEverySubsetOfSmallTrees) {
  for (std::uint32_t size = 1; size <= 11; ++size) {
    const auto leaves = leaves_of(size);
    for (std::uint32_t subset = 0; subset < 1u << size; ++subset) {
      std::vector<std::uint32_t> numbers;
      std::vector<NumberedHash> present;
      for (std::uint32_t i = 0; i < size; ++i) {
        if ((subset >> i & 1) == 0) continue;
        numbers.push_back(i);
        present.push_back({i, leaves[i]});
      }
      auto pruned = prune(leaves, numbers);
      EXPECT_THAT(root_of_pruned(size, present, pruned),
                  ::testing::AllOf(IsOk(), ::testing::Truly([&](const Result<Digest>& root) {
                                     return *root == merkle_root(leaves);
                                   })));
      // Each hash is of a largest subtree, so one more or less is noticed.
      if (!pruned.empty()) {
        auto missing = pruned;
        missing.pop_back();
        EXPECT_THAT(root_of_pruned(size, present, missing), FailsWith(ErrorCode::malformed));
      }
      pruned.push_back(leaves[0]);
      EXPECT_THAT(root_of_pruned(size, present, pruned), FailsWith(ErrorCode::malformed));
    }
  }
}

TEST(PrunedTree, NamesNoMoreThanItMust) {
  const auto leaves = leaves_of(8);
  EXPECT_EQ(prune(leaves, {}), std::vector{merkle_root(leaves)});
  EXPECT_TRUE(prune(leaves, {0, 1, 2, 3, 4, 5, 6, 7}).empty());
  EXPECT_EQ(prune(leaves, {2}),
            (std::vector{merkle_node_hash(leaves[0], leaves[1]), leaves[3],
                         merkle_root({leaves[4], leaves[5], leaves[6], leaves[7]})}));
}

TEST(PrunedTree, PrunedFurtherIsAsIfPrunedAtOnce) {
  constexpr std::uint32_t kSize = 7;
  const auto leaves = leaves_of(kSize);
  const auto numbers_of = [](std::uint32_t subset) {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < kSize; ++i) {
      if ((subset >> i & 1) != 0) numbers.push_back(i);
    }
    return numbers;
  };
  for (std::uint32_t shown = 0; shown < 1u << kSize; ++shown) {
    const auto numbers = numbers_of(shown);
    std::vector<NumberedHash> present;
    for (const std::uint32_t number : numbers) present.push_back({number, leaves[number]});
    KERUEN_ASSERT_OK(const auto tree, PrunedTree::build(kSize, present, prune(leaves, numbers)));
    for (std::uint32_t kept = 0; kept <= shown; ++kept) {
      if ((kept & ~shown) != 0) continue;
      ASSERT_EQ(tree.prune_to(numbers_of(kept)), prune(leaves, numbers_of(kept)));
    }
  }
}

TEST(PrunedTree, KeepsOnlyWhatIsPresentAndAscends) {
  const auto leaves = leaves_of(7);
  KERUEN_ASSERT_OK(const auto tree,
                   PrunedTree::build(7, {{1, leaves[1]}, {2, leaves[2]}}, prune(leaves, {1, 2})));
  EXPECT_DEATH((void)tree.prune_to({2, 1}), "ascend");
  EXPECT_DEATH((void)tree.prune_to({7}), "in the tree");
  EXPECT_DEATH((void)tree.prune_to({4}), "present");
}

TEST(PrunedTree, RefusesNumbersOutOfOrderOrRange) {
  const auto leaves = leaves_of(4);
  const auto pruned = prune(leaves, {1, 2});
  using Present = std::vector<NumberedHash>;
  for (const Present& present :
       {Present{{2, leaves[2]}, {1, leaves[1]}}, Present{{1, leaves[1]}, {1, leaves[1]}},
        Present{{1, leaves[1]}, {4, leaves[2]}}}) {
    EXPECT_THAT(root_of_pruned(4, present, pruned), FailsWith(ErrorCode::malformed));
  }
  EXPECT_THAT(root_of_pruned(0, {}, {}), FailsWith(ErrorCode::malformed));
}

TEST(PrunedTree, HasAnotherRootWhenALeafMoves) {
  const auto leaves = leaves_of(4);
  KERUEN_ASSERT_OK(const auto moved, root_of_pruned(4, {{0, leaves[1]}}, prune(leaves, {1})));
  EXPECT_NE(moved, merkle_root(leaves));
}

}  // namespace
}  // namespace keruen::certs
