#include "agents/forwarder/drop_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agents/forwarder/folder_events.h"
#include "tests/agents/forwarder/later_file.h"
#include "tests/support/matchers.h"
#include "tests/support/temporary_directory.h"

namespace keruen::forwarder {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

using State = ToldFile::State;

constexpr std::size_t kMost = 1000;

std::string content_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class DropFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    KERUEN_ASSERT_OK(drop, DropFolder::open((directory / "schedules").string()));
    ASSERT_THAT(drop->make("kz.customs"), IsOk());
    folder = directory / "schedules" / "kz.customs";
  }
  void put(const std::string& name, const std::string& content) {
    std::ofstream(folder / name) << content;
  }
  DroppedEntry entry(const std::string& name) {
    const auto entries = drop->entries("kz.customs");
    EXPECT_THAT(entries, IsOk());
    for (const DroppedEntry& one : *entries) {
      if (one.name == name) return one;
    }
    ADD_FAILURE() << "no " << name;
    return {};
  }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    const auto entries = drop->entries("kz.customs");
    EXPECT_THAT(entries, IsOk());
    for (const DroppedEntry& one : *entries) found.push_back(one.name);
    return found;
  }

  TemporaryDirectory directory;
  std::unique_ptr<DropFolder> drop;
  fs::path folder;
};

TEST_F(DropFolderTest, FoldersHaveTheModeOfTheirParent) {
  fs::permissions(directory / "schedules", fs::perms(0770));
  ASSERT_THAT(drop->make("kz.prosecutor"), IsOk());
  EXPECT_EQ(fs::status(directory / "schedules" / "kz.prosecutor").permissions(), fs::perms(0770));
  EXPECT_THAT(*drop->folders(), ElementsAre("kz.customs", "kz.prosecutor"));
  EXPECT_THAT(drop->make("kz.customs"), IsOk());
}

TEST_F(DropFolderTest, ListsWhatWasDroppedAndNotWhatIsHalfDone) {
  for (const char* name :
       {"b.ics", "a.ics", ".hidden.ics", "c.ics.part", "d.tmp", "e.ics~", "f.ics.new", "g.xlsx"}) {
    put(name, "x");
  }
  fs::create_directory(folder / "done");
  fs::create_directory(folder / "refused");
  EXPECT_THAT(names(), UnorderedElementsAre("a.ics", "b.ics", "g.xlsx"));
}

// By name the newer export would go first: a blank comes before a dot.
TEST_F(DropFolderTest, ListsFilesInTheOrderTheyCame) {
  std::ofstream(directory / "saved") << "x";
  put("course.ics", "old");
  write_after(folder / "course.ics", folder / "course (1).ics", "new");
  write_after(folder / "course (1).ics", folder / "b.ics", "x");
  EXPECT_THAT(names(), ElementsAre("course.ics", "course (1).ics", "b.ics"));
  // Neither how old it says it is counts, nor when it was made elsewhere, but when it came.
  fs::last_write_time(directory / "saved",
                      fs::file_time_type::clock::now() - std::chrono::years(1));
  write_after(folder / "b.ics", directory / "now", "x");
  fs::rename(directory / "saved", folder / "a.ics");
  EXPECT_THAT(names(), ElementsAre("course.ics", "course (1).ics", "b.ics", "a.ics"));
}

TEST_F(DropFolderTest, ReadsARegularFile) {
  put("a.ics", "calendar");
  KERUEN_ASSERT_OK(const Bytes bytes, drop->read("kz.customs", entry("a.ics"), kMost));
  EXPECT_EQ(text_of(bytes), "calendar");
}

TEST_F(DropFolderTest, NeverFollowsALink) {
  std::ofstream(directory / "secret") << "of the agent";
  fs::create_symlink(directory / "secret", folder / "a.ics");
  const auto link = entry("a.ics");
  EXPECT_EQ(link.kind, DroppedKind::link);
  EXPECT_THAT(drop->read("kz.customs", link, kMost), FailsWith(ErrorCode::denied));
  // The link itself is moved, what it names stays.
  ASSERT_THAT(drop->move("kz.customs", link, Destination::refused, "why"), IsOk());
  EXPECT_TRUE(fs::is_symlink(folder / "refused" / "a.ics"));
  EXPECT_TRUE(fs::exists(directory / "secret"));
}

