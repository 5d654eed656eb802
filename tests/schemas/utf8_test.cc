#include "schemas/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace keruen {
namespace {

using namespace std::string_view_literals;

TEST(Utf8, TakesEveryLengthOfSequence) {
  for (const auto text : {""sv, "Korday"sv, "Қордай"sv, "€"sv, "\xf0\x9f\x9a\x9a"sv,
                          "\xed\x9f\xbf"sv, "\xee\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
}

TEST(Utf8, RefusesWhatIsNotWellFormed) {
  for (const auto text : {"\x80"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc2"sv, "\xc2\x41"sv,
                          "\xe0\x9f\xbf"sv, "\xe2\x82"sv, "\xed\xa0\x80"sv, "\xf0\x8f\xbf\xbf"sv,
                          "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xff"sv, "a\0b"sv,
                          "\xcf\xf0\xe8\xe2\xe5\xf2"sv /* windows-1251 */}) {
    EXPECT_FALSE(is_utf8(text));
  }
}

// Many bytes are looked at at once: no byte may hide among its neighbours.
TEST(Utf8, SeesEveryByteAtEveryPlace) {
  for (const std::size_t size : {20U, 150U}) {
    for (int byte = 0; byte < 256; ++byte) {
      for (std::size_t place = 0; place < size; ++place) {
        std::string text(size, 'a');
        text[place] = static_cast<char>(byte);
        EXPECT_EQ(is_utf8(text), byte > 0 && byte < 0x80) << byte << " at " << place;
        const bool plain = byte >= 0x20 && byte < 0x7f;
        const std::size_t whole = size / 8 * 8;
        EXPECT_EQ(plain_bytes(text, 0), plain || place >= whole ? whole : place / 8 * 8)
            << byte << " at " << place;
      }
    }
  }
}

}  // namespace
}  // namespace keruen
