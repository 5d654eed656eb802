// One message's content key, sealed to one recipient, and its place in that pair's chain.
// Shape: stands in a batch; the recipient's id is the one at the same place in the header.
// Threads: values.
//
// Only the broker and that recipient see a wrap: pair sequences tell nobody else about the
// sender's traffic. What others see in its place is the wrap's hash.
#pragma once

#include "schemas/names.h"

namespace keruen::wire {

// Where a leaf stands among all leaves of one stream to one recipient, messages and receipts alike.
struct PairPosition {
  PairSequence sequence;  // from 1
  Digest previous_leaf;   // zeros for the first

  bool operator==(const PairPosition&) const = default;
};

struct Wrap {
  ChannelId channel;
  KeyId prekey;
  EncapsulatedKey encapsulated_key;
  PairPosition position;
  SealedKey sealed_key;

  bool operator==(const Wrap&) const = default;
};

}  // namespace keruen::wire
