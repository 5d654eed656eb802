// The hot folder as the agent runs it: its own thread, a real engine, a real folder.
#include "agents/forwarder/hot_folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <condition_variable>
#include <cstdio>
#include <fstream>

#include "agents/engine/engine_thread.h"
#include "agents/forwarder/folder_events.h"
#include "agents/forwarder/outgoing.h"
#include "tests/agents/forwarder/calendar_fixture.h"
#include "tests/agents/forwarder/later_file.h"
#include "tests/journey/engine_thread_journey.h"

namespace keruen::forwarder {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

// Waits for lines instead of for time.
class WaitedJournal final : public host::Journal {
 public:
  using host::Journal::write;
  void write(host::JournalLevel level, std::string_view event, Fields fields) override {
    {
      const std::lock_guard lock(mutex_);
      lines_.push_back(host::encode_journal_line({WallTime{}, level, event, fields}));
    }
    changed_.notify_all();
  }
  [[nodiscard]] bool wait_for(std::string_view event, std::string_view text,
                              std::chrono::milliseconds time) {
    const auto holds = [&](const std::string& line) {
      return line.find("\"" + std::string(event) + "\"") != std::string::npos &&
             line.find(text) != std::string::npos;
    };
    return wait_until([&] { return std::ranges::any_of(lines_, holds); }, time);
  }
  // Looks whether it is so after each line.
  [[nodiscard]] bool wait_until(const std::function<bool()>& condition,
                                std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, condition);
  }
  [[nodiscard]] bool mentions(std::string_view text) const { return count(text) > 0; }
  // Of lines that hold it.
  [[nodiscard]] std::ptrdiff_t count(std::string_view text) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::count_if(
        lines_, [&](const auto& line) { return line.find(text) != std::string::npos; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

class HotFolderTest : public EngineThreadJourney {
 protected:
  void SetUp() override {
    start_engine_thread();
    KERUEN_ASSERT_OK(extra_reader, open_reader());
    start();
  }
  void TearDown() override {
    hot_folder.reset();
    engine.reset();
  }
  void start() {
    HotFolderOptions options;
    options.agency = agency_named(kGuard);
    options.outgoing_directory = (home / "outgoing").string();
    options.incoming_directory = (home / "incoming").string();
    options.state_directory = home.path().string();
    options.scan_interval = std::chrono::milliseconds(20);
    KERUEN_ASSERT_OK(auto reader, open_reader());
    KERUEN_ASSERT_OK(hot_folder, HotFolder::start(std::move(options), *engine, std::move(reader),
                                                  system, *clock, journal));
  }
  Result<std::unique_ptr<store::Reader>> open_reader() {
    return store::Reader::open(agent(kGuard).store_path(), agent(kGuard).store_key(),
                               [this] { return engine->publish(); });
  }
  [[nodiscard]] fs::path folder() const { return home / "outgoing/schedules/kz.customs"; }
  // Whether the hot folder says so while the clock stands still.
  bool says(std::string_view event, std::string_view text) {
    return journal.wait_for(event, text, std::chrono::minutes(1));
  }
  // Whether it does in time, a second after the other.
  bool says_later(std::string_view event, std::string_view text) {
    for (int second = 0; second < 1000; ++second) {
      if (journal.wait_for(event, text, std::chrono::milliseconds(50))) return true;
      clock->advance(std::chrono::seconds(1));
    }
    return false;
  }
  // Whether a file lies there in time, likewise.
  bool leaves(const fs::path& path) {
    return journal.wait_until([&] { return fs::exists(path); }, std::chrono::minutes(1));
  }
  bool leaves_later(const fs::path& path) {
    for (int second = 0; second < 1000; ++second) {
      if (journal.wait_until([&] { return fs::exists(path); }, std::chrono::milliseconds(50))) {
        return true;
      }
      clock->advance(std::chrono::seconds(1));
    }
    return false;
  }
  [[nodiscard]] fs::path reason_of(const std::string& name) const {
    return folder() / "refused" / (name + ".reason.txt");
  }
  void write(const fs::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }
  std::string reason(const std::string& name) {
    std::ifstream file(reason_of(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TemporaryDirectory home;
  host::PosixDisk system;
  WaitedJournal journal;
  std::unique_ptr<store::Reader> extra_reader;
  std::unique_ptr<HotFolder> hot_folder;
};

TEST_F(HotFolderTest, MakesAFolderForEveryRecipient) {
  for (const char* name : {"kz.customs", "kz.prosecutor", "kz.all"}) {
    EXPECT_TRUE(fs::is_directory(home / "outgoing/schedules" / name)) << name;
  }
  EXPECT_FALSE(fs::exists(home / "outgoing/schedules/kz.border-guard"));
  EXPECT_TRUE(fs::is_directory(home / "incoming/schedules/kz.customs"));
}

TEST_F(HotFolderTest, SendsAFileAndMovesItToDone) {
  write(folder() / "course.ics", calendar_of(event_of("")));
  ASSERT_TRUE(says("schedule_sent", "kz.customs"));
  EXPECT_TRUE(fs::exists(folder() / "done/course.ics"));
  EXPECT_FALSE(fs::exists(folder() / "course.ics"));
  const auto listed = extra_reader->list({store::Folder::sent, {}, 10, {}, MessageKind::schedule});
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->messages.size(), 1u);
  EXPECT_EQ(listed->messages.front().subject, "Course");
}

TEST_F(HotFolderTest, TakesAFileThatWasMovedIn) {
  write(home / "course.part", calendar_of(event_of("")));
  fs::rename(home / "course.part", folder() / "course.ics");
  ASSERT_TRUE(says("schedule_sent", "kz.customs"));
}

TEST_F(HotFolderTest, KnowsTheSameFileAgainAlsoAfterARestart) {
  write(folder() / "one.ics", calendar_of(event_of("")));
  ASSERT_TRUE(says("schedule_sent", "kz.customs"));
  write(folder() / "two.ics", calendar_of(event_of("")));
  ASSERT_TRUE(says("schedule_known", "kz.customs"));
  hot_folder.reset();
  write(folder() / "three.ics", calendar_of(event_of("")));
  start();
  ASSERT_TRUE(leaves_later(folder() / "done/three.ics"));  // nobody told of it
}

// A calendar program that saved the course again, while nobody looked.
TEST_F(HotFolderTest, OfTwoVersionsThatWaitTheNewerIsSentLast) {
  const auto course = [](const std::string& title) {
    std::string file = calendar_of(event_of(""));
    return file.replace(file.find("Course"), 6, title);
  };
  hot_folder.reset();
  write(folder() / "course.ics", course("Older"));
  write_after(folder() / "course.ics", folder() / "course (1).ics", course("Newer"));
  start();
  ASSERT_TRUE(leaves_later(folder() / "done/course.ics"));
  ASSERT_TRUE(leaves_later(folder() / "done/course (1).ics"));
  KERUEN_ASSERT_OK(const auto last, extra_reader->sent_once("schedule kz.customs u1@test"));
  EXPECT_EQ(last.summary.subject, "Newer");
}

TEST_F(HotFolderTest, ABareCancellationThatWaitsIsSentAfterItsCourse) {
  hot_folder.reset();
  write(folder() / "course.ics", calendar_of(event_of("")));
  write_after(
      folder() / "course.ics", folder() / "cancel.ics",
      calendar_of("METHOD:CANCEL\r\nBEGIN:VEVENT\r\nUID:u1@test\r\nSEQUENCE:1\r\nEND:VEVENT\r\n"));
  start();
  ASSERT_TRUE(leaves_later(folder() / "done/course.ics"));
  EXPECT_TRUE(leaves_later(folder() / "done/cancel.ics"));
  EXPECT_FALSE(fs::exists(folder() / "refused"));
}

// An upload over a radio link that stalls.
TEST_F(HotFolderTest, AFileItsWriterHoldsOpenIsNotTaken) {
  const std::string content = calendar_of(event_of(""));
  std::ofstream upload(folder() / "course.ics", std::ios::binary);
  upload << content.substr(0, content.size() / 2) << std::flush;
  // Once these are sent, the upload was looked at too.
  write(folder() / "first.ics", calendar_of(event_of("", "u2@test")));
  ASSERT_TRUE(leaves(folder() / "done/first.ics"));
  clock->advance(std::chrono::seconds(10));
  write(folder() / "second.ics", calendar_of(event_of("", "u3@test")));
  ASSERT_TRUE(leaves(folder() / "done/second.ics"));
  EXPECT_FALSE(fs::exists(folder() / "refused"));
  upload << content.substr(content.size() / 2);
  upload.close();
  ASSERT_TRUE(leaves(folder() / "done/course.ics"));
  EXPECT_THAT(extra_reader->sent_once("schedule kz.customs u1@test"), IsOk());
  const auto listed = extra_reader->list({store::Folder::sent, {}, 10, {}, MessageKind::schedule});
  ASSERT_THAT(listed, IsOk());
  EXPECT_EQ(listed->messages.size(), 3u);
}

// As on a full disk, where it must not be tried without a pause.
TEST_F(HotFolderTest, AFileWhoseReasonCannotBeWrittenStaysWhereItIs) {
  fs::create_directories(reason_of("broken.ics"));
  KERUEN_ASSERT_OK(const auto events, FolderEvents::open());
  events->watch("", folder().string());
  write(folder() / "broken.ics", "BEGIN:VCALENDAR\r\nnonsense");
  ASSERT_TRUE(says("schedule_not_moved", "kz.customs"));
  write(folder() / "course.ics", calendar_of(event_of("")));
  ASSERT_TRUE(says("schedule_sent", "kz.customs"));
  // Moved away and put back it would be told of, and looked at, again and again.
  const auto told = events->collect().files;
  EXPECT_EQ(std::ranges::count_if(told,
                                  [](const ToldFile& file) {
                                    return file.name == "broken.ics" &&
                                           file.state == ToldFile::State::closed;
                                  }),
            1);
  EXPECT_TRUE(fs::exists(folder() / "broken.ics"));
  EXPECT_THAT(hot_folder->faults(), testing::Contains(HasSubstr("broken.ics.reason.txt")));
  fs::remove(reason_of("broken.ics"));
  ASSERT_TRUE(leaves_later(folder() / "refused/broken.ics"));
  EXPECT_THAT(reason("broken.ics"), HasSubstr("cut short"));
}

TEST_F(HotFolderTest, RefusesHostileFilesInWords) {
  const std::string floating =
      "BEGIN:VEVENT\r\nUID:z\r\nSUMMARY:Z\r\nDTSTART;TZID=Mars/Olympus:20270101T090000\r\n"
      "END:VEVENT\r\n";
  const std::vector<std::tuple<std::string, std::string, std::string>> files = {
      {"broken.ics", "BEGIN:VCALENDAR\r\nnonsense", "cut short"},
      {"large.ics", std::string(10 * 1024 * 1024, 'x'), "10485760 bytes"},
      {"zone.ics", calendar_of(floating), "Mars/Olympus"},
      {"empty.ics", "", "empty"},
      {"course.xlsx", "PK", "end in .ics"},
      {"ours.ics",
       calendar_of("X-KERUEN-MESSAGE:0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a\r\n" + event_of("")),
       "circles"}};
  for (const auto& [name, content, words] : files) write(folder() / name, content);
  fs::create_symlink("/etc/passwd", folder() / "link.ics");
  ASSERT_EQ(::mkfifo((folder() / "pipe.ics").c_str(), 0600), 0);
  fs::create_directory(folder() / "folder.ics");
  ASSERT_TRUE(says("schedule_refused", "kz.customs"));
  for (const auto& [name, content, words] : files) {
    ASSERT_TRUE(leaves_later(folder() / "refused" / name));
    EXPECT_THAT(reason(name), HasSubstr(words)) << name;
  }
  for (const char* name : {"link.ics", "pipe.ics", "folder.ics"}) {
    ASSERT_TRUE(leaves_later(folder() / "refused" / name));
    EXPECT_THAT(reason(name), HasSubstr("What to do")) << name;
  }
  EXPECT_FALSE(fs::exists(folder() / "done"));
}

TEST_F(HotFolderTest, TheJournalHoldsNothingOfWhatIsInAFile) {
  write(folder() / "u1@test.ics", calendar_of(event_of("")));
  ASSERT_TRUE(says("schedule_sent", "kz.customs"));
  write(folder() / "secret.ics",
        calendar_of("BEGIN:VEVENT\r\nUID:secret-uid\r\nSUMMARY:Z\r\n"
                    "DTSTART;TZID=Mars/Olympus:20270101T090000\r\nEND:VEVENT\r\n"));
  ASSERT_TRUE(says("schedule_refused", "unsupported"));
  EXPECT_THAT(reason("secret.ics"), HasSubstr("secret-uid"));
  for (const char* text : {"u1@test", "secret", "Mars", "Course"}) {
    EXPECT_FALSE(journal.mentions(text)) << text;
  }
}

// Restored from a copy, or another one mounted in its place.
TEST_F(HotFolderTest, FollowsAFolderThatWasPutInItsPlace) {
  const fs::path schedules = home / "outgoing/schedules";
  fs::rename(schedules, home / "outgoing/before");
  ASSERT_TRUE(says_later("folder_opened_anew", "outgoing/schedules"));
  ASSERT_TRUE(leaves_later(folder()));
  write(folder() / "course.ics", calendar_of(event_of("")));
  EXPECT_TRUE(leaves_later(folder() / "done/course.ics"));
}

TEST_F(HotFolderTest, SaysWhatKeepsItFromItsWorkUntilThatIsOver) {
  const fs::path schedules = home / "outgoing/schedules";
  const fs::path other = home / "outgoing/no-folder";
  write(other, "a file");
  const auto change_places = [&] {
    return ::renameat2(AT_FDCWD, schedules.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
  };
  const auto has_faults = [&](bool wanted) {
    for (int second = 0; second < 1000; ++second) {
      if (journal.wait_until([&] { return hot_folder->faults().empty() != wanted; },
                             std::chrono::milliseconds(50))) {
        return true;
      }
      clock->advance(std::chrono::seconds(1));
    }
    return false;
  };
  EXPECT_THAT(hot_folder->faults(), testing::IsEmpty());
  // The second time as the first.
  for (int time = 1; time <= 2; ++time) {
    ASSERT_EQ(change_places(), 0);
    ASSERT_TRUE(has_faults(true));
    EXPECT_THAT(hot_folder->faults(), testing::Contains(HasSubstr("outgoing/schedules: ")));
    ASSERT_EQ(change_places(), 0);
    ASSERT_TRUE(has_faults(false));
    EXPECT_EQ(journal.count("folder_not_opened"), time);
  }
}

// Removed, or moved away, by somebody who tidies up.
TEST_F(HotFolderTest, ARecipientsFolderThatVanishedComesBack) {
  const fs::path arrivals = home / "incoming/schedules/kz.customs";
  fs::rename(folder(), home / "away");
  fs::remove(arrivals);
  ASSERT_TRUE(leaves_later(folder()));
  ASSERT_TRUE(leaves_later(arrivals));
  write(folder() / "course.ics", calendar_of(event_of("")));
  EXPECT_TRUE(leaves_later(folder() / "done/course.ics"));
  EXPECT_FALSE(journal.mentions("folder_"));
}

// It is named, refused as what lies in nobody's folder, and out of the way.
TEST_F(HotFolderTest, AFileInARecipientsPlaceMakesRoomForIt) {
  write(home / "file", "a file");
  const auto change_places = [&] {
    return ::renameat2(AT_FDCWD, folder().c_str(), AT_FDCWD, (home / "file").c_str(),
                       RENAME_EXCHANGE);
  };
  ASSERT_EQ(change_places(), 0);
  ASSERT_TRUE(says_later("folder_not_made", "kz.customs"));
  ASSERT_TRUE(leaves_later(home / "outgoing/schedules/refused/kz.customs"));
  EXPECT_TRUE(leaves_later(folder()));
}

TEST_F(HotFolderTest, RefusesWhatLiesInNobodysFolder) {
  fs::create_directory(home / "outgoing/schedules/kz.nobody");
  write(home / "outgoing/schedules/kz.nobody/course.ics", calendar_of(event_of("")));
  write(home / "outgoing/schedules/lost.ics", calendar_of(event_of("")));
  ASSERT_TRUE(leaves(home / "outgoing/schedules/refused/lost.ics.reason.txt"));
  ASSERT_TRUE(says_later("schedule_refused", "kz.nobody"));
  EXPECT_TRUE(fs::exists(home / "outgoing/schedules/kz.nobody/refused/course.ics.reason.txt"));
}

// An agent that was online: it has sent a course, u2@test, and of the group the prosecutor is
// suspended.
class HotFolderAfterASend : public HotFolderTest {
 protected:
  void SetUp() override {
    start_all();
    Outgoing outgoing(
        agency_named(kGuard), zones,
        {[&](const engine::SubmitRequest& request) { return agent(kGuard).submit(request, now()); },
         [&](const std::string& key) { return agent(kGuard).reader().sent_once(key); }});
    const auto answer = outgoing.answer(kCustoms, "course.ics",
                                        copy_of(bytes_of(calendar_of(event_of("", "u2@test")))),
                                        *agent(kGuard).engine().registry());
    ASSERT_EQ(answer.outcome, FileAnswer::Outcome::done);
    exchange.agency(kProsecutor).status = wire::AgencyStatus::suspended;
    broker.publish(exchange.next_registry(), now());
    pass(std::chrono::seconds(3));
    ASSERT_THAT(agent(kGuard).engine().publish(), IsOk());
    agent(kGuard).disconnect(broker, now());
    clock = std::make_unique<TurnedClock>(now());
    engine = *engine::EngineThread::start(agent(kGuard).engine(), *clock, {});
    KERUEN_ASSERT_OK(extra_reader, open_reader());
    start();
  }
  // What was sent lies in a file that cannot be read just now; and can again. The disk says so.
  [[nodiscard]] fs::path contents() { return agent(kGuard).store_path() + "-content"; }
  void hide_contents() {
    fs::rename(contents(), home / "contents");
    fs::create_directory(contents());
  }
  void show_contents() {
    fs::remove(contents());
    fs::rename(home / "contents", contents());
  }
  // An older file that cannot be sent as a whole, and a newer one behind it.
  void drop_two_versions() {
    hot_folder.reset();
    write(folder() / "older.ics",
          calendar_of(event_of("LOCATION:older\r\n") + event_of("LOCATION:older\r\n", "u2@test")));
    write_after(folder() / "older.ics", folder() / "newer.ics",
                calendar_of(event_of("LOCATION:newer\r\n")));
    start();
  }
  std::string place_of_course() {
    const auto last = extra_reader->sent_once("schedule kz.customs u1@test");
    if (!last) return last.error().detail;
    const auto& schedule = std::get<content::TrainingSchedule>(last->content.body);
    return schedule.venue ? schedule.venue->name : "";
  }

  TimeZones zones{system};
};

TEST_F(HotFolderAfterASend, ANewerFileDoesNotPassAnOlderOneThatWaits) {
  hide_contents();
  drop_two_versions();
  ASSERT_TRUE(says_later("schedule_waits_to_be_sent", "io_failed"));
  EXPECT_EQ(place_of_course(), "older");
  show_contents();
  ASSERT_TRUE(leaves_later(folder() / "done/older.ics"));
  ASSERT_TRUE(leaves_later(folder() / "done/newer.ics"));
  EXPECT_EQ(place_of_course(), "newer");
  EXPECT_EQ(journal.count("schedule_sent"), 3);
}

TEST_F(HotFolderAfterASend, WhatCannotBeReadForTooLongIsRefusedAndKeepsNobodyWaiting) {
  hide_contents();
  drop_two_versions();
  ASSERT_TRUE(says_later("schedule_waits_to_be_sent", "io_failed"));
  clock->advance(kUnreadableMax);
  ASSERT_TRUE(leaves_later(folder() / "refused/older.ics"));
  EXPECT_THAT(reason("older.ics"),
              testing::AllOf(HasSubstr("sent only in part"), HasSubstr("u1@test: was sent"),
                             HasSubstr("u2@test: NOT SENT"), HasSubstr("kz.customs again")));
  ASSERT_TRUE(leaves_later(folder() / "done/newer.ics"));
  EXPECT_EQ(place_of_course(), "newer");
  show_contents();
}

TEST_F(HotFolderAfterASend, NamesWhoOfAGroupWasLeftOut) {
  const fs::path group = home / "outgoing/schedules/kz.all";
  write(group / "course.ics", calendar_of(event_of("")));
  ASSERT_TRUE(says("schedule_sent", "\"left_out\":\"kz.prosecutor\""));
  EXPECT_TRUE(fs::exists(group / "done/course.ics"));
  std::ifstream file(group / "done/course.ics.reason.txt");
  const std::string reason{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(reason, testing::AllOf(HasSubstr("course.ics was sent to kz.all, but not to all"),
                                     HasSubstr("suspended: kz.prosecutor"),
                                     HasSubstr("dropped into kz.all again")));
  write(folder() / "course.ics", calendar_of(event_of("")));
  ASSERT_TRUE(leaves(folder() / "done/course.ics"));
  EXPECT_FALSE(fs::exists(folder() / "done/course.ics.reason.txt"));
}

}  // namespace
}  // namespace keruen::forwarder
