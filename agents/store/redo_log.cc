#include "agents/store/redo_log.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <memory>

#include "agents/store/content_file.h"
#include "agents/store/packed.h"

namespace keruen::store {
namespace {

constexpr std::uint64_t kLapBytes = 1024 * 1024;
// The largest sector of a disk.
constexpr std::uint64_t kAlignment = 4096;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kHeadBytes = 28;
constexpr std::uint32_t kContent = 0xffff'ffff;  // in the place of a text
enum Kind : std::uint8_t { kNull = 0, kNumber = 1, kBytes = 2, kText = 3 };

tl::unexpected<Error> damaged() {
  return fail(ErrorCode::corrupt,
              "the store's redo log holds a record that nobody wrote; restore it from a backup");
}

std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// What stood before is part of it: a record left over from elsewhere continues nothing.
std::uint64_t checksum_of(BytesView record, std::uint64_t before) {
  const BytesView behind = record.subspan(kChecksumBytes);
  return XXH3_64bits_withSeed(behind.data(), behind.size(), before);
}

// Nothing that may have stood there before: of a record that was written in part, and refused for
// it, the rest is another's.
void pad(Bytes& record, std::uint64_t round, std::uint64_t checksum_before) {
  Bytes padding;
  append_u64(padding, XXH3_64bits_withSeed(&round, sizeof round, checksum_before));
  const std::size_t end = aligned(record.size());
  while (record.size() < end) record.push_back(padding[record.size() % padding.size()]);
}

void append_run(Bytes& target, BytesView bytes) {
  append_u32(target, static_cast<std::uint32_t>(bytes.size()));
  append_to(target, bytes);
}

// Takes a record apart. Its checksum held: what does not fit was never written.
class Parts {
 public:
  explicit Parts(BytesView left) : left_(left) {}
  [[nodiscard]] bool at_end() const { return left_.empty(); }
  // False once more was asked for than there is; what is given then means nothing.
  [[nodiscard]] bool fit() const { return fit_; }
  std::uint8_t u8() { return take(1)[0]; }
  std::uint32_t u32() { return u32_at(take(4), 0); }
  std::uint64_t u64() { return u64_at(take(8), 0); }
  BytesView run() {
    const std::uint32_t bytes = u32();
    return bytes <= left_.size() ? take(bytes) : short_of();
  }

