// A key record, with and without the signature around it.
#include "schemas/wire/key_record.h"

#include "tests/fuzz/wire_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  fuzz_codec(
      {data, size}, [](const Bytes& bytes) { return wire::decode_key_record(bytes); },
      wire::encode_key_record);
  fuzz_codec(
      {data, size}, [](const Bytes& bytes) { return wire::decode_signed_record(bytes); },
      wire::encode_signed_record);
  return 0;
}
