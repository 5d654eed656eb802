// What tests of calendar files share: the machine's zones, and files made of a few lines.
// Threads: one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agents/forwarder/calendar.h"
#include "schemas/host/posix_disk.h"
#include "tests/support/matchers.h"

namespace keruen::forwarder {

inline std::string calendar_of(std::string_view lines) {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n" + std::string(lines) +
         "END:VCALENDAR\r\n";
}
// An event with a UID, a title and a start, and more.
inline std::string event_of(std::string_view more, std::string_view uid = "u1@test") {
  return "BEGIN:VEVENT\r\nUID:" + std::string(uid) +
         "\r\nDTSTAMP:20261120T060000Z\r\nSUMMARY:Course\r\nDTSTART:20270315T043000Z\r\n" +
         std::string(more) + "END:VEVENT\r\n";
}

class CalendarTest : public ::testing::Test {
 protected:
  Result<std::vector<CalendarObject>> read(std::string_view file) {
    return read_calendar(bytes_of(file), zones);
  }
  // Of a file that must hold one.
  CalendarObject read_one(std::string_view file) {
    auto objects = read(file);
    EXPECT_THAT(objects, IsOk());
    if (!objects || objects->size() != 1) {
      ADD_FAILURE() << "not one schedule";
      return {};
    }
    return std::move(objects->front());
  }

  host::PosixDisk disk;
  TimeZones zones{disk};
};

}  // namespace keruen::forwarder
