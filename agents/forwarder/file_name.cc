#include "agents/forwarder/file_name.h"

#include "certs/hash.h"

namespace keruen::forwarder {
namespace {

constexpr std::size_t kHashBytes = 16;

bool stays(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("@.-_+").find(c) != std::string_view::npos;
}

}  // namespace

std::string encode_file_name(std::string_view text, std::string_view extension) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string name;
  std::size_t kept = 0;  // of `name`, so that a hash still fits behind it
  for (const char c : text) {
    if (stays(c) && !(name.empty() && c == '.')) {
      name.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      name.push_back('%');
      name.push_back(kDigits[byte >> 4]);
      name.push_back(kDigits[byte & 0xf]);
    }
    if (name.size() + 1 + 2 * kHashBytes <= kEncodedNameBytesMax) kept = name.size();
  }
  if (name.empty()) name = "%";  // no text's name: an escape has its digits
  if (name.size() > kEncodedNameBytesMax) {
    const Digest digest = certs::sha256(bytes_of(text));
    name = name.substr(0, kept) + "~" + to_hex(digest.view().first(kHashBytes));
  }
  return name.append(extension);
}

}  // namespace keruen::forwarder
