// How much of the log's disk each agency fills: one that fills more than what is left, and did so
// lately, waits, so that nobody's messages can take the disk from everybody.
// Units: bytes of batches as their senders signed them, per agency and UTC day of acceptedAt.
// Threads: the log thread only.
//
// Counted from what stands in the log, so it is the same after a restart: the index hands over the
// days. A batch of messages counts until retention has dropped its bodies, one of receipts for
// good; but nobody is refused for old receipts alone: an agency that receives much would in the end
// be refused with most of the disk free. Unlike a verdict this looks at a disk: what it refuses is
// refused for the moment, and no_space.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>

#include "broker/admission/ordering.h"

namespace keruen::admission {

class DiskShare {
 public:
  // Of what retention drops; it goes by whole segments, which may end a day later.
  static constexpr std::chrono::days kDaysKept{32};

  struct Bytes {
    std::uint64_t all = 0;
    std::uint64_t for_good = 0;  // of them: batches of receipts, which stay whole
  };
  void add(const AgencyId& agency, Day day, Bytes bytes);
  // Takes back what was added.
  void take_back(const AgencyId& agency, Day day, Bytes bytes);
  // It is that day now, whether or not anything is added.
  void advance_to(Day today);
  [[nodiscard]] std::uint64_t filled(const AgencyId& agency) const;

  // Whether the agency has had its share where so much room is left. Its messages may take half of
  // what others leave, and three quarters with receipts, which free its peers' outboxes: one who
  // does its worst leaves a quarter, two a sixteenth. Nobody is refused who within kDaysKept sent
  // less than an equal part of half the disk, whatever the others did to it.
  [[nodiscard]] bool is_used_up(const AgencyId& agency, std::uint64_t room,
                                BatchContent content) const;
  // A batch of it was refused for this; true: the first one of that day.
  [[nodiscard]] bool put_off(const AgencyId& agency, Day day);

 private:
  struct Filled {
    std::map<Day, Bytes> days;
    std::uint64_t total = 0;
    std::uint64_t recent = 0;  // of `days`, receipts included
    Day put_off_on{};
  };

  void forget_old();

  Day newest_{};
  std::uint64_t total_ = 0;
  std::unordered_map<AgencyId, Filled> filled_;
};

}  // namespace keruen::admission
