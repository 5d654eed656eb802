// The first bytes of a stranger that the broker and the agents look at.
#include "schemas/wire/frame.h"
#include "tests/fuzz/wire_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  fuzz_codec(
      {data, size}, [](const Bytes& bytes) { return wire::decode_frame(SharedBytes(bytes)); },
      wire::encode_frame);
  return 0;
}
