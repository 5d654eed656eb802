#include "agents/forwarder/hot_folder.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "agents/engine/engine_thread.h"
#include "agents/forwarder/drop_folder.h"
#include "agents/forwarder/folder_events.h"
#include "agents/forwarder/incoming.h"
#include "agents/forwarder/outgoing.h"
#include "schemas/host/clock.h"
#include "schemas/host/disk.h"
#include "schemas/host/journal.h"

namespace keruen::forwarder {
namespace {

using host::JournalLevel;

constexpr std::size_t kAnsweredMax = 1024;
constexpr std::size_t kFaultsMax = 16;  // shown of one scan

// Wakes the thread. The engine may call after the hot folder has gone, so it is shared.
class Wake {
 public:
  Wake() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    ensure(descriptor_ >= 0, "the system gives an event descriptor");
  }
  ~Wake() { ::close(descriptor_); }
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  void ring() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
  }
  void clear() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto size = ::read(descriptor_, &count, sizeof count);
  }
  void end() {
    ending_ = true;
    ring();
  }
  [[nodiscard]] bool ending() const { return ending_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
  std::atomic<bool> ending_ = false;
};

std::string file_in(const std::string& folder, std::string_view name) {
  return folder + "/" + std::string(name);
}

// Why something that is no regular file is refused.
Error not_a_file(DroppedKind kind) {
  switch (kind) {
    case DroppedKind::folder:
      return {ErrorCode::unsupported, "it is a folder: drop the files themselves"};
    case DroppedKind::link:
      return {ErrorCode::unsupported, "it is a link, and links are not followed: drop the file"};
    default:
      return {ErrorCode::unsupported, "it is not a regular file"};
  }
}

}  // namespace

struct HotFolder::State {
  State(HotFolderOptions given, engine::EngineThread& engine_given,
        std::unique_ptr<store::Reader> reader_given, host::Disk& disk_given,
        host::Clock& clock_given, host::Journal& journal_given)
      : options(std::move(given)),
        engine(engine_given),
        reader(std::move(reader_given)),
        disk(disk_given),
        clock(clock_given),
        journal(journal_given),
        zones(disk),
        outgoing(options.agency, zones,
                 {[this](engine::SubmitRequest request) { return engine.submit(request); },
                  [this](const std::string& key) { return reader->sent_once(key); }}),
        settling(options.quiet) {}

  const HotFolderOptions options;
  engine::EngineThread& engine;
  const std::unique_ptr<store::Reader> reader;
  host::Disk& disk;
  host::Clock& clock;
  host::Journal& journal;
  TimeZones zones;
  Outgoing outgoing;
  Settling settling;
  std::unique_ptr<DropFolder> drop;
  std::unique_ptr<DropFolder> arrivals;  // for its folders' modes alone
  std::unique_ptr<FolderEvents> events;  // null: the system has none for us
  std::unique_ptr<Incoming> incoming;
  std::shared_ptr<const certs::Registry> registry;
  // What was said last of a file or folder.
  struct Told {
    std::string detail;
    MonotonicTime since;
    bool is_found = true;  // since the last scan ended
  };
  std::map<std::string, Told> told;
  std::vector<std::string> found;        // of faults, since the scan under way began
  mutable std::mutex mutex;              // guards what follows
  std::vector<std::string> of_outgoing;  // what the last scan found
  std::optional<std::string> of_incoming;
  // Files that could not be moved: what is in them was dealt with.
  struct Answered {
    FileMark mark;
    FileAnswer answer;
  };
  std::map<std::string, Answered> answered;
  MonotonicTime next_scan;
  const std::shared_ptr<Wake> wake = std::make_shared<Wake>();
  std::thread thread;

  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<std::unique_ptr<DropFolder>> open_folder(const std::string& path,
                                                                std::string_view setting);
  void run();
  [[nodiscard]] Incoming::Progress catch_up();
  void collect();
  void scan();
  void end_scan();
  void follow_paths();
  void follow_registry();
  void make_folders();
  void scan_folder(const std::string& folder);
  // What becomes of the files that came into the folder after this one.
  enum class Later : std::uint8_t { go_on = 1, wait = 2 };
  [[nodiscard]] Later take(const std::string& folder, const DroppedEntry& entry);
  [[nodiscard]] Later leave(const std::string& folder, const DroppedEntry& entry,
                            FileAnswer answer);
  void tell_of(const std::string& folder, const ScheduleAnswer& one);
  void wait(Incoming::Progress progress);
  // Once for each new cause, until a scan ends without it: what waits is looked at every few
  // seconds.
  void say_once(const std::string& what, std::string_view event, const Error& error);
  // The same of what a scan found.
  void complain(const std::string& what, std::string_view event, const Error& error);
  // The same of a dropped file. Its name and the detail may hold content, which never stands in a
  // journal: its folder and the code do, and the rest lies beside the file.
  void complain_of_file(const std::string& folder, const std::string& name, std::string_view event,
                        const Error& error);
  [[nodiscard]] bool is_news(const std::string& what, const Error& error);
  void find_fault(const std::string& what, const Error& error);
};

