#include "schemas/content/place.h"

namespace keruen::content {

std::string Place::text() const {
  if (parent_ == nullptr) return {};
  std::string before = parent_->text();
  if (index_ != kNoIndex) return before + "[" + std::to_string(index_) + "]";
  if (!before.empty() && !name_.empty()) before += '.';
  return before.append(name_);
}

std::string Place::quoted() const {
  const std::string place = text();
  return place.empty() ? "the document" : "\"" + place + "\"";
}

}  // namespace keruen::content
