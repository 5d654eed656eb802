// A receipt leaf.
#include "schemas/wire/receipt.h"
#include "tests/fuzz/wire_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  fuzz_codec(
      {data, size}, [](const Bytes& bytes) { return wire::decode_receipt(bytes); },
      wire::encode_receipt);
  return 0;
}