// `path`/schedules, made where it is missing.
Result<std::unique_ptr<DropFolder>> HotFolder::State::open_folder(const std::string& path,
                                                                  std::string_view setting) {
  const auto made = disk.make_directory(path);
  auto opened = made ? DropFolder::open(file_in(path, "schedules"))
                     : Result<std::unique_ptr<DropFolder>>(fail(made.error()));
  if (opened) return opened;
  return fail(opened.error().code,
              opened.error().detail + "; `" + std::string(setting) +
                  "` under [forwarder] in agent.toml must name a folder that the agent's account "
                  "may read and write: give it that, name another, or remove the section");
}

Result<void> HotFolder::State::open() {
  KERUEN_TRY(drop, open_folder(options.outgoing_directory, "outgoing"));
  KERUEN_TRY(arrivals, open_folder(options.incoming_directory, "incoming"));
  if (auto opened = FolderEvents::open()) {
    events = std::move(*opened);
  } else {
    journal.write_error(JournalLevel::warning, "folders_not_watched", opened.error());
  }
  IncomingOptions arriving;
  arriving.agency = options.agency;
  arriving.directory = arrivals->path_of("");
  arriving.make_folder = [this](const std::string& sender) { return arrivals->make(sender); };
  arriving.cursor_file = file_in(options.state_directory, "forwarder.cursor");
  arriving.newest_event = engine.newest_event();
  KERUEN_TRY(incoming, Incoming::open(std::move(arriving), *reader, zones, disk, journal));
  registry = engine.registry();
  make_folders();
  return {};
}

void HotFolder::State::run() {
  while (!wake->ending()) {
    follow_registry();
    const auto progress = catch_up();
    collect();
    if (clock.now().monotonic >= next_scan) scan();
    wait(progress);
  }
  if (const auto kept = incoming->keep_cursor(); !kept) {
    journal.write_error(JournalLevel::warning, "forwarder_cursor_not_kept", kept.error());
  }
}

void HotFolder::State::find_fault(const std::string& what, const Error& error) {
  if (found.size() < kFaultsMax) found.push_back(what + ": " + error.detail);
}

void HotFolder::State::complain(const std::string& what, std::string_view event,
                                const Error& error) {
  find_fault(what, error);
  say_once(what, event, error);
}

void HotFolder::State::say_once(const std::string& what, std::string_view event,
                                const Error& error) {
  if (is_news(what, error)) {
    journal.write_error(JournalLevel::warning, event, error, {{"what", what}});
  }
}

void HotFolder::State::complain_of_file(const std::string& folder, const std::string& name,
                                        std::string_view event, const Error& error) {
  const std::string path = file_in(drop->path_of(folder), name);
  find_fault(path, error);
  if (is_news(path, error)) {
    journal.write(JournalLevel::warning, event,
                  {{"folder", drop->path_of(folder)}, {"code", name_of(error.code)}});
  }
}

bool HotFolder::State::is_news(const std::string& what, const Error& error) {
  const auto [place, is_new] = told.try_emplace(what);
  Told& last = place->second;
  last.is_found = true;
  if (!is_new && last.detail == error.detail) return false;
  last = {error.detail, clock.now().monotonic};
  return true;
}

Incoming::Progress HotFolder::State::catch_up() {
  const auto progress = incoming->catch_up(engine.newest_event());
  const auto fault = progress ? incoming->put_aside() : std::optional(progress.error());
  if (fault) say_once("incoming", "schedules_wait_to_be_written", *fault);
  const std::lock_guard lock(mutex);
  of_incoming.reset();
  if (fault) of_incoming = "what arrived cannot be written: " + fault->detail;
  return progress.value_or(Incoming::Progress::all);
}

