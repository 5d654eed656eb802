// What a log full of waiting messages costs: their acceptance and delivery, the broker's memory,
// its restart, and everybody else.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <future>

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
constexpr std::uint64_t kOfTwoOthers = 2 * kWindow;
constexpr std::size_t kTurns = 5;

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

std::uint64_t mebibytes(std::uint64_t bytes) { return bytes / (1024 * 1024); }

Result<double> rate_between(SiteAgent& from, SiteAgent& to, std::size_t bytes) {
  Stream stream(from, to, bytes);
  const auto began = Clock::now();
  KERUEN_CHECK(stream.send(kOfTwoOthers));
  KERUEN_CHECK(stream.wait_for_receipts());
  return static_cast<double>(kOfTwoOthers) / seconds_since(began);
}

// Messages a second of each tenth, and after each those of a site that has nothing else to do: it
// tells how fast the machine is by then.
struct Accepted {
  Json rates = Json::array();
  Json machine = Json::array();
};
Result<Accepted> accept(Stream& stream, std::uint64_t tenth, Site& idle, std::size_t bytes) {
  Accepted accepted;
  for (std::uint64_t i = 0; i < kTenths; ++i) {
    say("accepting, tenth " + std::to_string(i + 1) + " of " + std::to_string(kTenths));
    const auto began = Clock::now();
    KERUEN_CHECK(stream.send(tenth, Stream::Until::accepted));
    KERUEN_CHECK(stream.wait_for_acceptance());
    accepted.rates.push_back(static_cast<double>(tenth) / seconds_since(began));
    KERUEN_TRY(const double now, rate_between(idle.agent(0), idle.agent(1), bytes));
    accepted.machine.push_back(now);
  }
  return accepted;
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

// Between two of a site with a backlog, in turns with two of a site that has nothing else to do.
Result<Json> others_beside(Site& site, Site& idle, std::size_t bytes, const std::string& what) {
  Json alone = Json::array();
  Json beside = Json::array();
  std::vector<double> kept;
  for (std::size_t turn = 1; turn <= kTurns; ++turn) {
    say("two others beside " + what + ", turn " + std::to_string(turn) + " of " +
        std::to_string(kTurns));
    KERUEN_TRY(const double before, rate_between(idle.agent(0), idle.agent(1), bytes));
    KERUEN_TRY(const double now, rate_between(site.agent(2), site.agent(3), bytes));
    alone.push_back(before);
    beside.push_back(now);
    kept.push_back(now / before);
  }
  return Json{{"alone", alone}, {"beside", beside}, {"kept", median(std::move(kept))}};
}

// An agent that takes nothing more from its connection, for as long as this lives.
class Stall {
 public:
  explicit Stall(SiteAgent& agent) : agent_(agent) {
    agent_.on_events([over = over_.get_future().share()](std::uint64_t) { over.wait(); });
  }
  ~Stall() {
    over_.set_value();
    agent_.on_events({});
  }
  Stall(const Stall&) = delete;
  Stall& operator=(const Stall&) = delete;

 private:
  SiteAgent& agent_;
  std::promise<void> over_;
};

void print_others(const Json& others, const char* beside) {
  const auto list = [](const Json& rates) {
    std::string text;
    for (const auto& rate : rates) {
      text += " " + std::to_string(static_cast<long>(rate.get<double>() / 1000 + 0.5));
    }
    return text;
  };
  std::printf("two others keep %.2f of their rate beside %s (alone%s, beside%s thousand/s)\n",
              others["kept"].get<double>(), beside, list(others["alone"]).c_str(),
              list(others["beside"]).c_str());
}

void print_tenths(const Json& rates, const char* what) {
  const double first = rates.front().get<double>();
  const double last = rates.back().get<double>();
  std::printf("%-22s first tenth %8.0f/s, last %8.0f/s: %.2f\n", what, first, last, last / first);
}

void print(const Json& report) {
  print_tenths(report["accepted"], "accepted");
  print_tenths(report["machine_meanwhile"], "two of another broker");
  print_tenths(report["delivered"], "delivered");
  std::printf("accepting cost the broker %.1f µs of CPU a message\n",
              report["accepting_broker_cpu_us"].get<double>());
  std::printf(
      "broker: at most %llu MiB; ready after a restart in %.2f s, without its index in "
      "%.1f s\n",
      report["broker_memory_peak_mib"].get<unsigned long long>(), report["restart_s"].get<double>(),
      report["index_rebuild_s"].get<double>());
  print_others(report["others_beside_absent"], "one who is absent");
  print_others(report["others_beside_stalled"], "one who reads nothing");
}

Result<void> run(const Options& options) {
  const std::uint64_t tenth = options.messages / kTenths;
  say("starting keruen");
  KERUEN_TRY(const auto site, Site::make(4));
  SiteAgent& sender = site->agent(0);
  SiteAgent& absent = site->agent(1);
  KERUEN_TRY(const auto idle, Site::make(2));
  Json report = {{"subcommand", "backlog"},
                 {"machine", machine()},
                 {"bytes", options.bytes},
                 {"messages", tenth * kTenths}};
  absent.disconnect();
  Stream stream(sender, absent, options.bytes);
  const Meter meter(site->broker());
  KERUEN_TRY(auto accepted, accept(stream, tenth, *idle, options.bytes));
  report["accepted"] = std::move(accepted.rates);
  report["machine_meanwhile"] = std::move(accepted.machine);
  report["accepting_broker_cpu_us"] =
      static_cast<double>(meter.read(tenth * kTenths).broker_cpu.count()) / 1e3;
  KERUEN_TRY(report["others_beside_absent"],
             others_beside(*site, *idle, options.bytes, "one who is absent"));
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

  {
    const Stall stall(absent);
    absent.connect();
    KERUEN_TRY(report["others_beside_stalled"],
               others_beside(*site, *idle, options.bytes, "one who reads nothing"));
  }
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
