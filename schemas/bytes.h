// Byte strings: owned, borrowed, and of a fixed length with a meaning.
// Shape: FixedBytes<Tag, N> is N bytes; two tags never mix.   Threads: values.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keruen {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

[[nodiscard]] inline BytesView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view text_of(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline Bytes copy_of(BytesView bytes) { return {bytes.begin(), bytes.end()}; }
inline void append_to(Bytes& target, BytesView bytes) {
  target.insert(target.end(), bytes.begin(), bytes.end());
}
[[nodiscard]] inline bool equal(BytesView a, BytesView b) { return std::ranges::equal(a, b); }

// Lower-case hexadecimal. from_hex is empty for odd lengths and other characters.
[[nodiscard]] std::string to_hex(BytesView bytes);
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view text);
// RFC 4648 §4 with padding; from_base64 is strict (canonical form only).
[[nodiscard]] std::string to_base64(BytesView bytes);
[[nodiscard]] std::optional<Bytes> from_base64(std::string_view text);

template <class Tag, std::size_t Size>
struct FixedBytes {
  static constexpr std::size_t kBytes = Size;
  std::array<std::uint8_t, Size> bytes{};

  auto operator<=>(const FixedBytes&) const = default;

  [[nodiscard]] BytesView view() const { return bytes; }
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
  [[nodiscard]] bool is_zero() const {
    return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
  }
  // Empty unless exactly Size bytes.
  [[nodiscard]] static std::optional<FixedBytes> from(BytesView source) {
    if (source.size() != Size) return std::nullopt;
    FixedBytes result;
    std::ranges::copy(source, result.bytes.begin());
    return result;
  }
  [[nodiscard]] static std::optional<FixedBytes> from_hex(std::string_view text) {
    const auto decoded = keruen::from_hex(text);
    return decoded ? from(*decoded) : std::nullopt;
  }
};

using Digest = FixedBytes<struct DigestTag, 32>;  // SHA-256

}  // namespace keruen

// Uniformly random or hashed bytes are their own hash.
template <class Tag, std::size_t Size>
struct std::hash<keruen::FixedBytes<Tag, Size>> {
  std::size_t operator()(const keruen::FixedBytes<Tag, Size>& value) const noexcept {
    std::size_t result;
    static_assert(Size >= 2 * sizeof(result));
    // The tail: a UUIDv7 begins with its time, and times collide.
    std::memcpy(&result, value.bytes.data() + Size - sizeof(result), sizeof(result));
    return result;
  }
};
