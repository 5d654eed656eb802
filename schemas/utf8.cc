#include "schemas/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace keruen {
namespace {

// What may follow a first byte: how many bytes, and the range of the first of them (the rest are
// 80..BF). The narrowed ranges are what keeps overlong forms and surrogates out.
struct Sequence {
  std::size_t following;
  std::uint8_t low;
  std::uint8_t high;
};

bool find_sequence(std::uint8_t first, Sequence& sequence) {
  if (first >= 0xc2 && first <= 0xdf)
    sequence = {1, 0x80, 0xbf};
  else if (first == 0xe0)
    sequence = {2, 0xa0, 0xbf};
  else if (first == 0xed)
    sequence = {2, 0x80, 0x9f};
  else if (first >= 0xe1 && first <= 0xef)
    sequence = {2, 0x80, 0xbf};
  else if (first == 0xf0)
    sequence = {3, 0x90, 0xbf};
  else if (first >= 0xf1 && first <= 0xf3)
    sequence = {3, 0x80, 0xbf};
  else if (first == 0xf4)
    sequence = {3, 0x80, 0x8f};
  else
    return false;
  return true;
}

using Eight = std::uint64_t;
constexpr std::size_t kBytesAtOnce = 8 * sizeof(Eight);

Eight eight_at(std::string_view text, std::size_t at) {
  Eight bytes = 0;
  std::memcpy(&bytes, text.data() + at, sizeof bytes);
  return bytes;
}

// Zero: each byte of the eight is 20..7E.
Eight unprintable(Eight bytes) {
  constexpr Eight kEach = 0x0101010101010101;
  constexpr Eight kHighBits = 0x80 * kEach;
  // Adding 1 makes 7F, adding 60 leaves below 20, with a high bit that tells; no carry while all
  // are below 80.
  return (bytes | (bytes + kEach) | ~(bytes + 0x60 * kEach)) & kHighBits;
}

}  // namespace

std::size_t plain_bytes(std::string_view text, std::size_t at) {
  std::size_t end = at;
  // Mostly all is: one question for many.
  for (; text.size() - end >= kBytesAtOnce; end += kBytesAtOnce) {
    Eight any = 0;
    for (std::size_t i = 0; i < kBytesAtOnce; i += sizeof any) {
      any |= unprintable(eight_at(text, end + i));
    }
    if (any != 0) break;
  }
  while (text.size() - end >= sizeof(Eight) && unprintable(eight_at(text, end)) == 0) {
    end += sizeof(Eight);
  }
  return end - at;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = plain_bytes(text, 0); i < text.size();) {
    const auto first = static_cast<std::uint8_t>(text[i]);
    if (first == 0) return false;
    if (first < 0x80) {
      ++i;
      i += plain_bytes(text, i);
      continue;
    }
    Sequence sequence{};
    if (!find_sequence(first, sequence) || text.size() - i <= sequence.following) return false;
    for (std::size_t j = 1; j <= sequence.following; ++j) {
      const auto next = static_cast<std::uint8_t>(text[i + j]);
      const std::uint8_t low = j == 1 ? sequence.low : std::uint8_t{0x80};
      const std::uint8_t high = j == 1 ? sequence.high : std::uint8_t{0xbf};
      if (next < low || next > high) return false;
    }
    i += sequence.following + 1;
  }
  return true;
}

std::size_t line_turner_bytes(std::string_view text) {
  if (text.size() < 3 || !text.starts_with('\xe2')) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const auto third = static_cast<unsigned char>(text[2]);
  const bool is_one = (second == 0x80 && third >= 0xa8 && third <= 0xae) ||
                      (second == 0x81 && third >= 0xa6 && third <= 0xa9);
  return is_one ? 3 : 0;
}

}  // namespace keruen