// A link put in the file's place between looking and reading.
TEST_F(DropFolderTest, NeverFollowsALinkPutThereMeanwhile) {
  put("a.ics", "calendar");
  const auto file = entry("a.ics");
  std::ofstream(directory / "secret") << "of the agent";
  fs::remove(folder / "a.ics");
  fs::create_symlink(directory / "secret", folder / "a.ics");
  EXPECT_THAT(drop->read("kz.customs", file, kMost), FailsWith(ErrorCode::denied));
  EXPECT_THAT(drop->move("kz.customs", file, Destination::done, ""),
              FailsWith(ErrorCode::overloaded));
  EXPECT_TRUE(fs::is_symlink(folder / "a.ics"));
}

TEST_F(DropFolderTest, NeverEntersAFolderThatIsALink) {
  fs::create_directory(directory / "elsewhere");
  std::ofstream(directory / "elsewhere" / "a.ics") << "x";
  fs::create_directory_symlink(directory / "elsewhere", directory / "schedules" / "kz.link");
  EXPECT_THAT(*drop->folders(), ElementsAre("kz.customs"));
  EXPECT_THAT(drop->entries("kz.link"), FailsWith(ErrorCode::not_found));
  EXPECT_THAT(drop->make("kz.link"), FailsWith(ErrorCode::denied));
  // done/ as a link would move files out of the folder.
  fs::create_directory_symlink(directory / "elsewhere", folder / "done");
  put("b.ics", "x");
  EXPECT_THAT(drop->move("kz.customs", entry("b.ics"), Destination::done, ""),
              FailsWith(ErrorCode::denied));
  EXPECT_TRUE(fs::exists(folder / "b.ics"));
}

