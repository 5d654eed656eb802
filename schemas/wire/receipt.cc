#include "schemas/wire/receipt.h"

#include "schemas/limits.h"
#include "schemas/wire/fields.h"

namespace keruen::wire {
namespace {

Result<std::vector<LeafRange>> ranges_of(capnp::List<format::LeafRange>::Reader source) {
  KERUEN_CHECK(check_count(source.size(), 1, kReceiptRangesMax, "leaves"));
  std::vector<LeafRange> ranges;
  ranges.reserve(source.size());
  for (const auto range : source) {
    const LeafRange read{range.getFirst(), range.getLast()};
    if (read.first > read.last) return malformed("leaves", "a range ends before it begins");
    if (read.last >= kLeavesPerBatchMax) return malformed("leaves", "a range beyond any batch");
    if (!ranges.empty() && read.first <= ranges.back().last) {
      return malformed("leaves", "ranges overlap or do not ascend");
    }
    ranges.push_back(read);
  }
  return ranges;
}

// People read the cause as their own system's: "restore that file" is nothing a recipient may say.
bool may_be_undeliverable(ErrorCode code) {
  return code == ErrorCode::malformed || code == ErrorCode::too_large ||
         code == ErrorCode::unsupported || code == ErrorCode::bad_signature ||
         code == ErrorCode::not_found;
}

Result<Receipt> receipt_of(format::Receipt::Reader source) {
  Receipt receipt;
  KERUEN_TRY(receipt.to, id_of<AgencyId>(source.getTo(), "to"));
  KERUEN_TRY(receipt.position, position_of(source.getSequence(), source.getPreviousLeaf()));
  KERUEN_TRY(receipt.batch, fixed_of<Digest>(source.getBatch(), "batch"));
  KERUEN_TRY(receipt.leaves, ranges_of(source.getLeaves()));
  KERUEN_TRY(receipt.undeliverable, optional_code_of(source.getUndeliverable(), "undeliverable"));
  if (receipt.undeliverable && !may_be_undeliverable(*receipt.undeliverable)) {
    return malformed("undeliverable", "a cause that opening a message does not have");
  }
  KERUEN_TRY(receipt.at, time_of(source.getAt(), "at"));
  return receipt;
}

}  // namespace

Bytes encode_receipt(const Receipt& receipt) {
  FlatWriter writer(40 + words_for(receipt.to.text().size()) + receipt.leaves.size());
  auto target = writer.initRoot<format::Receipt>();
  target.setTo(text_for(receipt.to.text()));
  target.setSequence(receipt.position.sequence.value);
  target.setPreviousLeaf(data_of(receipt.position.previous_leaf));
  target.setBatch(data_of(receipt.batch));
  auto leaves = target.initLeaves(static_cast<kj::uint>(receipt.leaves.size()));
  for (kj::uint i = 0; i < leaves.size(); ++i) {
    leaves[i].setFirst(receipt.leaves[i].first);
    leaves[i].setLast(receipt.leaves[i].last);
  }
  target.setUndeliverable(number_of(receipt.undeliverable));
  target.setAt(milliseconds_of(receipt.at));
  return writer.finish();
}

Result<Receipt> decode_receipt(BytesView bytes) {
  return read_strict<Receipt>(bytes, kReceiptBytesMax, [](capnp::MessageReader& message) {
    return receipt_of(message.getRoot<format::Receipt>());
  });
}

}  // namespace keruen::wire
