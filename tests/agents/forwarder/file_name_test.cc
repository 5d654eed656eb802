#include "agents/forwarder/file_name.h"

#include <gmock/gmock.h>

#include <set>

namespace keruen::forwarder {
namespace {

TEST(FileName, LeavesOrdinaryNamesReadable) {
  EXPECT_EQ(encode_file_name("bomca-2027_03@training.example", ".ics"),
            "bomca-2027_03@training.example.ics");
}

TEST(FileName, StaysInsideItsFolder) {
  EXPECT_EQ(encode_file_name("../../etc/passwd", ".ics"), "%2E.%2F..%2Fetc%2Fpasswd.ics");
  EXPECT_EQ(encode_file_name("..", ""), "%2E.");
  EXPECT_EQ(encode_file_name(".hidden", ".ics"), "%2Ehidden.ics");
  EXPECT_EQ(encode_file_name(std::string_view("a\0b", 3), ".ics"), "a%00b.ics");
  EXPECT_EQ(encode_file_name("Курс", ".ics"), "%D0%9A%D1%83%D1%80%D1%81.ics");
}

TEST(FileName, HashesLongNames) {
  const std::string name = encode_file_name(std::string(4000, 'a'), ".ics");
  EXPECT_LE(name.size(), kEncodedNameBytesMax + 4);
  EXPECT_TRUE(name.starts_with("aaaa"));
  EXPECT_NE(name, encode_file_name(std::string(4001, 'a'), ".ics"));
  EXPECT_EQ(encode_file_name(std::string(kEncodedNameBytesMax, 'a'), "").size(),
            kEncodedNameBytesMax);
  EXPECT_LE(encode_file_name(std::string(1000, '/'), "").size(), kEncodedNameBytesMax);
}

TEST(FileName, GivesEveryTextItsOwnName) {
  std::set<std::string> names;
  for (const std::string text : {"", "%", "%25", "~", ".", "a", "a~", "A", " ", "%2E", "a.ics"}) {
    EXPECT_TRUE(names.insert(encode_file_name(text, ".ics")).second) << text;
  }
}

}  // namespace
}  // namespace keruen::forwarder
