#include "agents/api/uploads.h"

namespace keruen::api {
namespace {

struct UploadTokenTag;
using UploadToken = FixedBytes<UploadTokenTag, 16>;

Error too_many(const std::string& count) {
  return {ErrorCode::overloaded, count +
                                     " wait for their message; send those first, or wait the hour "
                                     "until they are removed"};
}

}  // namespace

Uploads::Uploads(host::Disk& disk, std::string directory, std::uint64_t bytes_max)
    : disk_(disk), directory_(std::move(directory)), bytes_max_(bytes_max) {}

Result<std::unique_ptr<Uploads>> Uploads::open(host::Disk& disk, std::string directory,
                                               std::uint64_t bytes_max) {
  KERUEN_CHECK(disk.make_directory(directory));
  std::unique_ptr<Uploads> uploads(new Uploads(disk, std::move(directory), bytes_max));
  // No message can name an upload of an earlier run: its bytes must not lie about in the open.
  KERUEN_TRY(const auto names, disk.list(uploads->directory_));
  for (const std::string& name : names) {
    if (UploadToken::from_hex(name)) KERUEN_CHECK(disk.remove(uploads->file_of(name)));
  }
  return uploads;
}

std::string Uploads::file_of(const std::string& token) const { return directory_ + "/" + token; }

// Already gone is as good as removed; what the disk keeps is tried again.
bool Uploads::is_removed(const std::string& file) {
  const auto removed = disk_.remove(file);
  return removed || removed.error().code == ErrorCode::not_found;
}

void Uploads::remove_old(Now now) {
  const std::lock_guard lock(mutex_);
  for (auto upload = begun_.begin(); upload != begun_.end();) {
    const bool is_old = now.monotonic - upload->second.at >= kUploadKept;
    if (is_old && is_removed(file_of(upload->first))) {
      upload = begun_.erase(upload);
    } else {
      ++upload;
    }
  }
}

Result<std::unique_ptr<Uploads::Writer>> Uploads::begin(Now now) {
  const std::lock_guard lock(mutex_);
  if (begun_.size() >= kUploadsMax) {
    return fail(too_many(std::to_string(kUploadsMax) + " uploads"));
  }
  const std::string token = randomness_.draw<UploadToken>().hex();
  KERUEN_TRY(auto file, disk_.create(file_of(token)));
  begun_.emplace(token, Begun{now.monotonic, 0, {}});
  return std::unique_ptr<Writer>(new Writer(*this, token, std::move(file)));
}

Result<void> Uploads::take_room(const std::string& token, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto upload = begun_.find(token);
  if (upload == begun_.end()) {
    return fail(ErrorCode::not_found,
                "the upload took longer than the hour it is kept: upload the file again");
  }
  std::uint64_t all = bytes;
  for (const auto& [each, begun] : begun_) all += begun.bytes;
  if (all > bytes_max_) {
    return fail(too_many("uploads of " + std::to_string(bytes_max_ / 1024 / 1024) + " MiB"));
  }
  upload->second.bytes += bytes;
  return {};
}

Result<std::string> Uploads::path_of(const std::string& token) const {
  const std::lock_guard lock(mutex_);
  if (!begun_.contains(token)) {
    return fail(ErrorCode::not_found,
                "no upload \"" + token.substr(0, 32) + "\": upload the file again, then send");
  }
  return file_of(token);
}

std::optional<Digest> Uploads::digest_of(const std::string& token) const {
  const std::lock_guard lock(mutex_);
  const auto found = begun_.find(token);
  return found == begun_.end() ? std::nullopt : found->second.digest;
}

void Uploads::remove(const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (begun_.erase(token) != 0) static_cast<void>(disk_.remove(file_of(token)));
}

Uploads::Writer::Writer(Uploads& uploads, std::string token, std::unique_ptr<host::File> file)
    : uploads_(uploads), token_(std::move(token)), file_(std::move(file)) {}

Uploads::Writer::~Writer() {
  if (!finished_) uploads_.remove(token_);
}

Result<void> Uploads::Writer::append(BytesView bytes) {
  if (size_ + bytes.size() > kAttachmentBytesMax) {
    return fail(ErrorCode::too_large, "an attachment may have at most " +
                                          std::to_string(kAttachmentBytesMax / 1024 / 1024) +
                                          " MiB");
  }
  KERUEN_CHECK(uploads_.take_room(token_, bytes.size()));
  KERUEN_CHECK(file_->write(size_, bytes));
  hash_.add(bytes);
  size_ += bytes.size();
  return {};
}

Digest Uploads::Writer::finish() {
  finished_ = true;
  file_.reset();
  const Digest digest = hash_.finish();
  const std::lock_guard lock(uploads_.mutex_);
  if (const auto begun = uploads_.begun_.find(token_); begun != uploads_.begun_.end()) {
    begun->second.digest = digest;
  }
  return digest;
}

}  // namespace keruen::api
