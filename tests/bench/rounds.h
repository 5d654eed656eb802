// Contenders taking turns, and what comes out of it.
// Units: those of the figure.   Threads: one.
//
// On a shared machine one figure says little: each round has every contender once, one after the
// other, and what is compared is the ratio within a round. One round before them is not counted:
// what serves for years touches new memory and files once.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bench/contender.h"

namespace CLI {
class App;
}

namespace keruen::bench {

struct RoundOptions {
  std::vector<std::string> peers;  // besides Keruen: jetstream, rabbitmq
  std::size_t rounds = 3;
  std::size_t pairs = 1;
  bool json = false;
};
void add_round_options(CLI::App& app, RoundOptions& options);

// Keruen first. malformed: a peer we do not know.
[[nodiscard]] Result<std::vector<std::unique_ptr<Contender>>> start_contenders(
    const RoundOptions& options);

[[nodiscard]] double median(std::vector<double> values);

// One JSON object for each contender: `measure` of each round, and the medians of its numbers.
// {"name":"keruen","rounds":[{…},…],"median":{…}}
using Measure = std::function<Result<nlohmann::ordered_json>(Contender&)>;
[[nodiscard]] Result<nlohmann::ordered_json> take_turns(
    const std::vector<std::unique_ptr<Contender>>& contenders, const RoundOptions& options,
    const std::string& doing, const Measure& measure);
// {"jetstream":0.83,…}: the median over the rounds of Keruen's figure over the other's.
[[nodiscard]] nlohmann::ordered_json ratios(const nlohmann::ordered_json& contenders,
                                            const std::string& figure);

// What the figures were taken on: processor, number of cores, kernel.
[[nodiscard]] nlohmann::ordered_json machine();
// The report as it was asked for: one JSON object, or the words `print` makes of it.
void show(const nlohmann::ordered_json& report, bool as_json,
          void (*print)(const nlohmann::ordered_json&));
// Where a person watches, what is under way; nothing elsewhere.
void say(const std::string& words);

}  // namespace keruen::bench
