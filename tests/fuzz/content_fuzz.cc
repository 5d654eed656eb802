// Whatever decodes can be encoded, and decodes to the same again; its JSON too.
#include <cstddef>
#include <cstdint>

#include "schemas/content/content.h"
#include "schemas/content/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  const auto decoded = content::decode_content({data, size});
  if (!decoded) return 0;
  const auto encoded = content::encode(*decoded);
  // The one thing re-encoding may find is shared bytes that no longer fit when written out.
  if (!encoded) {
    ensure(encoded.error().code == ErrorCode::too_large, "what decodes can be encoded");
    return 0;
  }
  const auto again = content::decode_content(*encoded);
  ensure(again.has_value() && *again == *decoded, "decode(encode(x)) == x");
  (void)content::to_json(*decoded);
  return 0;
}
