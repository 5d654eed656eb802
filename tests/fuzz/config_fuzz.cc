// A configuration file: whatever is accepted can be written, and is accepted as the same again.
#include "schemas/bytes.h"
#include "schemas/host/agent_config.h"
#include "schemas/host/broker_config.h"
#include "schemas/host/operator_config.h"

namespace {

template <class Decode, class Encode>
void check(std::string_view text, Decode decode, Encode encode) {
  // A file without a folder: paths stay as they are written.
  const auto decoded = decode(text, "k.toml");
  if (!decoded) return;
  const auto again = decode(encode(*decoded), "k.toml");
  keruen::ensure(again.has_value() && *again == *decoded, "decode(encode(x)) == x");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen::host;
  const std::string_view text = keruen::text_of({data, size});
  check(text, decode_broker_config, encode_broker_config);
  check(text, decode_agent_config, encode_agent_config);
  check(text, decode_operator_config, encode_operator_config);
  return 0;
}
