#include "schemas/content/json_document.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "schemas/content/bounds.h"
#include "schemas/utf8.h"

namespace keruen::content {
namespace {

using nlohmann::json;

// Walks the text once before a tree is made of it. The library would take the last of two fields of
// one name in silence, and nest as deep as memory allows.
class Guard final : public nlohmann::json_sax<json> {
 public:
  explicit Guard(std::string_view text) : text_(text) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }

  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    fault_ = "the field \"" + name.substr(0, 64) + "\" stands twice in one object";
    return false;
  }
  bool parse_error(std::size_t position, const std::string& last,
                   const nlohmann::detail::exception&) override {
    const std::string_view before = text_.substr(0, position == 0 ? 0 : position - 1);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto column = before.size() - (before.rfind('\n') + 1) + 1;
    fault_ = "not JSON: line " + std::to_string(line) + ", column " + std::to_string(column);
    fault_ += before.size() + 1 >= text_.size() ? ": the text ends too early"
                                                : ": unexpected " + shown(last);
    return false;
  }

  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  bool enter() {
    keys_.emplace_back();
    if (keys_.size() <= kJsonNestingMax) return true;
    fault_ = "nested deeper than " + std::to_string(kJsonNestingMax) + " levels";
    return false;
  }
  bool leave() {
    keys_.pop_back();
    return true;
  }
  static std::string shown(const std::string& token) {
    std::string result;
    for (const char c : token.substr(token.size() > 24 ? token.size() - 24 : 0)) {
      result.push_back(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f ? c : ' ');
    }
    return result.starts_with('"') ? result : "\"" + result + "\"";
  }

  std::string_view text_;
  std::vector<std::set<std::string>> keys_;
  std::string fault_;
};

}  // namespace

Result<json> parse_document(std::string_view text) {
  if (text.size() > kJsonBytesMax) {
    return fail(ErrorCode::too_large, "the document has " + std::to_string(text.size()) +
                                          " bytes, at most " + std::to_string(kJsonBytesMax) +
                                          " are allowed");
  }
  // Some editors write a byte order mark; it says nothing in UTF-8.
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (!is_utf8(text)) {
    return fail(ErrorCode::malformed, "the document is not UTF-8: save it as UTF-8 and try again");
  }
  Guard guard(text);
  if (!json::sax_parse(text, &guard)) return fail(ErrorCode::malformed, guard.fault());
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

}  // namespace keruen::content
