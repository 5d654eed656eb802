// A message's header inside a batch.
#include "schemas/wire/header.h"
#include "tests/fuzz/wire_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  fuzz_codec(
      {data, size}, [](const Bytes& bytes) { return wire::decode_header(bytes); },
      wire::encode_header);
  return 0;
}
