#include "tests/bench/rounds.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <thread>

namespace keruen::bench {

using Json = nlohmann::ordered_json;

void add_round_options(CLI::App& app, RoundOptions& options) {
  app.add_option("--peer", options.peers, "measure it beside Keruen; once for each")
      ->check(CLI::IsMember({"jetstream", "rabbitmq"}));
  app.add_option("--rounds", options.rounds, "how often each takes its turn")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_flag("--json", options.json, "one JSON object instead of words");
}

Result<std::vector<std::unique_ptr<Contender>>> start_contenders(const RoundOptions& options) {
  std::vector<std::unique_ptr<Contender>> contenders;
  say("starting keruen");
  KERUEN_TRY(auto keruen, start_keruen(options.pairs));
  contenders.push_back(std::move(keruen));
  for (const auto& peer : options.peers) {
    say("starting " + peer);
    KERUEN_TRY(auto contender, peer == "jetstream" ? start_jetstream(options.pairs)
                                                   : start_rabbitmq(options.pairs));
    contenders.push_back(std::move(contender));
  }
  return contenders;
}

double median(std::vector<double> values) {
  ensure(!values.empty(), "a median needs values");
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

namespace {
std::vector<double> figures(const Json& contender, const std::string& figure) {
  std::vector<double> values;
  for (const auto& round : contender["rounds"]) values.push_back(round[figure].get<double>());
  return values;
}
}  // namespace

Result<Json> take_turns(const std::vector<std::unique_ptr<Contender>>& contenders,
                        const RoundOptions& options, const std::string& doing,
                        const Measure& measure) {
  Json results = Json::array();
  for (const auto& contender : contenders) {
    results.push_back({{"name", contender->name()}, {"rounds", Json::array()}});
  }
  for (std::size_t round = 0; round <= options.rounds; ++round) {
    const std::string which =
        round == 0 ? ", to warm up"
                   : ", round " + std::to_string(round) + " of " + std::to_string(options.rounds);
    for (std::size_t turn = 0; turn < contenders.size(); ++turn) {
      const std::size_t i = (round + turn) % contenders.size();  // each round another begins
      say(doing + which + ": " + std::string(contenders[i]->name()));
      ::sync();  // what the one before left to the disk is not paid for by this one
      KERUEN_TRY(auto measured, measure(*contenders[i]));
      if (round > 0) results[i]["rounds"].push_back(std::move(measured));
    }
  }
  for (auto& result : results) {
    Json medians;
    for (const auto& [figure, value] : result["rounds"].front().items()) {
      medians[figure] = median(figures(result, figure));
    }
    result["median"] = std::move(medians);
  }
  return results;
}

Json ratios(const Json& contenders, const std::string& figure) {
  Json all = Json::object();
  const auto ours = figures(contenders.front(), figure);
  for (std::size_t i = 1; i < contenders.size(); ++i) {
    const auto theirs = figures(contenders[i], figure);
    std::vector<double> each;
    for (std::size_t round = 0; round < ours.size(); ++round) {
      each.push_back(ours[round] / theirs[round]);
    }
    all[contenders[i]["name"].get<std::string>()] = median(std::move(each));
  }
  return all;
}

Json machine() {
  Json facts;
  std::ifstream processors("/proc/cpuinfo");
  for (std::string line; std::getline(processors, line);) {
    if (line.rfind("model name", 0) == 0) {
      facts["processor"] = line.substr(line.find(": ") + 2);
      break;
    }
  }
  facts["cores"] = std::thread::hardware_concurrency();
  utsname system{};
  if (::uname(&system) == 0) facts["kernel"] = system.release;
  return facts;
}

void show(const Json& report, bool as_json, void (*print)(const Json&)) {
  say("");
  if (!as_json) return print(report);
  std::puts(report.dump().c_str());
}

void say(const std::string& words) {
  if (::isatty(STDERR_FILENO) != 1) return;
  std::fprintf(stderr, "\r\033[K%s …", words.c_str());
  if (words.empty()) std::fputs("\r\033[K", stderr);
}

}  // namespace keruen::bench
