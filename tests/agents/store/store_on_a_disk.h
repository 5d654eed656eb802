// A store on a disk that fails when told to, opened anew as after a crash.
// Threads: one.   Lifetime: a test.
#pragma once

#include <gtest/gtest.h>

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

  FaultVfs disk;
  TemporaryDirectory directory;
  SeededRandomness randomness{3};
  certs::SecretBytes key{32};
  std::unique_ptr<Store> store;
};

}  // namespace keruen::store
