// A calendar file: whatever is accepted can be sent, and is written as a file that says the same.
#include "agents/forwarder/calendar.h"
#include "schemas/content/content.h"
#include "schemas/host/posix_disk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  static host::PosixDisk disk;
  static forwarder::TimeZones zones(disk);
  const auto objects = forwarder::read_calendar({data, size}, zones);
  if (!objects) return 0;
  for (const auto& object : *objects) {
    if (object.completeness != forwarder::Completeness::whole) continue;
    ensure(content::encode({{}, {}, object.schedule}).has_value(), "what was read can be sent");
    const auto text =
        forwarder::write_calendar(object.schedule, {object.stamp.value_or(WallTime{}), {}}, zones);
    ensure(text.has_value(), "what was read can be written");
    const auto again = forwarder::read_calendar(bytes_of(*text), zones);
    ensure(again.has_value() && again->size() == 1 && again->front().schedule == object.schedule,
           "read(write(x)) == x");
  }
  return 0;
}
