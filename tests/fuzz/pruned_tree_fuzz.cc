// A pruned tree that has a root holds exactly the hashes that pruning a whole one would give.
// Input: u16 leaf count, u8 how many leaves are present, their u16 numbers, then hashes of 32
// bytes: of the present leaves, then of the subtrees.
#include <cstddef>
#include <cstdint>

#include "certs/merkle.h"
#include "schemas/limits.h"

namespace {

class Input {
 public:
  explicit Input(keruen::BytesView bytes) : bytes_(bytes) {}

  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size && !bytes_.empty(); ++i) {
      value = value << 8 | bytes_.front();
      bytes_ = bytes_.subspan(1);
    }
    return value;
  }
  keruen::Digest hash() {
    const std::size_t taken = std::min(bytes_.size(), keruen::Digest::kBytes);
    keruen::Digest digest;
    std::ranges::copy(bytes_.first(taken), digest.bytes.begin());
    bytes_ = bytes_.subspan(taken);
    return digest;
  }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

 private:
  keruen::BytesView bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  Input input({data, size});
  const std::uint32_t leaf_count = input.number(2);
  std::vector<certs::NumberedHash> present(input.number(1));
  std::vector<std::uint32_t> numbers;
  for (auto& leaf : present) {
    leaf.number = input.number(2);
    numbers.push_back(leaf.number);
  }
  for (auto& leaf : present) leaf.hash = input.hash();
  std::vector<Digest> pruned;
  while (!input.empty()) pruned.push_back(input.hash());
  const auto root = certs::root_of_pruned(leaf_count, present, pruned);
  if (!root || leaf_count > kLeavesPerBatchMax) return 0;
  std::vector<Digest> whole(leaf_count);
  for (const auto& leaf : present) whole[leaf.number] = leaf.hash;
  const auto expected = certs::prune(whole, numbers);
  ensure(expected.size() == pruned.size(), "as many hashes as the tree's shape asks for");
  const auto own = certs::root_of_pruned(leaf_count, present, expected);
  ensure(own.has_value() && *own == certs::merkle_root(whole), "a pruned tree has its root");
  return 0;
}
