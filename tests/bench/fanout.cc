// What one message to many costs the broker, beside one message to one.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tests/bench/rounds.h"
#include "tests/bench/stream.h"
#include "tests/bench/subcommands.h"

namespace keruen::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::size_t bytes = 1024;
  std::uint64_t messages = 2'000;
  std::size_t recipients = 60;
  std::size_t rounds = 3;
  bool json = false;
};

// Messages to so many recipients; what one delivery cost the broker.
Result<std::chrono::nanoseconds> broker_cost(Site& site, const Options& options,
                                             std::size_t recipients, std::uint64_t messages) {
  SiteAgent& sender = site.agent(0);
  std::vector<std::uint64_t> arrived_before;
  for (std::size_t i = 0; i <= recipients; ++i) arrived_before.push_back(site.agent(i).events());
  const auto before = site.broker().cost().cpu;
  for (std::uint64_t sent = 0; sent < messages;) {
    std::vector<engine::SubmitRequest> requests;
    for (std::uint64_t i = 0; i < 64 && sent < messages; ++i) {
      auto request = notice_to(site.agent(1).id(), payload(options.bytes, sent++), Lane::routine);
      for (std::size_t to = 2; to <= recipients; ++to) {
        request.to.push_back(*PartyId::parse(site.agent(to).id().text()));
      }
      requests.push_back(std::move(request));
    }
    KERUEN_CHECK(hand_over(sender, requests));
    for (std::size_t to = 1; to <= recipients; ++to) {
      const std::uint64_t known = sent < 256 ? 0 : sent - 256;
      if (!site.agent(to).wait_for_events(arrived_before[to] + known, kPatience)) {
        return fail(ErrorCode::io_failed, "messages did not arrive");
      }
    }
  }
  for (std::size_t to = 1; to <= recipients; ++to) {
    if (!site.agent(to).wait_for_events(arrived_before[to] + messages, kPatience)) {
      return fail(ErrorCode::io_failed, "messages did not arrive");
    }
  }
  // Its share of the receipts too: submitted once; sealed, accepted, delivered for each recipient.
  const std::uint64_t words = messages * (1 + 3 * recipients);
  if (!sender.wait_for_events(arrived_before[0] + words, kPatience)) {
    return fail(ErrorCode::io_failed, "receipts did not arrive");
  }
  return (site.broker().cost().cpu - before) / static_cast<std::int64_t>(messages * recipients);
}

void print(const Json& report) {
  const auto recipients = report["recipients"].get<std::size_t>();
  std::printf("A delivery costs the broker, in µs of CPU:\n");
  for (const auto& round : report["rounds"]) {
    std::printf("  one to one %6.1f   one to %zu %6.1f\n", round["broker_cpu_us_one"].get<double>(),
                recipients, round["broker_cpu_us_many"].get<double>());
  }
  std::printf("  one to %zu / one to one: %.2f\n", recipients,
              report["ratio_per_delivery"].get<double>());
}

Result<void> run(const Options& options) {
  say("starting keruen with " + std::to_string(options.recipients + 1) + " agencies");
  KERUEN_TRY(const auto site, Site::make(options.recipients + 1));
  Json rounds = Json::array();
  std::vector<double> ratios;
  for (std::size_t round = 0; round < options.rounds; ++round) {
    say("round " + std::to_string(round + 1) + " of " + std::to_string(options.rounds));
    KERUEN_TRY(const auto one, broker_cost(*site, options, 1, options.messages * 10));
    KERUEN_TRY(const auto many, broker_cost(*site, options, options.recipients, options.messages));
    ratios.push_back(static_cast<double>(many.count()) / static_cast<double>(one.count()));
    rounds.push_back({{"broker_cpu_us_one", static_cast<double>(one.count()) / 1000},
                      {"broker_cpu_us_many", static_cast<double>(many.count()) / 1000}});
  }
  const Json report = {{"subcommand", "fanout"}, {"machine", machine()},
                       {"bytes", options.bytes}, {"recipients", options.recipients},
                       {"rounds", rounds},       {"ratio_per_delivery", median(ratios)}};
  show(report, options.json, print);
  return {};
}

}  // namespace

void add_fanout(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("fanout", "One message to many recipients");
  auto options = std::make_shared<Options>();
  verb->add_option("--size", options->bytes, "bytes of a message")
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str();
  verb->add_option("--messages", options->messages, "to all of them, in each round")
      ->check(CLI::Range(64, 10'000'000))
      ->capture_default_str();
  verb->add_option("--recipients", options->recipients, "of each message")
      ->check(CLI::Range(2, 64))
      ->capture_default_str();
  verb->add_option("--rounds", options->rounds, "how often")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_flag("--json", options->json, "one JSON object instead of words");
  verb->callback([&command, options] { command.run = [options] { return run(*options); }; });
}

}  // namespace keruen::bench
