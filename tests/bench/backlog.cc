// What a log full of waiting messages costs: their acceptance and delivery, the broker's memory,
// its restart, and everybody else.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "tests/bench/meter.h"
#include "tests/bench/rounds.h"
#include "tests/bench/stream.h"
#include "tests/bench/subcommands.h"

namespace keruen::bench {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

struct Options {
  std::size_t bytes = 1024;
  std::uint64_t messages = 5'000'000;
  bool json = false;
};

constexpr std::uint64_t kTenths = 10;

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

std::uint64_t mebibytes(std::uint64_t bytes) { return bytes / (1024 * 1024); }

// Messages a second of each tenth.
Result<Json> accept(Stream& stream, std::uint64_t tenth) {
  Json rates = Json::array();
  for (std::uint64_t i = 0; i < kTenths; ++i) {
    say("accepting, tenth " + std::to_string(i + 1) + " of " + std::to_string(kTenths));
    const auto began = Clock::now();
    KERUEN_CHECK(stream.send(tenth, Stream::Until::accepted));
    KERUEN_CHECK(stream.wait_for_acceptance());
    rates.push_back(static_cast<double>(tenth) / seconds_since(began));
  }
  return rates;
}

Result<Json> deliver(Stream& stream, std::uint64_t tenth) {
  Json rates = Json::array();
  for (std::uint64_t i = 0; i < kTenths; ++i) {
    say("delivering, tenth " + std::to_string(i + 1) + " of " + std::to_string(kTenths));
    const auto began = Clock::now();
    KERUEN_CHECK(stream.wait_for_arrival((i + 1) * tenth));
    rates.push_back(static_cast<double>(tenth) / seconds_since(began));
  }
  return rates;
}

Result<double> rate_between(SiteAgent& from, SiteAgent& to, std::size_t bytes,
                            std::uint64_t messages) {
  Stream stream(from, to, bytes);
  const auto began = Clock::now();
  KERUEN_CHECK(stream.send(messages));
  KERUEN_CHECK(stream.wait_for_receipts());
  return static_cast<double>(messages) / seconds_since(began);
}

void print(const Json& report) {
  const auto rates = [&](const char* what) {
    const auto& all = report[what];
    const double first = all.front().get<double>();
    const double last = all.back().get<double>();
    std::printf("%-10s first tenth %8.0f/s, last %8.0f/s: %.2f\n", what, first, last, last / first);
  };
  rates("accepted");
  rates("delivered");
  std::printf("accepting cost the broker %.1f µs of CPU a message\n",
              report["accepting_broker_cpu_us"].get<double>());
  std::printf(
      "broker: at most %llu MiB; ready after a restart in %.2f s, without its index in "
      "%.1f s\n",
      report["broker_memory_peak_mib"].get<unsigned long long>(), report["restart_s"].get<double>(),
      report["index_rebuild_s"].get<double>());
  std::printf("two others: %.0f/s before, %.0f/s while all that waits: %.2f\n",
              report["others_before"].get<double>(), report["others_beside"].get<double>(),
              report["others_beside"].get<double>() / report["others_before"].get<double>());
}

Result<void> run(const Options& options) {
  const std::uint64_t tenth = options.messages / kTenths;
  say("starting keruen");
  KERUEN_TRY(const auto site, Site::make(4));
  SiteAgent& sender = site->agent(0);
  SiteAgent& absent = site->agent(1);
  const std::uint64_t others = std::max<std::uint64_t>(tenth / 10, kWindow);
  Json report = {{"subcommand", "backlog"},
                 {"machine", machine()},
                 {"bytes", options.bytes},
                 {"messages", tenth * kTenths}};
  KERUEN_TRY(report["others_before"],
             rate_between(site->agent(2), site->agent(3), options.bytes, others));
  absent.disconnect();
  Stream stream(sender, absent, options.bytes);
  const Meter meter(site->broker());
  KERUEN_TRY(report["accepted"], accept(stream, tenth));
  report["accepting_broker_cpu_us"] =
      static_cast<double>(meter.read(tenth * kTenths).broker_cpu.count()) / 1e3;
  KERUEN_TRY(report["others_beside"],
             rate_between(site->agent(2), site->agent(3), options.bytes, others));
  std::uint64_t memory = site->broker().cost().memory_peak_bytes;

  say("restarting the broker");
  site->stop_broker();
  KERUEN_TRY(const auto restart, site->start_broker());
  report["restart_s"] = std::chrono::duration<double>(restart).count();
  memory = std::max(memory, site->broker().cost().memory_peak_bytes);
  say("restarting the broker without its index");
  site->stop_broker();
  KERUEN_CHECK(site->delete_index());
  KERUEN_TRY(const auto rebuild, site->start_broker());
  report["index_rebuild_s"] = std::chrono::duration<double>(rebuild).count();

  absent.connect();
  KERUEN_TRY(report["delivered"], deliver(stream, tenth));
  KERUEN_CHECK(stream.wait_for_receipts());
  report["broker_memory_peak_mib"] =
      mebibytes(std::max(memory, site->broker().cost().memory_peak_bytes));
  show(report, options.json, print);
  return {};
}

}  // namespace

void add_backlog(CLI::App& app, Command& command) {
  CLI::App* verb =
      app.add_subcommand("backlog", "A recipient stays away while messages for it pile up");
  auto options = std::make_shared<Options>();
  verb->add_option("--size", options->bytes, "bytes of a message")
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str();
  verb->add_option("--messages", options->messages, "that pile up; each takes some 4 KiB of disk")
      ->check(CLI::Range(1'000, 100'000'000))
      ->capture_default_str();
  verb->add_flag("--json", options->json, "one JSON object instead of words");
  verb->callback([&command, options] { command.run = [options] { return run(*options); }; });
}

}  // namespace keruen::bench
