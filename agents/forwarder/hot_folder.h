// The hot folder: calendar files dropped into a recipient's folder are sent once, and schedules
// that arrive are written where calendars find them.
// Shape: OUTGOING/schedules/RECIPIENT/ (an agency or a group) with done/ and refused/ inside;
// INCOMING/schedules/SENDER/UID.ics; STATE/forwarder.cursor.
// Threads: its own; start and destruction from one thread. Lifetime: the engine thread, disk, clock
// and journal outlive it; it stops and joins in its destructor.
//
// A file is taken once it was closed, moved in, or, where the system tells nothing, unchanged for
// `quiet`. Those that wait together go in the order they came: of two versions the last one sent
// counts. One message per UID, its RECURRENCE-IDs together. A file leaves its folder only when
// every UID in it was answered for: to done/, or to refused/ beside NAME.reason.txt that says in
// plain words what happened and what to do next; in done/ such a text names who was left out. While
// the engine has no room, no disk space or no registry in force, it stays and is tried again, and
// those that came into its folder after it wait: an older version sent after a newer one would undo
// it. So it is where the file, or what was sent before, cannot be read, but not for ever: after
// kUnreadableMax it is refused. What was sent before is the store's to know
// (SubmitRequest::once), so a crash at any moment sends nothing twice and loses nothing. Errors of
// start(): denied, io_failed, no_space (a folder or file of ours cannot be made or read); corrupt
// (forwarder.cursor is not what was written).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "agents/store/reader.h"
#include "schemas/names.h"

namespace keruen::engine {
class EngineThread;
}
namespace keruen::host {
class Clock;
class Disk;
class Journal;
}  // namespace keruen::host

namespace keruen::forwarder {

// A disk that is out of breath has it back by then; one that is broken keeps no folder waiting.
inline constexpr std::chrono::minutes kUnreadableMax{10};

struct HotFolderOptions {
  AgencyId agency;                 // ours
  std::string outgoing_directory;  // [forwarder] of agent.toml; schedules/ is made inside
  std::string incoming_directory;
  std::string state_directory;            // beside the store, so that both are backed up together
  std::chrono::milliseconds quiet{2000};  // see Settling
  std::chrono::milliseconds scan_interval{3000};  // also looks without being told
};

class HotFolder {
 public:
  [[nodiscard]] static Result<std::unique_ptr<HotFolder>> start(
      HotFolderOptions options, engine::EngineThread& engine, std::unique_ptr<store::Reader> reader,
      host::Disk& disk, host::Clock& clock, host::Journal& journal);
  ~HotFolder();
  HotFolder(const HotFolder&) = delete;
  HotFolder& operator=(const HotFolder&) = delete;

  // What keeps it from its work just now, in words, some of them at most. From any thread.
  [[nodiscard]] std::vector<std::string> faults() const;

 private:
  struct State;
  explicit HotFolder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::forwarder
