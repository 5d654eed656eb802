// How long a message takes under a steady load.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tests/bench/rounds.h"
#include "tests/bench/subcommands.h"

namespace keruen::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options : RoundOptions {
  std::size_t bytes = 1024;
  std::vector<std::uint64_t> rates{1000};
  int seconds = 5;
};

double milliseconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

void print(const Json& report) {
  for (const auto& load : report["loads"]) {
    std::printf("%llu messages/s   median, p99, most, in ms\n",
                load["messages_per_second"].get<unsigned long long>());
    for (const auto& contender : load["contenders"]) {
      const auto& figures = contender["median"];
      std::printf("  %-10s %8.2f %8.2f %8.2f\n", contender["name"].get<std::string>().c_str(),
                  figures["median_ms"].get<double>(), figures["p99_ms"].get<double>(),
                  figures["most_ms"].get<double>());
    }
  }
}

Result<void> run(const Options& options) {
  KERUEN_TRY(const auto contenders, start_contenders(options));
  Json report = {{"subcommand", "latency"},
                 {"machine", machine()},
                 {"bytes", options.bytes},
                 {"loads", Json::array()}};
  for (const std::uint64_t rate : options.rates) {
    const auto measure = [&](Contender& contender) -> Result<Json> {
      KERUEN_TRY(const auto measured,
                 contender.latency({options.bytes, rate, std::chrono::seconds(options.seconds)}));
      return Json{{"median_ms", milliseconds(measured.median)},
                  {"p99_ms", milliseconds(measured.p99)},
                  {"most_ms", milliseconds(measured.most)}};
    };
    KERUEN_TRY(auto results,
               take_turns(contenders, options, std::to_string(rate) + " messages/s", measure));
    auto compared = ratios(results, "p99_ms");
    report["loads"].push_back({{"messages_per_second", rate},
                               {"contenders", std::move(results)},
                               {"ratios_p99", std::move(compared)}});
  }
  show(report, options.json, print);
  return {};
}

}  // namespace

void add_latency(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand(
      "latency", "From when a message is due to when its recipient is told, at a steady rate");
  auto options = std::make_shared<Options>();
  add_round_options(*verb, *options);
  verb->add_option("--size", options->bytes, "bytes of a message")
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str();
  verb->add_option("--rate", options->rates, "messages a second; once for each")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verb->add_option("--seconds", options->seconds, "of each round")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  verb->callback([&command, options] { command.run = [options] { return run(*options); }; });
}

}  // namespace keruen::bench
