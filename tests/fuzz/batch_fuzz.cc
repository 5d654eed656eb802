// A batch or slice inside a frame, before anything about it is verified.
#include "schemas/wire/batch.h"
#include "tests/fuzz/wire_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  fuzz_codec(
      {data, size}, [](const Bytes& bytes) { return wire::decode_batch(SharedBytes(bytes)); },
      wire::encode_batch);
  return 0;
}
