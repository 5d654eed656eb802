// Whatever decodes keeps the rules of reading, can be encoded exactly where it keeps those of
// writing, and decodes to the same again; its JSON too.
#include <cstddef>
#include <cstdint>

#include "schemas/content/bounds_check.h"
#include "schemas/content/content.h"
#include "schemas/content/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  const auto decoded = content::decode_content({data, size});
  if (!decoded) return 0;
  ensure(content::check_bounds(*decoded).has_value(), "what decodes keeps the rules of reading");
  (void)content::to_json(*decoded);
  const auto encoded = content::encode(*decoded);
  // What turns a line is read, and not written again.
  if (const auto kept = content::check_bounds_of_new(*decoded); !kept) {
    ensure(!encoded && encoded.error().code == kept.error().code,
           "what breaks the rules of writing is not encoded");
    return 0;
  }
  // The one thing more that encoding may find is shared bytes that no longer fit when written out.
  if (!encoded) {
    ensure(encoded.error().code == ErrorCode::too_large, "what decodes can be encoded");
    return 0;
  }
  const auto again = content::decode_content(*encoded);
  ensure(again.has_value() && *again == *decoded, "decode(encode(x)) == x");
  return 0;
}
