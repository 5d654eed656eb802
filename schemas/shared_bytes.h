// A part of a buffer that several values share, unchangeable, freed with the last of them.
// Shape: an owner and a range in it.   Threads: values share when const.
//
// A frame is copied once, when it leaves the socket; batch, body and wrap inside it are SharedBytes
// of that one buffer all the way to the disk. The buffer is aligned for Cap'n Proto's words.
#pragma once

#include <memory>

#include "schemas/bytes.h"

namespace keruen {

class SharedBytes {
 public:
  SharedBytes() = default;
  explicit SharedBytes(Bytes bytes)
      : owner_(std::make_shared<const Bytes>(std::move(bytes))), size_(owner_->size()) {}

  [[nodiscard]] BytesView view() const {
    return owner_ ? BytesView(*owner_).subspan(offset_, size_) : BytesView();
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // What stays in memory for it: the whole buffer.
  [[nodiscard]] std::size_t buffer_size() const { return owner_ ? owner_->size() : 0; }
  // `part` must lie inside view().
  [[nodiscard]] SharedBytes part(BytesView part) const {
    ensure_inside(part);
    SharedBytes result = *this;
    if (part.empty()) return SharedBytes();
    result.offset_ = static_cast<std::size_t>(part.data() - owner_->data());
    result.size_ = part.size();
    return result;
  }
  bool operator==(const SharedBytes& other) const { return equal(view(), other.view()); }

 private:
  void ensure_inside(BytesView part) const;

  std::shared_ptr<const Bytes> owner_;
  std::size_t offset_ = 0;
  std::size_t size_ = 0;
};

}  // namespace keruen
