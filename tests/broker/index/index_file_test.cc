// The index's path is an operator's word: what stands there may be anybody's.
#include <sqlite3.h>

#include <fstream>

#include "broker/index/index.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_journal.h"
#include "tests/support/temporary_directory.h"

namespace keruen::index {
namespace {

using ::testing::HasSubstr;

class FileThatIsNoIndex : public ::testing::Test {
 protected:
  [[nodiscard]] std::string content() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void expect_left_alone() {
    const std::string before = content();
    EXPECT_THAT(Index::open(path, journal),
                FailsWith(ErrorCode::denied, HasSubstr(path + " is not a broker's index")));
    EXPECT_EQ(content(), before);
    EXPECT_EQ(journal.count("index_replaced"), 0u);
  }

  TemporaryDirectory directory;
  const std::string path = (directory / "index.sqlite").string();
  MemoryJournal journal;
};

TEST_F(FileThatIsNoIndex, IsLeftAsItIs) {
  for (const std::string& text : {std::string("a key"), std::string(8192, 'x')}) {
    std::ofstream(path) << text;
    expect_left_alone();
  }
}

TEST_F(FileThatIsNoIndex, IsLeftAsItIsWhereSqliteMadeIt) {
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(connection, "CREATE TABLE outbox(message); PRAGMA user_version = 3",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(connection);
  expect_left_alone();
}

TEST_F(FileThatIsNoIndex, BecomesOneWhenItIsEmpty) {
  std::ofstream(path).close();
  EXPECT_THAT(Index::open(path, journal), IsOk());
}

}  // namespace
}  // namespace keruen::index
