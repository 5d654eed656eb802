// A batch's statement, before its signature is checked.
#include "schemas/wire/statement.h"
#include "tests/fuzz/wire_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  fuzz_codec(
      {data, size}, [](const Bytes& bytes) { return wire::decode_statement(bytes); },
      wire::encode_statement);
  return 0;
}
