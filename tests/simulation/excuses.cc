#include "tests/simulation/excuses.h"

#include <algorithm>

namespace keruen::simulation {
namespace {

struct Excuse {
  std::string_view part_of_words;
  std::array<Fault, 2> any_of;
};
constexpr std::array kExcuses = {
    Excuse{"The disk is full", {Fault::fill_agent_disk, Fault::fail_agent_disk}},
    Excuse{"This machine's clock is", {Fault::skew_agent, Fault::skew_broker}},
    // Sealed by a clock that is ahead, or looked at by one that is behind.
    Excuse{"does not take a batch of ours (expired", {Fault::skew_agent, Fault::skew_broker}},
    // Of the store that was put back; nobody else's.
    Excuse{"this store never made", {Fault::restore_store, Fault::restore_store}},
};

}  // namespace

bool is_excused(std::string_view words, const Struck& struck) {
  return std::ranges::any_of(kExcuses, [&](const Excuse& excuse) {
    return words.find(excuse.part_of_words) != std::string_view::npos &&
           std::ranges::any_of(excuse.any_of, [&](Fault fault) {
             return struck[static_cast<std::size_t>(fault)] > 0;
           });
  });
}

}  // namespace keruen::simulation
