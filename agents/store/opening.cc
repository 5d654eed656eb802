// Opening a store: making it, taking it over from an older format, going on where a crash left it.
#include "agents/store/schema.h"
#include "agents/store/store_state.h"

namespace keruen::store {
namespace {

constexpr std::string_view kKeyCheck = "this store opens with this key";
constexpr int kBeforeFirstRelease = 1;
constexpr int kFirstWithRedoLog = 3;
constexpr int kFirstWithContentFile = 4;

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

std::optional<ContentPlace> newest_content(Connection& connection) {
  auto query =
      connection.query("SELECT position, bytes, checksum FROM blob ORDER BY number DESC LIMIT 1");
  if (!query.row()) return std::nullopt;
  return ContentPlace{query.unsigned_number(0), query.unsigned_number(1), query.unsigned_number(2)};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& path,
                                           const certs::SecretBytes& store_key,
                                           certs::Randomness& randomness) {
  using Opened = std::unique_ptr<Store>;
  return guarded<Opened>("opening " + path, [&]() -> Result<Opened> {
    Opened store(new Store(std::make_unique<State>(path, store_key.duplicate(), randomness)));
    State& state = *store->state_;
    set_pragmas(state.connection);
    const int version = version_of(state.connection);
    KERUEN_CHECK(check_version(path, version));
    KERUEN_CHECK(state.contents.open(Connection::Mode::read_write));
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
      state.connection.execute(kOnceIndex);
      return {};
    });
    if (!completed && completed.error().code != ErrorCode::no_space) {
      return fail(completed.error());
    }
    KERUEN_CHECK(state.resume());
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
  const bool moves_out = version_of(connection) < kFirstWithContentFile;
  const auto newest_in_file =
      moves_out ? std::optional<ContentPlace>() : newest_content(connection);
  KERUEN_CHECK(redo.resume(connection, contents, id, published_));
  if (moves_out) {
    KERUEN_CHECK(move_contents_out());
  } else {
    KERUEN_CHECK(contents.go_on_behind(newest_content(connection), newest_in_file));
  }
  load_counters();
  auto stored = guarded<void>("storing what was recorded", [&] { return commit(); });
  stored = close(stored ? std::nullopt : std::optional(stored.error()));
  if (stored || moves_out || stored.error().code != ErrorCode::no_space) return stored;
  // Readers have rows of what was shown before: it must be where they look for it.
  if (redo.lap() < published_) KERUEN_CHECK(contents.write_out());
  return has_unpublished() ? redo.write_anew() : Result<void>();
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
  set_version(connection, kFirstWithContentFile);
  empties_log = true;  // it has become as large as the contents
  return {};
}

}  // namespace keruen::store
