// How many messages pass, when everybody hands over as fast as it is taken.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tests/bench/rounds.h"
#include "tests/bench/stream.h"
#include "tests/bench/subcommands.h"

namespace keruen::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options : RoundOptions {
  std::vector<std::size_t> sizes{100, 1024, 8192};
  std::uint64_t messages = 100'000;
  std::uint64_t together = Load().together;
};

double microseconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

void print(const Json& report) {
  for (const auto& size : report["sizes"]) {
    std::printf("%5llu bytes   messages/s   CPU of broker and of clients, µs a message\n",
                size["bytes"].get<unsigned long long>());
    for (const auto& contender : size["contenders"]) {
      const auto& figures = contender["median"];
      std::printf("  %-10s %12.0f %8.1f %8.1f\n", contender["name"].get<std::string>().c_str(),
                  figures["messages_per_second"].get<double>(),
                  figures["broker_cpu_us"].get<double>(), figures["clients_cpu_us"].get<double>());
    }
    for (const auto& [peer, ratio] : size["ratios"].items()) {
      std::printf("  keruen / %s: %.2f\n", peer.c_str(), ratio.get<double>());
    }
  }
}

Result<void> run(const Options& options) {
  KERUEN_TRY(const auto contenders, start_contenders(options));
  Json report = {{"subcommand", "throughput"},   {"machine", machine()},
                 {"pairs", options.pairs},       {"messages", options.messages},
                 {"together", options.together}, {"sizes", Json::array()}};
  for (const std::size_t bytes : options.sizes) {
    const auto measure = [&](Contender& contender) -> Result<Json> {
      KERUEN_TRY(const auto measured,
                 contender.throughput({bytes, options.messages, options.together}));
      return Json{{"messages_per_second", measured.messages_per_second},
                  {"broker_cpu_us", microseconds(measured.broker_cpu)},
                  {"clients_cpu_us", microseconds(measured.clients_cpu)}};
    };
    KERUEN_TRY(auto results,
               take_turns(contenders, options, std::to_string(bytes) + " bytes", measure));
    auto compared = ratios(results, "messages_per_second");
    report["sizes"].push_back(
        {{"bytes", bytes}, {"contenders", std::move(results)}, {"ratios", std::move(compared)}});
  }
  show(report, options.json, print);
  return {};
}

}  // namespace

void add_throughput(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand(
      "throughput", "Messages a second, from submission to the recipient's receipt");
  auto options = std::make_shared<Options>();
  add_round_options(*verb, *options);
  verb->add_option("--size", options->sizes, "bytes of a message; once for each")
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str();
  verb->add_option("--messages", options->messages, "in each round")
      ->check(CLI::Range(1'000, 100'000'000))
      ->capture_default_str();
  verb->add_option("--together", options->together,
                   "messages handed to Keruen in one transaction, up to 2 MiB")
      ->check(CLI::Range(std::uint64_t{1}, kWindow))
      ->capture_default_str();
  verb->add_option("--pairs", options->pairs, "senders, each with a recipient of its own")
      ->check(CLI::Range(1, 30))
      ->capture_default_str();
  verb->callback([&command, options] { command.run = [options] { return run(*options); }; });
}

}  // namespace keruen::bench
