// For instances_test.py: what becomes of a calendar file on its way through an exchange.
//   rewrite_calendar FILE DIRECTORY      reads FILE, writes each schedule as DIRECTORY/UID.ics
#include <cstdio>

#include "agents/forwarder/calendar.h"
#include "agents/forwarder/file_name.h"
#include "schemas/content/content.h"
#include "schemas/host/posix_disk.h"

namespace keruen::forwarder {
namespace {

Result<void> rewrite(const std::string& source, const std::string& directory) {
  host::PosixDisk disk;
  TimeZones zones(disk);
  KERUEN_TRY(const Bytes file, host::read_file(disk, source, kCalendarBytesMax));
  KERUEN_TRY(const auto objects, read_calendar(file, zones));
  for (const CalendarObject& object : objects) {
    KERUEN_TRY(const Bytes sent, content::encode({{}, {}, object.schedule}));
    KERUEN_TRY(const auto arrived, content::decode_content(sent));
    const auto& schedule = std::get<content::TrainingSchedule>(arrived.body);
    KERUEN_TRY(const std::string text,
               write_calendar(schedule, {object.stamp.value_or(WallTime{}), {}}, zones));
    const std::string path = directory + "/" + encode_file_name(schedule.uid, ".ics");
    KERUEN_CHECK(host::write_file_atomically(disk, path, bytes_of(text), host::kSharedMode));
  }
  return {};
}

}  // namespace
}  // namespace keruen::forwarder

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto done = keruen::forwarder::rewrite(argv[1], argv[2]);
  if (done) return 0;
  std::fprintf(stderr, "%s\n", done.error().detail.c_str());
  return 1;
}
