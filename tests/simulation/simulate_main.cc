// keruen-simulate --seeds FROM-TO [--json] [--trace]: plays each seed twice and judges it.
// Exit: 0 all passed, 2 wrong use, 3 findings.
//
// A seed is all it takes to see a failure again: --trace prints everything that happened in it.
#include <malloc.h>

#include <charconv>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "tests/checker/report.h"
#include "tests/simulation/run.h"

namespace {

using keruen::simulation::Ground;
using keruen::simulation::Repeated;

constexpr int kMemoryKeptBytes = 256 * 1024 * 1024;
constexpr int kWrongUse = 2;
constexpr int kFindings = 3;

struct Request {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  bool as_json = false;
  bool with_trace = false;
};

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Request> request_of(int count, char** arguments) {
  Request request;
  bool has_seeds = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--json") {
      request.as_json = true;
    } else if (argument == "--trace") {
      request.with_trace = true;
    } else if (argument == "--seeds" && i + 1 < count) {
      const std::string_view range = arguments[++i];
      const std::size_t dash = range.find('-');
      const auto from = number_of(range.substr(0, dash));
      const auto to = dash == std::string_view::npos ? from : number_of(range.substr(dash + 1));
      if (!from || !to || *to < *from) return std::nullopt;
      request.from = *from;
      request.to = *to;
      has_seeds = true;
    } else {
      return std::nullopt;
    }
  }
  return has_seeds ? std::optional(request) : std::nullopt;
}

void print_failure(const Repeated& repeated) {
  const auto& result = repeated.first;
  std::cout << "seed " << result.seed << " failed (" << result.mix << ")\n";
  if (!repeated.is_repeatable) std::cout << "two runs of this seed differ\n";
  for (const std::string& words : result.named_without_cause) {
    std::cout << "said by honest parts: " << words << "\n";
  }
  std::cout << keruen::checker::to_words(result.report) << "see all of it: keruen-simulate --seeds "
            << result.seed << " --trace\n"
            << std::flush;  // what was found stays said when a run is cut short
}

struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t failed = 0;
  std::uint64_t sends = 0;
  std::uint64_t deliveries = 0;
};

void count(Totals& totals, const Repeated& repeated) {
  ++totals.seeds;
  totals.failed += repeated.has_failed() ? 1 : 0;
  const auto& report = repeated.first.report;
  totals.sends += report.sends;
  totals.deliveries += report.deliveries;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const auto request = request_of(argument_count, arguments);
  if (!request) {
    std::cerr << "usage: keruen-simulate --seeds FROM-TO [--json] [--trace]\n";
    return kWrongUse;
  }
  // Memory given back to the system would be asked for again by the next run.
  mallopt(M_TRIM_THRESHOLD, kMemoryKeptBytes);
  mallopt(M_MMAP_THRESHOLD, kMemoryKeptBytes);
  Ground ground;
  Totals totals;
  nlohmann::json failed = nlohmann::json::array();
  const auto began = std::chrono::steady_clock::now();
  for (std::uint64_t seed = request->from; seed <= request->to; ++seed) {
    if (request->with_trace) {
      const auto result =
          keruen::simulation::run(ground, seed, keruen::simulation::Trace::Lines::kept);
      std::cout << "seed " << seed << ": " << result.mix << "\n";
      for (const std::string& line : result.lines) std::cout << line << "\n";
      std::cout << "trace " << result.trace_hash << "\n"
                << keruen::checker::to_words(result.report);
    }
    const Repeated repeated = keruen::simulation::run_twice(ground, seed);
    count(totals, repeated);
    if (!repeated.has_failed()) continue;
    if (!request->as_json) print_failure(repeated);
    failed.push_back(
        {{"seed", seed},
         {"repeatable", repeated.is_repeatable},
         {"named_without_cause", repeated.first.named_without_cause},
         {"report", nlohmann::json::parse(keruen::checker::to_json(repeated.first.report))}});
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (request->as_json) {
    std::cout << nlohmann::json{{"seeds", totals.seeds},
                                {"failed", failed},
                                {"sends", totals.sends},
                                {"deliveries", totals.deliveries},
                                {"seconds", took.count()}}
                     .dump(2)
              << "\n";
  } else {
    std::cout << totals.seeds << " seeds, each twice: " << totals.failed << " failed, "
              << totals.sends << " sends, " << totals.deliveries << " deliveries, " << took.count()
              << " s\n";
  }
  return totals.failed == 0 ? 0 : kFindings;
}
