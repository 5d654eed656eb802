// Opening a store: making it, taking it over from an older format, going on where a crash left it.
#include "agents/store/schema.h"
#include "agents/store/store_state.h"

namespace keruen::store {
namespace {

constexpr std::string_view kKeyCheck = "this store opens with this key";
constexpr int kBeforeFirstRelease = 1;
constexpr int kFirstWithRedoLog = 3;
constexpr int kFirstWithContentFile = 4;
constexpr int kFirstWithContentSegments = 5;

void set_pragmas(Connection& connection) {
  connection.execute("PRAGMA journal_mode = WAL");
  // Commits are synced by sync(), one for several where the engine asks for it.
  connection.execute("PRAGMA synchronous = NORMAL");
  connection.execute("PRAGMA secure_delete = ON");
  connection.execute("PRAGMA foreign_keys = OFF");
  connection.execute("PRAGMA temp_store = MEMORY");
  connection.execute("PRAGMA cache_size = -32768");
}

int version_of(Connection& connection) {
  auto query = connection.query("PRAGMA user_version");
  return query.row() ? static_cast<int>(query.number(0)) : 0;
}

void set_version(Connection& connection, int version) {
  connection.execute(("PRAGMA user_version = " + std::to_string(version)).c_str());
}

Result<void> check_version(const std::string& path, int version) {
  if (version > kSchemaVersion) {
    return fail(ErrorCode::unsupported, path + " was written by a newer keruen-agent (format " +
                                            std::to_string(version) + "); install that one");
  }
  if (version == kBeforeFirstRelease) {
    return fail(ErrorCode::unsupported,
                path +
                    " was written by a keruen-agent from before the first release (format 1); "
                    "move it away, and the agent begins a new one");
  }
  return {};
}

Result<std::uint64_t> number_of_setting(Connection& connection, const char* sql) {
  auto query = connection.query(sql);
  if (!query.row() || query.bytes(0).size() != sizeof(std::uint64_t)) {
    return fail(ErrorCode::corrupt, "the store lacks a number; restore it from a backup");
  }
  return u64_at(query.bytes(0), 0);
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& path,
                                           const certs::SecretBytes& store_key,
                                           certs::Randomness& randomness,
                                           std::uint64_t content_segment_bytes) {
  using Opened = std::unique_ptr<Store>;
  return guarded<Opened>("opening " + path, [&]() -> Result<Opened> {
    Opened store(new Store(std::make_unique<State>(path, store_key.duplicate(), randomness)));
    State& state = *store->state_;
    // What a start that ends early would move may be in memory only, and its rest on the disk.
    state.connection.log().leave_at_close();
    set_pragmas(state.connection);
    const int version = version_of(state.connection);
    KERUEN_CHECK(check_version(path, version));
    state.content_lengths.segment_bytes = content_segment_bytes;
    if (version < kFirstWithRedoLog) KERUEN_CHECK(state.make(version, randomness));
    if (!state.is_key_right()) {
      return fail(ErrorCode::denied, path + " was made with another store key");
    }
    // Where a full disk has no room for them, recalls take longer, and act on what is here only;
    // and a crash forgets which places in the log are to be proved.
    const auto completed = guarded<void>("completing the tables", [&]() -> Result<void> {
      state.connection.execute(kRecallTable);
      state.keeps_recalls = true;
      state.connection.execute(kUnprovedTable);
      state.keeps_unproved = true;
      for (const char* index : kIndexes) state.connection.execute(index);
      return {};
    });
    if (!completed && completed.error().code != ErrorCode::no_space) {
      return fail(completed.error());
    }
    KERUEN_CHECK(state.resume());
    if (!state.broken) state.connection.log().move_at_close();
    return store;
  });
}

Result<void> Store::State::make(int version, certs::Randomness& randomness) {
  const bool is_new = version == 0;
  if (is_new) KERUEN_CHECK(contents.check_new());
  return transact<void>("making the store", [&]() -> Result<void> {
    if (is_new) {
      connection.execute(kSchema);
      connection.execute(kBlobTable);
      connection.execute(kPartTable);
      connection.execute(kForgottenTable);
      save_lengths_of_contents(connection, content_lengths);
      connection.query("INSERT INTO setting(name, value) VALUES('key check', ?)")
          .with(rows.seal("key check", 0, bytes_of(kKeyCheck)))
          .run();
    }
    Bytes store_id(sizeof(std::uint64_t));
    randomness.fill(store_id);
    connection.query("INSERT INTO setting(name, value) VALUES('redo log', ?)")
        .with(BytesView(store_id))
        .run();
    connection.query("INSERT INTO setting(name, value) VALUES('round', zeroblob(8))").run();
    set_version(connection, is_new ? kSchemaVersion : kFirstWithRedoLog);
    return {};
  });
}

bool Store::State::is_key_right() {
  auto check = connection.query("SELECT value FROM setting WHERE name = 'key check'");
  return check.row() && rows.open("key check", 0, check.bytes(0)).has_value();
}

// A process that was killed, or whose sync failed, may have left in memory only what it wrote, and
// no later sync would write that: all of it is written anew, the write-ahead log where it stands
// and into the file, the redo log with a commit. Where there is no room for that both stay.
Result<void> Store::State::resume() {
  KERUEN_TRY(const auto id,
             number_of_setting(connection, "SELECT value FROM setting WHERE name = 'redo log'"));
  KERUEN_TRY(published_,
             number_of_setting(connection, "SELECT value FROM setting WHERE name = 'round'"));
  KERUEN_CHECK(connection.log().write_anew());
  KERUEN_CHECK(connection.log().move());
  connection.control("BEGIN IMMEDIATE");
  const int version = version_of(connection);
  const bool moves_out = version < kFirstWithContentFile;
  KERUEN_CHECK(open_contents(version));
  const auto newest_in_file =
      moves_out ? std::optional<ContentPlace>() : content_at(connection, End::newest);
  KERUEN_CHECK(redo.resume(connection, contents, id, published_));
  if (moves_out) {
    KERUEN_CHECK(move_contents_out());
  } else {
    KERUEN_CHECK(contents.go_on_behind(content_at(connection, End::oldest),
                                       content_at(connection, End::newest), newest_in_file));
  }
  const bool takes_over = version < kFirstWithContentSegments;
  if (takes_over) take_over();
  load_counters();
  forgotten_contents = {0, contents.start(content_at(connection, End::oldest))};
  auto stored = guarded<void>("storing what was recorded", [&] { return commit(); });
  stored = close(stored ? std::nullopt : std::optional(stored.error()));
  if (stored || takes_over || stored.error().code != ErrorCode::no_space) return stored;
  // Readers have rows of what was shown before: it must be where they look for it.
  if (redo.lap() < published_) KERUEN_CHECK(contents.write_out());
  return has_unpublished() ? redo.write_anew() : Result<void>();
}

// What was one file stays one, and the next begins where the segment ends that it reaches into.
Result<void> Store::State::open_contents(int version) {
  if (version >= kFirstWithContentSegments) {
    KERUEN_TRY(content_lengths, lengths_of_contents(connection));
  } else if (version == kFirstWithContentFile) {
    contents.open(Connection::Mode::read_write, content_lengths);
    KERUEN_TRY(const std::uint64_t bytes, contents.first_bytes());
    content_lengths.in_first = bytes / content_lengths.segment_bytes + 1;
  }
  contents.open(Connection::Mode::read_write, content_lengths);
  return {};
}

// Parts had one row each, however often they came: the others are given theirs.
void Store::State::take_over() {
  connection.execute("ALTER TABLE part RENAME TO part_before");
  connection.execute(kPartTable);
  connection.execute(
      "INSERT INTO part(whole, folder, agency, number, message) "
      "SELECT whole, folder, agency, number, message FROM part_before");
  connection.execute("DROP TABLE part_before");
  struct Copy {
    std::int64_t number = 0;
    std::int64_t agency = 0;
    LeafPlace place;
  };
  std::vector<Copy> copies;
  {
    auto query = connection.query(
        "SELECT number, agency, blob, leaf FROM message_in WHERE kind = ? "
        "AND number NOT IN (SELECT message FROM part WHERE folder = 1)");
    query.with(MessageKind::part);
    while (query.row()) {
      copies.push_back(
          {query.number(0), query.number(1), {query.unsigned_number(2), query.small_number(3)}});
    }
  }
  for (const auto& copy : copies) {
    const auto bytes = open_content(connection, contents, rows, copy.place);
    const auto content = bytes ? content::decode_content(*bytes) : fail(bytes.error());
    const auto* part = content ? std::get_if<content::Part>(&content->body) : nullptr;
    if (part == nullptr) continue;  // what is damaged here is read from the one before, or not
    add_part(rows.veiled("attachment", part->whole.view()), part->number, copy.agency, copy.number);
  }
  connection.execute(kForgottenTable);
  save_lengths_of_contents(connection, content_lengths);
  set_version(connection, kSchemaVersion);
}

Result<void> Store::State::move_contents_out() {
  connection.execute("ALTER TABLE blob RENAME TO blob_before");
  connection.execute(kBlobTable);
  {
    auto each = connection.query("SELECT number, bytes FROM blob_before ORDER BY number");
    while (each.row()) {
      if (each.bytes(1).size() > kBatchBytesMax) {
        return fail(ErrorCode::corrupt,
                    "a batch in the store is longer than any; restore it from "
                    "a backup");
      }
      KERUEN_TRY(const ContentPlace place, contents.add(each.bytes(1)));
      connection
          .query(
              "INSERT INTO blob(number, position, bytes, checksum, keys) "
              "SELECT number, ?, ?, ?, keys FROM blob_before WHERE number = ?")
          .with(place.position)
          .with(place.bytes)
          .with(place.checksum)
          .with(each.unsigned_number(0))
          .run();
    }
  }
  connection.execute("DROP TABLE blob_before");
  empties_log = true;  // it has become as large as the contents
  return {};
}

}  // namespace keruen::store
