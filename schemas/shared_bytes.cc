#include "schemas/shared_bytes.h"

#include "schemas/error.h"

namespace keruen {

void SharedBytes::ensure_inside(BytesView part) const {
  if (part.empty()) return;
  const BytesView whole = view();
  ensure(part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size(),
         "a part of SharedBytes lies outside of them");
}

}  // namespace keruen
