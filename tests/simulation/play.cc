#include "tests/simulation/play.h"

namespace keruen::simulation {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kReturnInThousand = 400;  // a step, of who is down or away
constexpr std::uint64_t kLookInThousand = 300;
constexpr std::uint64_t kOutageStepsMax = 25;
constexpr std::uint64_t kStallStepsMax = 8;
constexpr std::uint64_t kCallsUntilFaultMax = 12;
constexpr std::uint64_t kRoomBytesMax = 150'000;
constexpr std::uint64_t kRoomHalvingsMax = 10;
constexpr std::size_t kLargeBytesMax = 4'000;
constexpr std::uint64_t kPartsMax = 4;
constexpr std::uint64_t kSameFileInThousand = 300;

}  // namespace

void Play::all_steps() {
  for (std::uint64_t i = 0; i < mix_.steps; ++i) step();
}

Struck Play::struck() const {
  Struck struck = struck_;
  const auto add = [&](const FaultDisk& disk, Fault fails, Fault is_full) {
    const auto failures = disk.failures();
    struck[static_cast<std::size_t>(fails)] += failures.told;
    struck[static_cast<std::size_t>(is_full)] += failures.full;
  };
  add(world_.broker_disk(), Fault::fail_broker_disk, Fault::fill_broker_disk);
  for (const std::string& agency : mix_.agencies) {
    add(world_.disk_of(agency), Fault::fail_agent_disk, Fault::fill_agent_disk);
  }
  return struck;
}

void Play::step() {
  for (std::size_t fault = 0; fault < kFaults; ++fault) {
    const auto one = static_cast<Fault>(fault);
    if (mix_.may_strike(one) && chance_.in_thousand(mix_.in_thousand[fault])) happens(one);
  }
  bring_back();
  if (sent_ < mix_.sends_max && chance_.in_thousand(mix_.sends_in_thousand)) send();
  if (chance_.in_thousand(mix_.recalls_in_thousand)) world_.recall(any_agency());
  // Who moves, and how far, decides where between two frames the next fault strikes.
  for (const std::string& agency : mix_.agencies) {
    auto& stalled = stalled_steps_[agency];
    if (stalled > 0) {
      --stalled;
      continue;
    }
    static_cast<void>(world_.carry(agency, chance_.below(8)));
  }
  world_.advance(milliseconds(chance_.between(1, mix_.step_milliseconds_max)));
  for (const std::string& agency : mix_.agencies) {
    if (chance_.in_thousand(kLookInThousand)) world_.look(agency);
  }
}

void Play::bring_back() {
  if (!world_.broker().is_running() && chance_.in_thousand(kReturnInThousand)) {
    if (!world_.start_broker()) make_room(world_.broker_disk());
  }
  for (const std::string& agency : mix_.agencies) {
    if (!world_.is_running(agency) && chance_.in_thousand(kReturnInThousand)) {
      if (!world_.start_agent(agency)) make_room(world_.disk_of(agency));
    }
    auto& away = away_steps_[agency];
    if (away > 0) {
      --away;
    } else if (chance_.in_thousand(kReturnInThousand)) {
      world_.connect(agency);
    }
  }
}

void Play::happens(Fault fault) {
  const std::string& agency = any_agency();
  switch (fault) {
    case Fault::cut_line:
    case Fault::stall_line:
    case Fault::outage:
      return to_line(fault, agency);
    case Fault::kill_agent:
    case Fault::power_cut_agent:
    case Fault::fail_agent_disk:
    case Fault::fill_agent_disk:
    case Fault::restore_store:
    case Fault::skew_agent:
      return to_agent(fault, agency);
    case Fault::kill_broker:
    case Fault::power_cut_broker:
    case Fault::fail_broker_disk:
    case Fault::fill_broker_disk:
    case Fault::skew_broker:
      return to_broker(fault);
    case Fault::pass_long:
      strikes(fault);
      for (std::uint64_t left = chance_.between(1, 4); left > 0; --left) {
        world_.advance(std::chrono::minutes(chance_.between(1, 30)));
      }
      return;
  }
}

void Play::to_line(Fault fault, const std::string& agency) {
  if (world_.agent(agency).is_connected()) strikes(fault);
  if (fault == Fault::stall_line) {
    stalled_steps_[agency] = chance_.between(1, kStallStepsMax);
    return;
  }
  world_.disconnect(agency);
  if (fault == Fault::outage) away_steps_[agency] = chance_.between(5, kOutageStepsMax);
}

