// INTERNAL to schemas/content: where in a content something stands, for errors.
// Shape: a chain of names and list indices on the stack: goods[1].weight.
// Lifetime: a place must not outlive its parent.   Threads: values.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace keruen::content {

class Place {
 public:
  Place() = default;
  Place(const Place& parent, std::string_view name) : parent_(&parent), name_(name) {}
  Place(const Place& parent, std::size_t index) : parent_(&parent), index_(index) {}

  // "goods[1].weight"; empty for the whole document.
  [[nodiscard]] std::string text() const;
  // The same in quotation marks; "the document" for the whole.
  [[nodiscard]] std::string quoted() const;

 private:
  static constexpr std::size_t kNoIndex = static_cast<std::size_t>(-1);

  const Place* parent_ = nullptr;
  std::string_view name_;
  std::size_t index_ = kNoIndex;
};

}  // namespace keruen::content