void HotFolder::State::collect() {
  if (!events) return;
  const auto told_now = events->collect();
  for (const ToldFile& file : told_now.files) {
    if (file.state == ToldFile::State::closed) {
      settling.closed(file.folder, file.name);
    } else {
      settling.being_written(file.folder, file.name);
    }
  }
  if (told_now.anything) next_scan = clock.now().monotonic;
}

// A recipient's folder is there before anybody looks for it, and watched before anybody drops a
// file into it. One that somebody removed comes back.
void HotFolder::State::make_folders() {
  if (events) events->watch("", drop->path_of(""));
  if (!registry) return;
  const auto make = [&](DropFolder& parent, const std::string& name) {
    if (!parent.is_in_place()) return;  // that was complained of
    if (const auto made = parent.make(name); !made) {
      complain(parent.path_of(name), "folder_not_made", made.error());
    } else if (events && &parent == drop.get()) {
      events->watch(name, parent.path_of(name));
    }
  };
  for (const auto& [id, agency] : registry->agencies()) {
    if (id == options.agency) continue;
    make(*drop, id.text());
    make(*arrivals, id.text());
  }
  for (const auto& [id, group] : registry->groups()) make(*drop, id.text());
}

void HotFolder::State::follow_registry() {
  if (const auto newest = engine.registry(); newest != registry) {
    registry = newest;
    next_scan = clock.now().monotonic;  // who is new has a folder
  }
}

// A folder restored from a copy, or mounted over the one we hold open.
void HotFolder::State::follow_paths() {
  const auto follow = [&](std::unique_ptr<DropFolder>& folder, const std::string& path,
                          std::string_view setting) {
    if (folder->is_in_place()) return;
    auto opened = open_folder(path, setting);
    if (!opened) return complain(folder->path_of(""), "folder_not_opened", opened.error());
    folder = std::move(*opened);
    journal.write(JournalLevel::info, "folder_opened_anew", {{"folder", folder->path_of("")}});
  };
  follow(drop, options.outgoing_directory, "outgoing");
  follow(arrivals, options.incoming_directory, "incoming");
}

void HotFolder::State::scan() {
  zones.forget();
  found.clear();
  follow_paths();
  make_folders();
  scan_folder("");
  if (const auto folders = drop->folders()) {
    for (const std::string& folder : *folders) scan_folder(folder);
  } else {
    complain(drop->path_of(""), "folder_not_read", folders.error());
  }
  end_scan();
}

void HotFolder::State::end_scan() {
  settling.end_scan();
  // Should it come back, it is news.
  std::erase_if(told, [](const auto& one) { return !one.second.is_found; });
  for (auto& [what, last] : told) last.is_found = false;
  {
    const std::lock_guard lock(mutex);
    of_outgoing = found;
  }
  const Now now = clock.now();
  next_scan = now.monotonic + options.scan_interval;
  if (const auto due = settling.next_due(now)) next_scan = std::min(next_scan, *due);
}

void HotFolder::State::scan_folder(const std::string& folder) {
  // Watched first, looked into afterwards: what comes in between is told. One that somebody made,
  // or made anew, is not watched yet.
  if (events) events->watch(folder, drop->path_of(folder));
  const auto entries = drop->entries(folder);
  if (!entries) return complain(drop->path_of(folder), "folder_not_read", entries.error());
  auto later = Later::go_on;
  for (const DroppedEntry& entry : *entries) {
    if (wake->ending()) return;
    // Asked for each, or it would be forgotten.
    const bool is_whole = settling.is_whole(folder, entry.name, entry.mark, clock.now());
    if (is_whole && later == Later::go_on) later = take(folder, entry);
  }
}

HotFolder::State::Later HotFolder::State::take(const std::string& folder,
                                               const DroppedEntry& entry) {
  if (!registry) {
    complain("registry", "schedules_wait_to_be_sent",
             {ErrorCode::not_found, "this agent has no registry yet"});
    return Later::wait;
  }
  const auto before = answered.find(file_in(drop->path_of(folder), entry.name));
  if (before != answered.end() && before->second.mark == entry.mark) {
    return leave(folder, entry, before->second.answer);
  }
  const Result<Bytes> file = entry.kind == DroppedKind::file
                                 ? drop->read(folder, entry, kCalendarBytesMax)
                                 : Result<Bytes>(fail(not_a_file(entry.kind)));
  if (!file && file.error().code == ErrorCode::not_found) return Later::go_on;  // taken back
  return leave(folder, entry, outgoing.answer(folder, entry.name, file, *registry));
}

