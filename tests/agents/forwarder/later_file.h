// Files of which one came after the other, as the file system tells it.
// Threads: one; nobody else may be looking at the file meanwhile.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace keruen::forwarder {

// Its clock moves in steps of milliseconds: written again until it has moved on from `earlier`.
inline void write_after(const std::filesystem::path& earlier, const std::filesystem::path& path,
                        const std::string& content) {
  constexpr int kAttemptsMax = 1'000'000;
  const auto came = [](const std::filesystem::path& file) {
    struct stat status {};
    EXPECT_EQ(::stat(file.c_str(), &status), 0) << file;
    return std::pair(status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
  };
  const auto before = came(earlier);
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    std::ofstream(path, std::ios::binary) << content;
    if (came(path) > before) return;
  }
  FAIL() << "the file system's clock stands still: " << path;
}

}  // namespace keruen::forwarder