TEST_F(DropFolderTest, NeverWaitsForAPipe) {
  ASSERT_EQ(::mkfifo((folder / "a.ics").c_str(), 0600), 0);
  const auto pipe = entry("a.ics");
  EXPECT_EQ(pipe.kind, DroppedKind::other);
  EXPECT_THAT(drop->read("kz.customs", pipe, kMost), FailsWith(ErrorCode::overloaded));
  EXPECT_THAT(drop->move("kz.customs", pipe, Destination::refused, "why"), IsOk());
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(DropFolderTest, NamesFoldersAsWhatTheyAre) {
  fs::create_directory(folder / "a.ics");
  EXPECT_EQ(entry("a.ics").kind, DroppedKind::folder);
  EXPECT_THAT(drop->move("kz.customs", entry("a.ics"), Destination::refused, "why"), IsOk());
}

TEST_F(DropFolderTest, RefusesLargeFilesUnread) {
  put("a.ics", std::string(kMost + 1, 'x'));
  EXPECT_THAT(drop->read("kz.customs", entry("a.ics"), kMost), FailsWith(ErrorCode::too_large));
}

TEST_F(DropFolderTest, NoticesThatAFileIsStillBeingWritten) {
  put("a.ics", "calendar");
  const auto seen = entry("a.ics");
  std::ofstream(folder / "a.ics", std::ios::app) << " and more";
  EXPECT_THAT(drop->read("kz.customs", seen, kMost), FailsWith(ErrorCode::overloaded));
  EXPECT_THAT(drop->move("kz.customs", seen, Destination::done, ""),
              FailsWith(ErrorCode::overloaded));
  EXPECT_EQ(content_of(folder / "a.ics"), "calendar and more");
}

TEST_F(DropFolderTest, SaysThatAFileMayNotBeRead) {
  put("a.ics", "calendar");
  fs::permissions(folder / "a.ics", fs::perms::none);
  const bool is_root = ::geteuid() == 0;  // whom no permission stops
  fs::permissions(directory.path(), fs::perms(0777));
  for (const char* path : {"schedules", "schedules/kz.customs"}) {
    fs::permissions(directory / path, fs::perms(0777));
  }
  constexpr uid_t kNobody = 65534;
  ASSERT_EQ(::seteuid(is_root ? kNobody : ::geteuid()), 0);
  const auto read = drop->read("kz.customs", entry("a.ics"), kMost);
  ASSERT_EQ(::seteuid(is_root ? 0 : ::geteuid()), 0);
  EXPECT_THAT(read, FailsWith(ErrorCode::denied, HasSubstr("a.ics")));
}

TEST_F(DropFolderTest, ReplacesNothing) {
  for (int i = 0; i < 3; ++i) {
    put("a.ics", "calendar " + std::to_string(i));
    ASSERT_THAT(drop->move("kz.customs", entry("a.ics"), Destination::refused,
                           "reason " + std::to_string(i)),
                IsOk());
  }
  EXPECT_EQ(content_of(folder / "refused/a.ics"), "calendar 0");
  EXPECT_EQ(content_of(folder / "refused/a.2.ics"), "calendar 1");
  EXPECT_EQ(content_of(folder / "refused/a.3.ics"), "calendar 2");
  EXPECT_EQ(content_of(folder / "refused/a.ics.reason.txt"), "reason 0");
  EXPECT_EQ(content_of(folder / "refused/a.3.ics.reason.txt"), "reason 2");
  EXPECT_THAT(names(), IsEmpty());
}

// As on a full disk. Moved and put back, the file would be told of as one that was dropped anew.
TEST_F(DropFolderTest, AFileWhoseReasonCannotBeWrittenStaysUntouched) {
  const fs::path in_the_way = folder / "refused/a.ics.reason.txt";
  fs::create_directories(in_the_way);
  put("a.ics", "calendar");
  KERUEN_ASSERT_OK(const auto events, FolderEvents::open());
  events->watch("kz.customs", folder.string());
  EXPECT_THAT(drop->move("kz.customs", entry("a.ics"), Destination::refused, "why"),
              FailsWith(ErrorCode::io_failed, HasSubstr("a.ics.reason.txt")));
  const auto told = events->collect();
  EXPECT_FALSE(told.anything);
  EXPECT_THAT(told.files, IsEmpty());
  EXPECT_EQ(content_of(folder / "a.ics"), "calendar");
  const fs::directory_iterator refused(folder / "refused");
  EXPECT_EQ(std::distance(fs::begin(refused), fs::end(refused)), 1);
  fs::remove(in_the_way);
  EXPECT_THAT(drop->move("kz.customs", entry("a.ics"), Destination::refused, "why"), IsOk());
  EXPECT_EQ(content_of(in_the_way), "why");
}

// What a power cut leaves between the reason and its file.
TEST_F(DropFolderTest, ReplacesAReasonWithoutItsFile) {
  fs::create_directory(folder / "refused");
  std::ofstream(folder / "refused/a.ics.reason.txt") << "a longer reason of before";
  std::ofstream(folder / "refused/.a.ics.reason.txt.new") << "half a rea";
  put("a.ics", "calendar");
  ASSERT_THAT(drop->move("kz.customs", entry("a.ics"), Destination::refused, "why"), IsOk());
  EXPECT_EQ(content_of(folder / "refused/a.ics"), "calendar");
  EXPECT_EQ(content_of(folder / "refused/a.ics.reason.txt"), "why");
  EXPECT_FALSE(fs::exists(folder / "refused/.a.ics.reason.txt.new"));
}

TEST_F(DropFolderTest, LeavesNoReasonForAFileThatChanged) {
  put("a.ics", "calendar");
  const auto seen = entry("a.ics");
  put("a.ics", "another calendar");
  KERUEN_ASSERT_OK(const auto events, FolderEvents::open());
  events->watch("kz.customs", folder.string());
  EXPECT_THAT(drop->move("kz.customs", seen, Destination::refused, "why"),
              FailsWith(ErrorCode::overloaded));
  EXPECT_FALSE(fs::exists(folder / "refused/a.ics.reason.txt"));
  EXPECT_THAT(events->collect().files, IsEmpty());  // its writer has not closed it again
  fs::remove(folder / "a.ics");
  EXPECT_THAT(drop->move("kz.customs", seen, Destination::refused, "why"),
              FailsWith(ErrorCode::not_found));
  EXPECT_FALSE(fs::exists(folder / "refused/a.ics.reason.txt"));
}

// An exporter that drops the same name every hour, for years.
TEST_F(DropFolderTest, NeverRunsOutOfNames) {
  for (int i = 0; i < 150; ++i) {
    put("a.ics", "calendar " + std::to_string(i));
    ASSERT_THAT(drop->move("kz.customs", entry("a.ics"), Destination::done, {}), IsOk()) << i;
  }
  EXPECT_EQ(content_of(folder / "done/a.100.ics"), "calendar 99");
  std::size_t kept = 0;
  for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator(folder / "done")) {
    ++kept;
  }
  EXPECT_EQ(kept, 150u);
}

