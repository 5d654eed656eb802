// The one place that knows toml++: text in, values with lines out.
//
// toml++ 3.3 asserts in places what the file decides ("[=]" for one), with the proper error right
// behind it; where NDEBUG stands it lets the compiler assume it. A slip in a file must neither end
// the program nor be undefined, so here it does neither.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0

#include <toml++/toml.h>

#include "schemas/host/config_value.h"

namespace keruen::host {
namespace {

// Deeper than any file of ours, and far from where walking the tree could end the stack.
constexpr int kDepthMax = 8;

std::string at_line(const std::string& path, unsigned line) {
  return path + ":" + std::to_string(line) + ": ";
}

Result<ConfigTable> table_of(const toml::table& source, const std::string& path, int depth);

Result<ConfigValue> value_of(const toml::node& source, const std::string& path, int depth) {
  ConfigValue result;
  result.line = source.source().begin.line;
  if (const auto* text = source.as_string()) {
    result.value = std::string(text->get());
  } else if (const auto* number = source.as_integer()) {
    result.value = number->get();
  } else if (const auto* flag = source.as_boolean()) {
    result.value = flag->get();
  } else if (const auto* table = source.as_table()) {
    if (depth >= kDepthMax) {
      return fail(ErrorCode::malformed, at_line(path, result.line) + "sections nested too deep");
    }
    KERUEN_TRY(result.value, table_of(*table, path, depth + 1));
  } else {
    result.value = OtherValue{source.is_array()            ? "a list"
                              : source.is_floating_point() ? "a number with a fraction"
                                                           : "a date or time"};
  }
  return result;
}

Result<ConfigTable> table_of(const toml::table& source, const std::string& path, int depth) {
  ConfigTable result;
  for (const auto& [key, node] : source) {
    KERUEN_TRY(ConfigValue value, value_of(node, path, depth));
    // Where the key stands, not the value behind it.
    if (const auto line = key.source().begin.line; line != 0) value.line = line;
    result.emplace(std::string(key.str()), std::move(value));
  }
  return result;
}

}  // namespace

Result<ConfigFile> parse_config(std::string_view text, const std::string& path) {
  if (text.size() > kConfigBytesMax) {
    return fail(ErrorCode::too_large, path + ": larger than any configuration");
  }
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(ErrorCode::malformed,
                at_line(path, error.source().begin.line) + std::string(error.description()));
  }
  ConfigFile file;
  file.path = path;
  KERUEN_TRY(file.root, table_of(parsed.table(), path, 0));
  return file;
}

}  // namespace keruen::host
