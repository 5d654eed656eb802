// A store on a disk that fails when told to, opened anew as after a crash.
// Threads: one.   Lifetime: a test.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "agents/store/store.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_randomness.h"
#include "tests/support/temporary_directory.h"

namespace keruen::store {

// Format 4 had one file of contents, and one row for each part.
inline constexpr const char* kToFormat4 = R"sql(
DROP TABLE forgotten_head;
DROP TABLE part;
CREATE TABLE part(whole BLOB NOT NULL, folder INTEGER NOT NULL, agency INTEGER NOT NULL,
  number INTEGER NOT NULL, message INTEGER NOT NULL,
  PRIMARY KEY(whole, folder, agency, number)) WITHOUT ROWID;
INSERT INTO part VALUES(x'01', 1, 2, 0, 7);
CREATE INDEX once_message ON once(message) WHERE sequence >= 0;
DROP INDEX once_of_message;
DELETE FROM setting WHERE name = 'contents';
PRAGMA user_version = 4;
)sql";

class StoreOnADisk : public ::testing::Test {
 protected:
  void SetUp() override { open(); }

  [[nodiscard]] std::string path() const { return (directory / "store.sqlite").string(); }
  void open() {
    store.reset();
    KERUEN_ASSERT_OK(store, Store::open(path(), key, randomness));
  }
  void fail_from(FaultVfs::Operation operation, std::uint64_t n, FaultVfs::Fault fault) {
    disk.fail_from(directory.path().string(), operation, n, fault);
  }
  [[nodiscard]] static std::string bytes_in(const std::string& file) {
    std::ostringstream bytes;
    bytes << std::ifstream(file, std::ios::binary).rdbuf();
    return bytes.str();
  }
  static void write(const std::string& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  }
  static void flip(const std::string& file, std::uint64_t offset) {
    std::string bytes = bytes_in(file);
    ASSERT_LT(offset, bytes.size());
    bytes[offset] = static_cast<char>(bytes[offset] ^ 1);
    write(file, bytes);
  }

  void run_sql(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_close(database);
  }

  FaultVfs disk;
  TemporaryDirectory directory;
  SeededRandomness randomness{3};
  certs::SecretBytes key{32};
  std::unique_ptr<Store> store;
};

}  // namespace keruen::store
