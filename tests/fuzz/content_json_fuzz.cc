// Whatever is read from JSON satisfies the rules and is read the same from its own JSON.
#include <cstddef>
#include <cstdint>

#include "schemas/content/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  const std::string_view text = text_of({data, size});
  if (const auto notice = content::notice_from_json(text)) {
    const auto again = content::notice_from_json(content::notice_to_json(*notice));
    ensure(again.has_value() && *again == *notice, "a notice is read as written");
  }
  if (const auto whole = content::content_from_json(text)) {
    const auto again = content::content_from_json(content::to_json(*whole));
    ensure(again.has_value() && *again == *whole, "a content is read as written");
  }
  (void)content::schedule_from_json(text);
  (void)content::receipt_from_json(text);
  return 0;
}