void Play::to_agent(Fault fault, const std::string& agency) {
  switch (fault) {
    case Fault::kill_agent:
      if (world_.is_running(agency)) strikes(fault);
      return world_.kill_agent(agency);
    case Fault::power_cut_agent:
      if (world_.is_running(agency)) strikes(fault);
      return world_.cut_agent_power(agency, chance_.number());
    case Fault::fail_agent_disk:
      return fail_disk(world_.disk_of(agency));
    case Fault::fill_agent_disk:
      return fill_disk(world_.disk_of(agency));
    case Fault::restore_store:
      if (!world_.has_copy(agency)) return world_.copy_store(agency);
      strikes(fault);
      return world_.restore_store(agency);
    default:
      return world_.set_agent_clock_ahead(agency, draw_skew(fault));
  }
}

void Play::to_broker(Fault fault) {
  switch (fault) {
    case Fault::kill_broker:
      if (world_.broker().is_running()) strikes(fault);
      return world_.kill_broker();
    case Fault::power_cut_broker:
      if (world_.broker().is_running()) strikes(fault);
      return world_.cut_broker_power(chance_.number());
    case Fault::fail_broker_disk:
      return fail_disk(world_.broker_disk());
    case Fault::fill_broker_disk:
      return fill_disk(world_.broker_disk());
    default:
      return world_.set_broker_clock_ahead(draw_skew(fault));
  }
}

void Play::fail_disk(FaultDisk& disk) {
  using Operation = FaultDisk::Operation;
  constexpr std::array kOperations = {
      Operation::write,  Operation::sync,           Operation::preallocate, Operation::create,
      Operation::rename, Operation::sync_directory, Operation::read};
  const Operation operation = kOperations[chance_.below(kOperations.size())];
  // Only what takes space can lack it.
  const bool takes_space = operation == Operation::write || operation == Operation::preallocate ||
                           operation == Operation::create;
  const ErrorCode code =
      takes_space && chance_.in_thousand(400) ? ErrorCode::no_space : ErrorCode::io_failed;
  disk.fail_nth(operation, chance_.between(1, kCallsUntilFaultMax), code, FaultDisk::Repeat::once);
}

void Play::fill_disk(FaultDisk& disk) {
  if (chance_.in_thousand(400)) return make_room(disk);
  const std::uint64_t free = *disk.free_bytes("/");
  if (free < FaultDisk::kCapacityDefault / 2) return;  // full already, or nearly
  // Most often full at once or soon, whatever little a run writes.
  const std::uint64_t room = chance_.below(kRoomBytesMax) >> chance_.below(kRoomHalvingsMax);
  disk.set_capacity(FaultDisk::kCapacityDefault - free + room);
}

void Play::make_room(FaultDisk& disk) { disk.set_capacity(FaultDisk::kCapacityDefault); }

milliseconds Play::draw_skew(Fault fault) {
  const bool ahead = chance_.in_thousand(500);
  const std::uint64_t most = chance_.in_thousand(500)   ? 5'000
                             : chance_.in_thousand(500) ? 20 * 60'000
                                                        : 2 * 24 * 3'600'000;
  const milliseconds skew(chance_.below(most));
  const bool set_right = chance_.in_thousand(200);
  if (set_right || skew == milliseconds(0)) return milliseconds(0);
  strikes(fault);
  return ahead ? skew : -skew;
}

void Play::send() {
  const std::string& from = any_agency();
  if (!world_.is_running(from)) return;
  ++sent_;
  Letter letter;
  for (const std::string& agency : mix_.agencies) {
    if (agency != from && (letter.to.empty() || chance_.in_thousand(400))) {
      letter.to.push_back(agency);
    }
  }
  // Either of the others, alone, as often.
  if (letter.to.size() == 1 && chance_.in_thousand(500)) {
    for (const std::string& agency : mix_.agencies) {
      if (agency != from) letter.to.front() = agency;
    }
  }
  letter.lane = static_cast<Lane>(chance_.below(kLaneCount));
  if (chance_.in_thousand(600)) letter.lane = Lane::routine;
  letter.padding = chance_.below(200);
  if (chance_.in_thousand(mix_.large_in_thousand)) letter.padding = chance_.below(kLargeBytesMax);
  if (chance_.in_thousand(mix_.short_lived_in_thousand)) {
    letter.lives = std::chrono::seconds(chance_.between(1, 120));
  }
  if (chance_.in_thousand(mix_.attached_in_thousand)) {
    if (file_bytes_ == 0 || !chance_.in_thousand(kSameFileInThousand)) {
      // Most have a part or two: each costs as much as several letters.
      const std::uint64_t full_parts =
          chance_.below(kPartsMax) * chance_.below(kPartsMax + 1) / kPartsMax;
      file_bytes_ = full_parts * kPartBytesMax + chance_.between(1, kPartBytesMax);
    }
    letter.file_bytes = file_bytes_;
  }
  world_.send(from, letter);
}

}  // namespace keruen::simulation
