// A registry's head, an entry, and a whole snapshot as it lies in a file.
#include "schemas/wire/registry.h"

#include "tests/fuzz/wire_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  fuzz_codec(
      {data, size}, [](const Bytes& bytes) { return wire::decode_registry_head(bytes); },
      wire::encode_registry_head);
  fuzz_codec(
      {data, size}, [](const Bytes& bytes) { return wire::decode_registry_entry(bytes); },
      wire::encode_registry_entry);
  fuzz_codec(
      {data, size}, [](const Bytes& bytes) { return wire::decode_snapshot(bytes); },
      wire::encode_snapshot);
  return 0;
}