 private:
  BytesView take(std::size_t bytes) {
    if (left_.size() < bytes) return short_of();
    const BytesView taken = left_.first(bytes);
    left_ = left_.subspan(bytes);
    return taken;
  }
  BytesView short_of() {
    static const std::array<std::uint8_t, 8> zeros{};
    fit_ = false;
    left_ = {};
    return zeros;
  }
  BytesView left_;
  bool fit_ = true;
};

// False: no parameter is of this kind.
bool bind(SQLite::Statement& statement, int place, Parts& parts) {
  switch (parts.u8()) {
    case kNull:
      statement.bind(place);
      return true;
    case kNumber:
      statement.bind(place, static_cast<std::int64_t>(parts.u64()));
      return true;
    case kText:
      statement.bind(place, std::string(text_of(parts.run())));
      return true;
    case kBytes: {
      const BytesView bytes = parts.run();
      // An empty view may have no address, which SQLite would take for NULL.
      static const std::uint8_t nothing_here = 0;
      statement.bindNoCopy(place, bytes.empty() ? &nothing_here : bytes.data(),
                           static_cast<int>(bytes.size()));
      return true;
    }
    default:
      return false;
  }
}

}  // namespace

RedoLog::RedoLog(const std::string& path) : file_(path, "redo log") {}

Result<void> RedoLog::write_and_sync(BytesView source, std::uint64_t offset) {
  KERUEN_CHECK(file_.write(source, offset));
  return file_.sync();
}

Result<std::optional<RedoLog::Record>> RedoLog::record_at(Place place) {
  Bytes head(kHeadBytes);
  KERUEN_TRY(const bool has_head, file_.read(head, place.offset));
  const std::uint32_t length = u32_at(head, kHeadBytes - 4);
  if (!has_head || length > kRoundBytesMax) return std::nullopt;
  Bytes whole(aligned(kHeadBytes + length));
  KERUEN_TRY(const bool has_all, file_.read(whole, place.offset));
  if (!has_all) return std::nullopt;
  const std::uint64_t checksum = checksum_of(whole, place.checksum_before);
  if (checksum != u64_at(whole, 0)) return std::nullopt;
  Record record;
  record.lap = u64_at(whole, 8);
  record.round = u64_at(whole, 16);
  record.end = {place.offset + whole.size(), checksum};
  record.statements = copy_of(BytesView(whole).subspan(kHeadBytes, length));
  return record;
}

Result<void> RedoLog::resume(Connection& connection, ContentFile& contents, std::uint64_t store_id,
                             std::uint64_t stored) {
  KERUEN_CHECK(file_.open(Connection::Mode::read_write));
  store_id_ = store_id;
  newest_ = lap_ = stored;
  end_ = lap_start();
  KERUEN_TRY(auto record, record_at(end_));
  if (!record) return {};
  // Of a future that a backup took back: what is written now may come to the same numbers.
  if (record->lap > stored) return write_and_sync(Bytes(kAlignment), 0);
  const std::uint64_t lap = record->lap;
  std::uint64_t newest = lap;
  while (record && record->lap == lap && record->round == newest + 1) {
    newest = record->round;
    KERUEN_TRY(record, record_at(record->end));
  }
  if (newest < stored) return {};  // the store's file went on without this lap
  lap_ = lap;
  newest_ = newest;
  return run_lap(connection, &contents, stored);
}

Result<void> RedoLog::write_anew() {
  Bytes lap(end_.offset);
  KERUEN_TRY(const bool has_all, file_.read(lap, 0));
  if (!has_all) return damaged();
  auto written = write_and_sync(lap, 0);
  if (!written && written.error().code == ErrorCode::no_space) return {};
  return written;
}

Result<void> RedoLog::repeat(Connection& connection, std::uint64_t stored) {
  return run_lap(connection, nullptr, stored);
}

// Reads the whole lap: texts are named where they are first used.
Result<void> RedoLog::run_lap(Connection& connection, ContentFile* contents, std::uint64_t stored) {
  std::vector<std::unique_ptr<SQLite::Statement>> prepared;
  texts_.clear();
  places_.clear();
  end_ = lap_start();
  for (std::uint64_t round = lap_ + 1; round <= newest_; ++round) {
    KERUEN_TRY(const auto record, record_at(end_));
    if (!record || record->round != round) return damaged();
    end_ = record->end;
    Parts parts(record->statements);
    while (!parts.at_end()) {
      const std::uint32_t place = parts.u32();
      if (place == kContent) {
        const std::uint64_t position = parts.u64();
        const BytesView content = parts.run();
        if (!parts.fit()) return damaged();
        if (contents != nullptr) KERUEN_CHECK(contents->add_again(position, content));
        continue;
      }
      if (place > texts_.size()) return damaged();
      if (place == texts_.size()) {
        texts_.emplace_back(text_of(parts.run()));
        prepared.push_back(
            std::make_unique<SQLite::Statement>(connection.database(), texts_.back()));
      }
      SQLite::Statement& statement = *prepared[place];
      statement.reset();
      const int count = parts.u8();
      for (int parameter = 1; parameter <= count; ++parameter) {
        if (!bind(statement, parameter, parts)) return damaged();
      }
      if (!parts.fit()) return damaged();
      if (round > stored) statement.exec();
    }
  }
  round_.clear();
  round_began_ = mark();
  return {};
}

void RedoLog::begin_round() {
  round_.clear();
  round_began_ = mark();
  is_noting_ = true;
}

void RedoLog::note(const char* sql, std::uint8_t count, BytesView arguments) {
  if (!is_noting_) return;
  const auto place = places_.find(sql);
  const bool is_new = place == places_.end();
  const std::string_view text = is_new ? std::string_view(sql) : std::string_view();
  if (round_.size() + arguments.size() + text.size() + 16 > kRoundBytesMax) return give_up();
  if (is_new) {
    append_u32(round_, static_cast<std::uint32_t>(texts_.size()));
    append_run(round_, bytes_of(text));
    places_[sql] = static_cast<std::uint32_t>(texts_.size());
    texts_.emplace_back(text);
  } else {
    append_u32(round_, place->second);
  }
  round_.push_back(count);
  append_to(round_, arguments);
}

void RedoLog::note_content(std::uint64_t position, BytesView content) {
  if (!is_noting_) return;
  if (round_.size() + content.size() + 16 > kRoundBytesMax) return give_up();
  append_u32(round_, kContent);
  append_u64(round_, position);
  append_run(round_, content);
}

void RedoLog::give_up() {
  drop_round();
  is_noting_ = false;
}

void RedoLog::rewind(Mark mark) {
  if (!is_noting_) return;
  round_.resize(mark.bytes);
  texts_.resize(mark.texts);
  std::erase_if(places_, [&](const auto& known) { return known.second >= mark.texts; });
}

bool RedoLog::takes_round() const {
  return is_noting_ && end_.offset + aligned(kHeadBytes + round_.size()) <= kLapBytes;
}

Result<void> RedoLog::record_round() {
  Bytes record(kChecksumBytes);
  record.reserve(aligned(kHeadBytes + round_.size()));
  append_u64(record, lap_);
  append_u64(record, newest_ + 1);
  append_run(record, round_);
  pad(record, newest_ + 1, end_.checksum_before);
  const std::uint64_t checksum = checksum_of(record, end_.checksum_before);
  Bytes head;
  append_u64(head, checksum);
  std::ranges::copy(head, record.begin());
  KERUEN_CHECK(write_and_sync(record, end_.offset));
  end_ = {end_.offset + record.size(), checksum};
  ++newest_;
  round_.clear();
  round_began_ = mark();
  is_noting_ = false;
  return {};
}

void RedoLog::begin_lap() {
  lap_ = ++newest_;
  end_ = lap_start();
  is_noting_ = false;
  round_.clear();
  texts_.clear();
  places_.clear();
  round_began_ = {};
}

void append_argument(Bytes& arguments, std::int64_t number) {
  arguments.push_back(kNumber);
  append_u64(arguments, static_cast<std::uint64_t>(number));
}
void append_argument(Bytes& arguments, BytesView bytes) {
  arguments.push_back(kBytes);
  append_run(arguments, bytes);
}
void append_argument(Bytes& arguments, std::string_view text) {
  arguments.push_back(kText);
  append_run(arguments, bytes_of(text));
}
void append_null_argument(Bytes& arguments) { arguments.push_back(kNull); }

}  // namespace keruen::store