TEST_F(DropFolderTest, KnowsWhenItsPathLeadsElsewhere) {
  EXPECT_TRUE(drop->is_in_place());
  const std::string path = drop->path_of("");
  std::filesystem::rename(path, path + ".before");
  EXPECT_FALSE(drop->is_in_place());
  std::filesystem::create_directory(path);
  EXPECT_FALSE(drop->is_in_place());
}

TEST_F(DropFolderTest, MovesFilesOfTheLongestNames) {
  const std::string name = std::string(251, 'x') + ".ics";
  put(name, "calendar");
  KERUEN_ASSERT_OK(const Moved moved,
                   drop->move("kz.customs", entry(name), Destination::refused, "why"));
  EXPECT_TRUE(moved.name.ends_with(".ics"));
  EXPECT_EQ(moved.not_durable, std::nullopt);
  EXPECT_EQ(content_of(folder / "refused" / (moved.name + ".reason.txt")), "why");
}

TEST_F(DropFolderTest, TakesWhatLiesBesideTheFolders) {
  std::ofstream(directory / "schedules" / "lost.ics") << "calendar";
  const auto entries = drop->entries("");
  ASSERT_THAT(entries, IsOk());
  ASSERT_EQ(entries->size(), 1u);
  ASSERT_THAT(drop->move("", entries->front(), Destination::refused, "why"), IsOk());
  EXPECT_TRUE(fs::exists(directory / "schedules/refused/lost.ics.reason.txt"));
  EXPECT_THAT(*drop->folders(), ElementsAre("kz.customs"));
}

// ---- what inotify tells ----

TEST_F(DropFolderTest, TheSystemTellsWhatWasClosedOrMovedIn) {
  KERUEN_ASSERT_OK(const auto events, FolderEvents::open());
  events->watch("kz.customs", folder.string());
  events->watch("kz.customs", folder.string());
  EXPECT_FALSE(events->collect().anything);
  put("a.ics", "x");
  std::ofstream(directory / "b.ics") << "x";
  fs::rename(directory / "b.ics", folder / "b.ics");
  auto told = events->collect();
  EXPECT_TRUE(told.anything);
  std::erase_if(told.files, [](const ToldFile& file) { return file.state != State::closed; });
  ASSERT_EQ(told.files.size(), 2u);
  EXPECT_EQ(told.files[0].folder, "kz.customs");
  EXPECT_EQ(told.files[0].name, "a.ics");
  EXPECT_EQ(told.files[1].name, "b.ics");
  EXPECT_FALSE(events->collect().anything);
}

TEST_F(DropFolderTest, TheSystemTellsThatAFileIsBeingWritten) {
  KERUEN_ASSERT_OK(const auto events, FolderEvents::open());
  events->watch("kz.customs", folder.string());
  const auto is_being_written = testing::Field(&ToldFile::state, State::being_written);
  std::ofstream open(folder / "a.ics");
  EXPECT_THAT(events->collect().files, testing::Contains(is_being_written));
  open << "half" << std::flush;
  const auto told = events->collect();
  EXPECT_THAT(told.files, ElementsAre(is_being_written));
  EXPECT_FALSE(told.anything);  // nothing to do yet
  open.close();
  EXPECT_THAT(events->collect().files,
              ElementsAre(testing::Field(&ToldFile::state, State::closed)));
}

}  // namespace
}  // namespace keruen::forwarder
