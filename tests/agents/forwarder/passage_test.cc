// From a dropped file to a written one, through real engines, stores, and a broker; in one thread.
#include <filesystem>
#include <fstream>

#include "agents/forwarder/incoming.h"
#include "agents/forwarder/outgoing.h"
#include "tests/agents/forwarder/calendar_fixture.h"
#include "tests/journey/journey.h"

namespace keruen::forwarder {
namespace {

using content::EventStatus;
using content::ScheduleMethod;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Passage : public Journey {
 protected:
  static constexpr const char* kCursor = "/state/forwarder.cursor";

  void SetUp() override {
    start_all();
    ASSERT_THAT(files.make_directory("/in"), IsOk());
    ASSERT_THAT(files.make_directory("/state"), IsOk());
    KERUEN_ASSERT_OK(incoming, open_incoming());
  }
  using MakeFolder = std::function<Result<void>(const std::string& sender)>;
  Result<std::unique_ptr<Incoming>> open_incoming(MakeFolder make_folder = {}) {
    if (!make_folder) {
      make_folder = [this](const std::string& sender) {
        return files.make_directory("/in/" + sender);
      };
    }
    return Incoming::open({agency_named(kCustoms), "/in", std::move(make_folder), kCursor,
                           agent(kCustoms).engine().newest_event()},
                          agent(kCustoms).reader(), zones, files, journal);
  }
  // Every event comes again, as after a crash that lost the cursor.
  void take_everything_again() {
    ASSERT_THAT(files.remove(kCursor), IsOk());
    KERUEN_ASSERT_OK(incoming, open_incoming());
    catch_up();
  }
  // A file in this agency's folder for customs.
  FileAnswer drop(const std::string& lines, const char* sender = kGuard) {
    Outgoing outgoing(
        agency_named(sender), zones,
        {[&](engine::SubmitRequest request) {
           return agent(sender).engine().submit(request, moments_of(sender).here);
         },
         [&](const std::string& key) { return agent(sender).reader().sent_once(key); }});
    const auto answer =
        outgoing.answer(kCustoms, "course.ics", copy_of(bytes_of(calendar_of(lines))),
                        *agent(sender).engine().registry());
    pass(std::chrono::seconds(2));
    return answer;
  }
  MessageId sent(const FileAnswer& answer) {
    EXPECT_EQ(answer.outcome, FileAnswer::Outcome::done) << answer.reason;
    return answer.schedules.empty() ? MessageId() : answer.schedules.front().message;
  }
  std::string written(const std::string& uid = "u1@test") {
    const auto file = host::read_file(files, "/in/" + std::string(kGuard) + "/" + uid + ".ics",
                                      kCalendarBytesMax);
    return file ? std::string(text_of(*file)) : "";
  }
  // A colleague moves the course by an hour and saves it. Some programs keep what they do not know.
  enum class Keeps : std::uint8_t { its_message = 1, nothing };
  void edit(Keeps keeps) {
    const std::string before = written();
    std::string edited;
    for (std::string_view rest = before; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n') + 1);
      rest.remove_prefix(line.size());
      const bool is_dropped = line.starts_with("METHOD:") || line.starts_with("X-KERUEN-MESSAGE");
      if (line.starts_with("SEQUENCE:")) {
        edited += "SEQUENCE:7\r\n";
      } else if (line.starts_with("DTSTAMP:")) {
        edited += "DTSTAMP:20991231T120000Z\r\n";
      } else if (keeps == Keeps::its_message || !is_dropped) {
        edited += line;
      }
    }
    ASSERT_THAT(edited, HasSubstr("SEQUENCE:7"));
    ASSERT_THAT(host::write_file_atomically(files, "/in/" + std::string(kGuard) + "/u1@test.ics",
                                            bytes_of(edited), host::kSharedMode),
                IsOk());
  }
  // What its store holds of messages so far is damaged.
  void damage_contents(const char* id) {
    ASSERT_THAT(agent(id).engine().publish(), IsOk());
    const std::string path = agent(id).store_path() + "-content";
    std::ifstream file(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    ASSERT_FALSE(bytes.empty());
    for (char& byte : bytes) byte = static_cast<char>(byte ^ 1);
    // In its place: the store holds it open.
    std::fstream(path, std::ios::binary | std::ios::in | std::ios::out) << bytes;
  }
  CalendarObject written_object() {
    const auto objects = read_calendar(bytes_of(written()), zones);
    EXPECT_THAT(objects, IsOk());
    return objects ? objects->front() : CalendarObject();
  }
  [[nodiscard]] Result<Incoming::Progress> take_on() {
    return incoming->catch_up(agent(kCustoms).engine().newest_event());
  }
  void catch_up() {
    const auto progress = take_on();
    ASSERT_THAT(progress, IsOk());
    EXPECT_EQ(*progress, Incoming::Progress::all);
  }

  host::PosixDisk system;
  TimeZones zones{system};
  FaultDisk files;  // what customs writes
  MemoryJournal journal;
  std::unique_ptr<Incoming> incoming;
};

TEST_F(Passage, AScheduleArrivesAsAFile) {
  const MessageId id = sent(drop(event_of("LOCATION:Almaty\r\n")));
  EXPECT_THAT(written(), IsEmpty());
  catch_up();
  EXPECT_THAT(written(), AllOf(HasSubstr("LOCATION:Almaty\r\n"), HasSubstr(to_text(id))));
  const auto status = files.status("/in/" + std::string(kGuard) + "/u1@test.ics");
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->mode, host::kSharedMode);
}

TEST_F(Passage, AnUpdateReplacesTheFile) {
  (void)drop(event_of("LOCATION:Almaty\r\n"));
  catch_up();
  (void)drop(event_of("LOCATION:Astana\r\n"));
  catch_up();
  EXPECT_THAT(written(), AllOf(HasSubstr("LOCATION:Astana\r\n"), Not(HasSubstr("Almaty"))));
}

TEST_F(Passage, AnUpdateReplacesAFileThatSomebodyEdited) {
  for (const Keeps keeps : {Keeps::its_message, Keeps::nothing}) {
    (void)drop(event_of("LOCATION:Almaty\r\n"));
    catch_up();
    edit(keeps);
    (void)drop(event_of("LOCATION:Astana\r\n"));
    catch_up();
    EXPECT_THAT(written(), AllOf(HasSubstr("LOCATION:Astana\r\n"), HasSubstr("SEQUENCE:0\r\n")));
  }
  EXPECT_EQ(journal.count("older_schedule_not_written"), 0u);
}

TEST_F(Passage, AnOlderScheduleDoesNotReplaceAFileThatSomebodyEdited) {
  for (const Keeps keeps : {Keeps::its_message, Keeps::nothing}) {
    (void)drop(event_of("LOCATION:first\r\n"));
    (void)drop(event_of("LOCATION:second\r\n"));
    catch_up();
    edit(keeps);
    take_everything_again();
    EXPECT_THAT(written(), HasSubstr("LOCATION:second"));
  }
}

TEST_F(Passage, AnOlderScheduleIsNotWrittenThoughTheNewersFileWasTakenAway) {
  (void)drop(event_of("LOCATION:first\r\n"));
  (void)drop(event_of("SEQUENCE:1\r\nLOCATION:second\r\n"));
  catch_up();
  ASSERT_THAT(files.remove("/in/" + std::string(kGuard) + "/u1@test.ics"), IsOk());
  take_everything_again();
  EXPECT_THAT(written(), HasSubstr("LOCATION:second"));
  EXPECT_EQ(journal.count("schedule_written"), 2u);
}

// Lanes overtake each other, and a message is asked for again days later.
TEST_F(Passage, AnOlderScheduleReplacesNothing) {
  engine::SubmitRequest newer;
  engine::SubmitRequest older;
  for (auto* request : {&newer, &older}) {
    const std::string lines = event_of(request == &newer ? "SEQUENCE:2\r\n" : "SEQUENCE:1\r\n");
    const std::string file = calendar_of(lines);
    const auto objects = read_calendar(bytes_of(file), zones);
    ASSERT_THAT(objects, IsOk());
    request->content.body = objects->front().schedule;
    request->content.header.subject = {{"en", "Course"}};
    request->to = {party_named(kCustoms)};
  }
  (void)submit(kGuard, newer);
  pass(std::chrono::seconds(2));
  (void)submit(kGuard, older);
  pass(std::chrono::seconds(2));
  catch_up();
  EXPECT_EQ(written_object().schedule.sequence, 2u);
}

TEST_F(Passage, OfTheSameSequenceTheLaterMadeStays) {
  (void)drop(event_of("LOCATION:first\r\n"));
  (void)drop(event_of("LOCATION:second\r\n"));
  catch_up();
  EXPECT_THAT(written(), HasSubstr("LOCATION:second"));
  take_everything_again();
  EXPECT_THAT(written(), HasSubstr("LOCATION:second"));
}

// A post whose power failed, and whose clock came back hours behind.
TEST_F(Passage, WhatSupersedesIsNewerWhateverTheClockSaid) {
  // Keys are in force for so long.
  exchange.clock().advance(std::chrono::hours(6));
  broker.tick(now());
  pass(std::chrono::seconds(60));
  connect_all();
  (void)drop(event_of("LOCATION:first\r\n"));
  turn_clock(kGuard, std::chrono::hours(-5));
  (void)drop(event_of("LOCATION:second\r\n"));
  (void)drop(event_of("LOCATION:third\r\n"));
  catch_up();
  EXPECT_THAT(written(), HasSubstr("LOCATION:third"));
  take_everything_again();
  EXPECT_THAT(written(), HasSubstr("LOCATION:third"));
}

TEST_F(Passage, ACancellationIsWrittenAsOne) {
  (void)drop(event_of("LOCATION:Almaty\r\n"));
  catch_up();
  (void)drop("METHOD:CANCEL\r\nBEGIN:VEVENT\r\nUID:u1@test\r\nSEQUENCE:1\r\nEND:VEVENT\r\n");
  catch_up();
  EXPECT_THAT(written(), AllOf(HasSubstr("METHOD:CANCEL\r\n"), HasSubstr("STATUS:CANCELLED\r\n"),
                               HasSubstr("LOCATION:Almaty\r\n")));
}

TEST_F(Passage, ARecallIsWrittenAsACancellation) {
  const MessageId id = sent(drop(event_of("")));
  catch_up();
  ASSERT_THAT(agent(kGuard).engine().recall({id}, now()), IsOk());
  pass(std::chrono::seconds(2));
  catch_up();
  EXPECT_THAT(written(), HasSubstr("STATUS:CANCELLED\r\n"));
  EXPECT_EQ(written_object().message, id);
}

TEST_F(Passage, ARecallIsWrittenThoughSomebodyEditedTheFile) {
  for (const Keeps keeps : {Keeps::its_message, Keeps::nothing}) {
    const std::string place = keeps == Keeps::nothing ? "Almaty" : "Astana";
    const MessageId id = sent(drop(event_of("LOCATION:" + place + "\r\n")));
    catch_up();
    ASSERT_THAT(written(), AllOf(HasSubstr(place), Not(HasSubstr("CANCELLED"))));
    edit(keeps);
    ASSERT_THAT(agent(kGuard).engine().recall({id}, now()), IsOk());
    pass(std::chrono::seconds(2));
    catch_up();
    EXPECT_THAT(written(), HasSubstr("STATUS:CANCELLED\r\n"));
  }
}

// A calendar program that takes the files away has the course all the same.
TEST_F(Passage, ARecallIsWrittenThoughTheFileWasTakenAway) {
  const MessageId id = sent(drop(event_of("")));
  catch_up();
  ASSERT_THAT(files.remove("/in/" + std::string(kGuard) + "/u1@test.ics"), IsOk());
  ASSERT_THAT(agent(kGuard).engine().recall({id}, now()), IsOk());
  pass(std::chrono::seconds(2));
  catch_up();
  EXPECT_THAT(written(), HasSubstr("STATUS:CANCELLED\r\n"));
}

TEST_F(Passage, ARecallOfWhatWasReplacedWritesNothingWhereTheFileWasTakenAway) {
  const MessageId id = sent(drop(event_of("")));
  (void)drop(event_of("LOCATION:Almaty\r\n"));
  catch_up();
  ASSERT_THAT(files.remove("/in/" + std::string(kGuard) + "/u1@test.ics"), IsOk());
  ASSERT_THAT(agent(kGuard).engine().recall({id}, now()), IsOk());
  pass(std::chrono::seconds(2));
  catch_up();
  EXPECT_THAT(written(), IsEmpty());
}

TEST_F(Passage, ARecallOfWhatWasReplacedChangesNothing) {
  const MessageId id = sent(drop(event_of("")));
  (void)drop(event_of("LOCATION:Almaty\r\n"));
  catch_up();
  ASSERT_THAT(agent(kGuard).engine().recall({id}, now()), IsOk());
  pass(std::chrono::seconds(2));
  catch_up();
  EXPECT_THAT(written(), AllOf(HasSubstr("Almaty"), Not(HasSubstr("CANCELLED"))));
}

// The store's own word, also once the message was sealed and its outbox row is gone.
TEST_F(Passage, TheSameFileIsKnownAfterARestart) {
  const MessageId id = sent(drop(event_of("")));
  agent(kGuard).kill(broker, now());
  ASSERT_THAT(agent(kGuard).start(now()), IsOk());
  connect_all();
  const auto again = drop(event_of(""));
  EXPECT_EQ(again.schedules.front().outcome, ScheduleAnswer::Outcome::known);
  EXPECT_EQ(sent(again), id);
}

TEST_F(Passage, AnUpdateBelongsToTheThreadOfTheFirst) {
  const MessageId first = sent(drop(event_of("")));
  (void)drop(event_of("LOCATION:Almaty\r\n"));
  const MessageId third = sent(drop(event_of("LOCATION:Astana\r\n")));
  const auto message = agent(kCustoms).reader().message(third);
  ASSERT_THAT(message, IsOk());
  EXPECT_EQ(message->content.header.thread, first);
  EXPECT_EQ(message->thread.size(), 3u);
}

// A course that nobody could change any more, and that kept its file from ever being done with.
TEST_F(Passage, AnUpdateOfWhatIsDamagedIsSentByItself) {
  const MessageId first = sent(drop(event_of("")));
  damage_contents(kGuard);
  ASSERT_THAT(agent(kGuard).reader().message(first), FailsWith(ErrorCode::corrupt));
  const auto bare =
      drop("METHOD:CANCEL\r\nBEGIN:VEVENT\r\nUID:u1@test\r\nSEQUENCE:1\r\nEND:VEVENT\r\n");
  EXPECT_EQ(bare.outcome, FileAnswer::Outcome::refused);
  EXPECT_THAT(bare.reason, HasSubstr("can be read here: export the whole series"));
  const MessageId second = sent(drop(event_of("LOCATION:Almaty\r\n") + event_of("", "u2@test")));
  KERUEN_ASSERT_OK(const auto message, agent(kCustoms).reader().message(second));
  EXPECT_EQ(message.content.header.supersedes, std::nullopt);
  catch_up();
  EXPECT_THAT(written(), HasSubstr("LOCATION:Almaty\r\n"));
}

TEST_F(Passage, NamesOfPeersStayInsideTheFolder) {
  std::string event = event_of("", "../../../etc/cron.d/x");
  (void)drop(event);
  catch_up();
  const auto names = files.list("/in/" + std::string(kGuard));
  ASSERT_THAT(names, IsOk());
  EXPECT_THAT(*names, testing::ElementsAre("%2E.%2F..%2F..%2Fetc%2Fcron.d%2Fx.ics"));
}

// A zone name of a peer's own making; its message is in the inbox all the same.
TEST_F(Passage, WhatCannotBeACalendarIsNamedAndPassedOver) {
  engine::SubmitRequest request;
  content::TrainingSchedule schedule;
  schedule.uid = "mars";
  schedule.title = {{"en", "Course"}};
  schedule.start.form = content::TimeForm::zoned;
  schedule.start.zone = "Mars/Olympus";
  request.content.body = schedule;
  request.content.header.subject = {{"en", "Course"}};
  request.to = {party_named(kCustoms)};
  (void)submit(kGuard, request);
  pass(std::chrono::seconds(2));
  (void)drop(event_of(""));
  catch_up();
  EXPECT_EQ(journal.count("schedule_not_written"), 1u);
  EXPECT_THAT(written(), HasSubstr("u1@test"));
  EXPECT_EQ(journal.count("schedule_written"), 1u);
  for (const char* text : {"Mars/Olympus", "u1@test", "Course"}) {
    EXPECT_FALSE(journal.mentions(text)) << text;
  }
}

// A folder that may not be written keeps only its own sender's schedules waiting.
TEST_F(Passage, OneSendersFolderKeepsNobodyElseWaiting) {
  bool is_denied = true;
  KERUEN_ASSERT_OK(incoming, open_incoming([&](const std::string& sender) -> Result<void> {
                     if (sender == kGuard && is_denied) {
                       return fail(ErrorCode::denied, sender + " may not be written");
                     }
                     return files.make_directory("/in/" + sender);
                   }));
  const MessageId id = sent(drop(event_of("")));
  (void)drop(event_of("", "u3@test"));
  (void)drop(event_of("", "u2@test"), kProsecutor);
  catch_up();
  ASSERT_THAT(agent(kGuard).engine().recall({id}, now()), IsOk());
  pass(std::chrono::seconds(2));
  catch_up();
  EXPECT_THAT(written(), IsEmpty());
  EXPECT_THAT(files.status("/in/" + std::string(kProsecutor) + "/u2@test.ics"), IsOk());
  ASSERT_TRUE(incoming->put_aside().has_value());
  EXPECT_THAT(incoming->put_aside()->detail, HasSubstr("may not be written"));
  is_denied = false;
  // Also where the agent is started in between.
  ASSERT_THAT(incoming->keep_cursor(), IsOk());
  KERUEN_ASSERT_OK(incoming, open_incoming());
  catch_up();
  EXPECT_THAT(written("u3@test"), HasSubstr("u3@test"));
  // The recall came after its schedule, and stays.
  EXPECT_THAT(written(), HasSubstr("STATUS:CANCELLED\r\n"));
  catch_up();
  EXPECT_THAT(written(), HasSubstr("STATUS:CANCELLED\r\n"));
  EXPECT_FALSE(incoming->put_aside().has_value());
}

TEST_F(Passage, WhatWasPutAsideIsWrittenWithoutAStart) {
  bool is_denied = true;
  KERUEN_ASSERT_OK(incoming, open_incoming([&](const std::string& sender) -> Result<void> {
                     if (is_denied) return fail(ErrorCode::denied, "not just now");
                     return files.make_directory("/in/" + sender);
                   }));
  for (int i = 0; i < 70; ++i) (void)drop(event_of("", "u" + std::to_string(i) + "@test"));
  (void)drop(event_of("", "p@test"), kProsecutor);
  while (true) {
    KERUEN_ASSERT_OK(const auto progress, take_on());
    if (progress == Incoming::Progress::all) break;
  }
  is_denied = false;
  catch_up();
  EXPECT_THAT(written("u0@test"), HasSubstr("u0@test"));
  EXPECT_THAT(written("u69@test"), HasSubstr("u69@test"));
  EXPECT_THAT(files.status("/in/" + std::string(kProsecutor) + "/p@test.ics"), IsOk());
  EXPECT_FALSE(incoming->put_aside().has_value());
}

// The sender's own desk, which has taken back what never left.
TEST_F(Passage, WhatWasTakenBackBeforeItLeftIsNobodysFault) {
  agent(kGuard).disconnect(broker, now());
  const MessageId id = sent(drop(event_of("")));
  ASSERT_THAT(agent(kGuard).engine().recall({id}, now()), IsOk());
  KERUEN_ASSERT_OK(auto own,
                   Incoming::open({agency_named(kGuard), "/in",
                                   [&](const std::string& sender) {
                                     return files.make_directory("/in/" + sender);
                                   },
                                   "/state/guard.cursor", agent(kGuard).engine().newest_event()},
                                  agent(kGuard).reader(), zones, files, journal));
  EXPECT_THAT(own->catch_up(agent(kGuard).engine().newest_event()), IsOk());
  EXPECT_EQ(journal.count("schedule_not_written"), 0u);
}

// ---- the cursor ----

TEST_F(Passage, NothingIsWrittenTwiceOnceTheCursorStands) {
  (void)drop(event_of(""));
  catch_up();
  const auto before = files.count(FaultDisk::Operation::rename);
  KERUEN_ASSERT_OK(incoming, open_incoming());
  catch_up();
  EXPECT_EQ(files.count(FaultDisk::Operation::rename), before);
}

TEST_F(Passage, AFullDiskWritesLater) {
  (void)drop(event_of(""));
  files.fail_nth(FaultDisk::Operation::write, 1, ErrorCode::no_space, FaultDisk::Repeat::once);
  EXPECT_THAT(take_on(), FailsWith(ErrorCode::no_space));
  EXPECT_THAT(written(), IsEmpty());
  catch_up();
  EXPECT_THAT(written(), HasSubstr("u1@test"));
}

// The power goes at every step in turn: the file is there, or its event comes again.
TEST_F(Passage, NoCrashLosesASchedule) {
  (void)drop(event_of(""));
  files.sync_everything();
  using Operation = FaultDisk::Operation;
  std::uint64_t seed = 0;
  for (const Operation operation : {Operation::create, Operation::write, Operation::sync,
                                    Operation::rename, Operation::sync_directory}) {
    for (std::uint64_t call = 1; call <= 3; ++call) {
      files.fail_nth(operation, call, ErrorCode::io_failed, FaultDisk::Repeat::for_ever);
      (void)take_on();
      files.crash(++seed);
      files.heal();
      KERUEN_ASSERT_OK(incoming, open_incoming());
      catch_up();
      EXPECT_THAT(written(), AllOf(HasSubstr("u1@test"), testing::EndsWith("END:VCALENDAR\r\n")))
          << "seed " << seed;
      // As it was before, for the next step.
      ASSERT_THAT(files.remove("/in/" + std::string(kGuard) + "/u1@test.ics"), IsOk());
      ASSERT_THAT(files.remove(kCursor), IsOk());
      files.sync_everything();
      KERUEN_ASSERT_OK(incoming, open_incoming());
    }
  }
}

// Everything else the agent does goes on.
TEST_F(Passage, ACursorThatIsNoNumberStartsOver) {
  (void)drop(event_of(""));
  KERUEN_ASSERT_OK(const auto file, files.create(kCursor));
  ASSERT_THAT(file->write(0, bytes_of("7 and more\n")), IsOk());
  KERUEN_ASSERT_OK(incoming, open_incoming());
  catch_up();
  EXPECT_THAT(written(), HasSubstr("u1@test"));
  EXPECT_EQ(journal.count("forwarder_cursor_damaged"), 1u);
}

// A store restored from yesterday counts its events anew.
TEST_F(Passage, ACursorAheadOfTheStoreStartsOver) {
  (void)drop(event_of(""));
  KERUEN_ASSERT_OK(const auto file, files.create(kCursor));
  ASSERT_THAT(file->write(0, bytes_of("1000000\n")), IsOk());
  KERUEN_ASSERT_OK(incoming, open_incoming());
  catch_up();
  EXPECT_THAT(written(), HasSubstr("u1@test"));
  EXPECT_EQ(journal.count("forwarder_cursor_ahead"), 1u);
}

}  // namespace
}  // namespace keruen::forwarder