HotFolder::State::Later HotFolder::State::leave(const std::string& folder,
                                                const DroppedEntry& entry, FileAnswer answer) {
  const std::string path = file_in(drop->path_of(folder), entry.name);
  if (answer.outcome == FileAnswer::Outcome::later) {
    complain_of_file(folder, entry.name, "schedule_waits_to_be_sent", answer.error);
    const bool is_unreadable = answer.error.code == ErrorCode::io_failed;
    if (!is_unreadable || clock.now().monotonic - told.at(path).since < kUnreadableMax) {
      for (const ScheduleAnswer& one : answer.schedules) {
        if (one.outcome == ScheduleAnswer::Outcome::sent) tell_of(folder, one);
      }
      // An older version sent after a newer one would undo it. A file that was changed while it was
      // read is the newest by now.
      const bool was_changed =
          answer.schedules.empty() && answer.error.code == ErrorCode::overloaded;
      return was_changed ? Later::go_on : Later::wait;
    }
    answer = given_up(folder, entry.name, std::move(answer));
  }
  const bool done = answer.outcome == FileAnswer::Outcome::done;
  const auto moved =
      drop->move(folder, entry, done ? Destination::done : Destination::refused, answer.reason);
  if (!moved) {
    if (answered.size() > kAnsweredMax) answered.clear();
    answered[path] = {entry.mark, std::move(answer)};
    complain_of_file(folder, entry.name, "schedule_not_moved", moved.error());
    return Later::go_on;
  }
  answered.erase(path);
  told.erase(path);
  if (moved->not_durable) {
    complain_of_file(folder, entry.name, "schedule_move_not_durable", *moved->not_durable);
  }
  for (const ScheduleAnswer& one : answer.schedules) {
    if (one.outcome != ScheduleAnswer::Outcome::refused) tell_of(folder, one);
  }
  if (!done) {
    journal.write(JournalLevel::warning, "schedule_refused",
                  {{"folder", drop->path_of(folder)}, {"code", name_of(answer.error.code)}});
  }
  return Later::go_on;
}

void HotFolder::State::tell_of(const std::string& folder, const ScheduleAnswer& one) {
  const bool known = one.outcome == ScheduleAnswer::Outcome::known;
  const std::string path = drop->path_of(folder);
  const std::string message = to_text(one.message);
  const std::string left_out = engine::names_of(one.left_out);
  std::vector<host::JournalField> fields{{"folder", path}, {"message", message}};
  if (!left_out.empty()) fields.emplace_back("left_out", left_out);
  journal.write(JournalLevel::info, known ? "schedule_known" : "schedule_sent", fields);
}

void HotFolder::State::wait(Incoming::Progress progress) {
  if (progress == Incoming::Progress::more || wake->ending()) return;
  const auto left = next_scan - clock.now().monotonic;
  const auto pause = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(left),
                                std::chrono::milliseconds(0), options.scan_interval);
  std::array<pollfd, 2> waited{
      {{wake->descriptor(), POLLIN, 0}, {events ? events->descriptor() : -1, POLLIN, 0}}};
  [[maybe_unused]] const int ready =
      ::poll(waited.data(), waited.size(), static_cast<int>(pause.count()));
  wake->clear();
}

HotFolder::HotFolder(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<HotFolder>> HotFolder::start(HotFolderOptions options,
                                                    engine::EngineThread& engine,
                                                    std::unique_ptr<store::Reader> reader,
                                                    host::Disk& disk, host::Clock& clock,
                                                    host::Journal& journal) {
  auto state =
      std::make_unique<State>(std::move(options), engine, std::move(reader), disk, clock, journal);
  KERUEN_CHECK(state->open());
  state->next_scan = clock.now().monotonic;
  engine.listen([wake = state->wake](std::uint64_t) { wake->ring(); });
  state->thread = std::thread([running = state.get()] { running->run(); });
  return std::unique_ptr<HotFolder>(new HotFolder(std::move(state)));
}

std::vector<std::string> HotFolder::faults() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::string> faults = state_->of_outgoing;
  if (state_->of_incoming) faults.push_back(*state_->of_incoming);
  return faults;
}

HotFolder::~HotFolder() {
  state_->wake->end();
  state_->thread.join();
}

}  // namespace keruen::forwarder
