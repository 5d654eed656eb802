// What retention left of a batch, as it lies on a disk: whatever decodes has a tree with a root,
// and whatever is cut down again stays what it is.
#include "broker/log/proof.h"
#include "tests/fuzz/wire_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  fuzz_codec(
      {data, size}, [](const Bytes& bytes) { return wire::decode_kept_batch(SharedBytes(bytes)); },
      wire::encode_batch);
  const SharedBytes bytes(copy_of({data, size}));
  if (const auto slice = log::slice_in_proof(bytes)) {
    const auto kept = wire::decode_kept_batch(bytes);
    ensure(kept.has_value(), "a slice is made of what decodes");
    std::vector<certs::NumberedHash> present;
    for (const wire::Leaf& leaf : slice->leaves) present.push_back({leaf.number, Digest()});
    const auto leaf_count = static_cast<std::uint32_t>(kept->leaves.size() + kept->pruned.size());
    ensure(certs::root_of_pruned(leaf_count, present, slice->pruned).has_value(),
           "its hashes are those its tree asks for");
  }
  log::Record record;
  record.bytes = bytes;
  const auto nobody = [](const Digest&, WallTime) {
    return Result<std::vector<log::LeavesReceipted>>();
  };
  if (const auto proof = log::proof_of(record, nobody, {})) {
    ensure(proof->bytes.size() <= record.bytes.size(), "a proof is never larger");
  }
  return 0;
}
