#include "schemas/content/sealed_header.h"

namespace keruen::content {

std::string best_text(const Texts& texts, std::string_view language) {
  for (const std::string_view wanted : {language, std::string_view("en"), std::string_view("ru")}) {
    for (const LanguageText& candidate : texts) {
      if (candidate.language == wanted) return candidate.text;
    }
  }
  return texts.empty() ? std::string() : texts.front().text;
}

}  // namespace keruen::content
