// What every fuzz target of schemas/wire checks: whatever decodes can be encoded, and is the same
// when decoded again.   Threads: one.
#pragma once

#include "schemas/bytes.h"
#include "schemas/error.h"

namespace keruen {

template <class Decode, class Encode>
void fuzz_codec(BytesView input, Decode decode, Encode encode) {
  const auto decoded = decode(copy_of(input));
  if (!decoded) return;
  const auto again = decode(encode(*decoded));
  // Two fields may have shared bytes that are written twice, and are then too many.
  if (!again && again.error().code == ErrorCode::too_large) return;
  ensure(again.has_value() && *again == *decoded, "decode(encode(x)) == x");
}

}  // namespace keruen
