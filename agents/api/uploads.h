// Attachments handed in before the message that carries them: files in one directory, by token.
// Shape: a token is 32 hex digits of a random number and the file's name.
// Units: bytes; at most kAttachmentBytesMax each, kUploadsMax and kUploadsBytesMax at once.
// Threads: any.   Lifetime: the Disk outlives it; leftovers of an earlier run are removed at open.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "certs/hash.h"
#include "certs/random.h"
#include "schemas/host/disk.h"
#include "schemas/limits.h"

namespace keruen::api {

inline constexpr std::size_t kUploadsMax = 256;
// The largest message of four officers; the disk is the store's.
inline constexpr std::uint64_t kUploadsBytesMax = 4 * kAttachmentsBytesMax;
inline constexpr std::chrono::hours kUploadKept{1};

class Uploads {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Uploads>> open(
      host::Disk& disk, std::string directory, std::uint64_t bytes_max = kUploadsBytesMax);

  // One upload being written. Dropped unfinished, its file goes.
  class Writer {
   public:
    ~Writer();
    // too_large, no_space, io_failed, overloaded (all uploads together have as many bytes as there
    // may be), not_found (it took longer than kUploadKept): the upload is over.
    [[nodiscard]] Result<void> append(BytesView bytes);
    [[nodiscard]] const std::string& token() const { return token_; }
    [[nodiscard]] std::uint64_t size() const { return size_; }
    // Keeps the file. Once.
    [[nodiscard]] Digest finish();

   private:
    friend class Uploads;
    Writer(Uploads& uploads, std::string token, std::unique_ptr<host::File> file);
    Uploads& uploads_;
    std::string token_;
    std::unique_ptr<host::File> file_;
    certs::Sha256 hash_;
    std::uint64_t size_ = 0;
    bool finished_ = false;
  };

  // overloaded: kUploadsMax are kept already.
  [[nodiscard]] Result<std::unique_ptr<Writer>> begin(Now now);
  // Removes what was begun kUploadKept ago: an attachment whose message never came must not lie
  // about in the open until somebody sends another.
  void remove_old(Now now);
  // The file of a finished upload. not_found: no such token, used or too old.
  [[nodiscard]] Result<std::string> path_of(const std::string& token) const;
  // Of what it holds; empty where path_of() says not_found.
  [[nodiscard]] std::optional<Digest> digest_of(const std::string& token) const;
  void remove(const std::string& token);

 private:
  Uploads(host::Disk& disk, std::string directory, std::uint64_t bytes_max);
  // Before they are written.
  [[nodiscard]] Result<void> take_room(const std::string& token, std::uint64_t bytes);
  [[nodiscard]] std::string file_of(const std::string& token) const;
  [[nodiscard]] bool is_removed(const std::string& file);

  host::Disk& disk_;
  std::string directory_;
  std::uint64_t bytes_max_;
  certs::SystemRandomness randomness_;
  // Connections run on several threads; this is all they share here.
  mutable std::mutex mutex_;
  struct Begun {
    MonotonicTime at;
    std::uint64_t bytes = 0;
    std::optional<Digest> digest;  // once it is finished
  };
  std::map<std::string, Begun> begun_;
};

}  // namespace keruen::api
