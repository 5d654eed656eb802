// keruen-check-history FILE...: judges the histories a test harness wrote, one file a process.
// Exit: 0 passed, 2 wrong use or a file that is no history, 3 findings, 4 unknown.
#include <fstream>
#include <iostream>
#include <sstream>
#include <string_view>

#include "tests/checker/check.h"
#include "tests/checker/history_file.h"
#include "tests/checker/report.h"

namespace {

constexpr int kPassed = 0;
constexpr int kWrongUse = 2;
constexpr int kFindings = 3;
constexpr int kUnknown = 4;

int exit_code(keruen::checker::Verdict verdict) {
  switch (verdict) {
    case keruen::checker::Verdict::passed:
      return kPassed;
    case keruen::checker::Verdict::failed:
      return kFindings;
    case keruen::checker::Verdict::unknown:
      return kUnknown;
  }
  return kUnknown;
}

}  // namespace

int main(int count, char** arguments) {
  bool as_json = false;
  std::vector<keruen::checker::History> histories;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--json") {
      as_json = true;
      continue;
    }
    std::ifstream file{std::string(argument)};
    std::ostringstream text;
    if (!argument.starts_with("--") && file) text << file.rdbuf();
    auto history = keruen::checker::decode_history(text.str());
    if (!history) {
      std::cerr << argument << ": " << history.error().detail << "\n"
                << "usage: keruen-check-history [--json] FILE...\n";
      return kWrongUse;
    }
    histories.push_back(std::move(*history));
  }
  if (histories.empty()) {
    std::cerr << "usage: keruen-check-history [--json] FILE...\n";
    return kWrongUse;
  }
  const auto report = keruen::checker::check(histories);
  std::cout << (as_json ? keruen::checker::to_json(report) + "\n"
                        : keruen::checker::to_words(report));
  return exit_code(report.verdict);
}
