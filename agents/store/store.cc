#include "agents/store/store.h"

#include <algorithm>

#include "agents/store/schema.h"
#include "agents/store/store_state.h"

namespace keruen::store {

bool is_of_the_disk(ErrorCode code) {
  return code == ErrorCode::no_space || code == ErrorCode::io_failed || code == ErrorCode::corrupt;
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

namespace {

constexpr std::size_t kLogPagesMax = 2000;  // of 4 KiB; without a thread that moves them

// The newest of each that was ever given to a row, as far as rows were forgotten.
struct GivenNumbers {
  std::uint64_t blob = 0;
  std::uint64_t message_in = 0;
  std::uint64_t message_out = 0;
  std::uint64_t event = 0;
};

GivenNumbers read_given_numbers(Connection& connection) {
  auto query = connection.query("SELECT value FROM setting WHERE name = 'numbers'");
  if (!query.row() || query.bytes(0).size() != 4 * sizeof(std::uint64_t)) return {};
  const BytesView value = query.bytes(0);
  return {u64_at(value, 0), u64_at(value, 8), u64_at(value, 16), u64_at(value, 24)};
}

}  // namespace

void Store::State::note_forgotten() {
  redo.give_up();  // readers see it at the round's end
  forgotten_contents = {redo.newest() + 1, contents.start(content_at(connection, End::oldest))};
  Bytes value;
  append_u64(value, next_blob - 1);
  append_u64(value, static_cast<std::uint64_t>(next_in - 1));
  append_u64(value, static_cast<std::uint64_t>(next_out - 1));
  append_u64(value, events.newest());
  connection.query("INSERT OR REPLACE INTO setting(name, value) VALUES('numbers', ?)")
      .with(BytesView(value))
      .run();
}

void Store::State::load_counters() {
  agency_numbers.clear();
  agency_ids.clear();
  fresh.clear();
  outbox_is_empty = {};
  GivenNumbers given = read_given_numbers(connection);
  const auto continue_behind = [&](std::uint64_t& newest, const char* sql) {
    auto query = connection.query(sql);
    if (query.row()) newest = std::max(newest, query.unsigned_number(0));
  };
  continue_behind(given.blob, "SELECT max(number) FROM blob");
  continue_behind(given.message_in, "SELECT max(number) FROM message_in");
  continue_behind(given.message_out, "SELECT max(number) FROM message_out");
  next_blob = given.blob + 1;
  next_in = static_cast<std::int64_t>(given.message_in) + 1;
  next_out = static_cast<std::int64_t>(given.message_out) + 1;
  {
    auto greatest = connection.query("SELECT max(id) FROM message_in");
    greatest_in = greatest.row() ? greatest.fixed<MessageId>(0) : MessageId();
  }
  events.start(std::max(given.event, read_newest_event(connection)));
  load_outbox_expiry();
  load_lives_to_begin();
  early_recalls = 0;
  if (!keeps_recalls) return;
  auto recalls = connection.query("SELECT count(*) FROM recall WHERE agency <> ?");
  recalls.with(kOurRecall);
  if (recalls.row()) early_recalls = recalls.unsigned_number(0);
}

void Store::State::undo(const Error& error) {
  remember(error);
  if (error.code == ErrorCode::no_space) is_full_ = true;
  if (!is_published(forgotten_contents.in_round)) forgotten_contents = {};
  const auto undone = guarded<void>("undoing a transaction", [&]() -> Result<void> {
    reading_ = false;
    redo.give_up();
    contents.drop();
    // SQLite may have rolled back by itself.
    try {
      connection.control("ROLLBACK");
    } catch (const SQLite::Exception&) {
    }
    if (has_unpublished() && !broken) {
      connection.control("BEGIN IMMEDIATE");
      KERUEN_CHECK(redo.repeat(connection, published_));
    }
    load_counters();
    return {};
  });
  // What is durable and not to be had again is no matter of space any more.
  if (!undone) break_with({ErrorCode::io_failed, undone.error().detail});
}

void Store::State::begin_reading() {
  if (reading_ || is_open_ || has_unpublished()) return;
  connection.control("BEGIN");
  reading_ = true;
}

void Store::State::end_reading() {
  if (!reading_) return;
  reading_ = false;
  connection.control("COMMIT");
}

Result<void> Store::State::sync() {
  if (broken) return fail(*broken);
  if (const auto synced = connection.log().sync(); !synced) {
    break_with({ErrorCode::io_failed, synced.error().detail});
    return fail(*broken);
  }
  return {};
}

// SQLite would sync its log once more when it closes, and take what is in memory only for durable.
void Store::State::break_with(Error error) {
  if (broken) return;
  broken = std::move(error);
  connection.log().leave_at_close();
}

void Store::on_log_grown(LogMover mover) { state_->log_mover = std::move(mover); }

void Store::State::open() {
  end_reading();
  if (!has_unpublished()) connection.control("BEGIN IMMEDIATE");
  is_open_ = true;
  if (in_round_ && !is_full_) redo.begin_round();
}

void Store::State::write_what_waits() {
  write_fresh();
  events.flush(connection);
}

void Store::State::write_number(std::uint64_t round) {
  Bytes number;
  append_u64(number, round);
  connection.query("UPDATE setting SET value = ? WHERE name = 'round'")
      .with(BytesView(number))
      .run();
}

Result<Store::State::Ended> Store::State::end_open_round() {
  if (spoiled_) return fail(*spoiled_);
  write_what_waits();
  if (!redo.takes_round()) {
    KERUEN_CHECK(commit());
    return Ended::committed;
  }
  KERUEN_CHECK(redo.record_round());
  contents.keep();
  return Ended::recorded;
}

Result<void> Store::State::commit() {
  if (spoiled_) return fail(*spoiled_);
  write_what_waits();
  redo.give_up();
  KERUEN_CHECK(contents.sync());
  write_number(redo.newest() + 1);
  connection.control("COMMIT");
  return {};
}

// The transaction of rounds in the redo log, none of which is open.
Result<void> Store::State::publish() {
  if (broken) return fail(*broken);
  if (is_open_ || !has_unpublished()) return {};
  const auto shown = guarded<void>("showing what is stored", [&]() -> Result<void> {
    KERUEN_CHECK(contents.write_out());
    write_number(redo.newest());
    connection.control("COMMIT");
    return {};
  });
  if (!shown) {
    undo(shown.error());
    return shown;
  }
  published_ = redo.newest();
  move_log();
  return {};
}

Result<void> Store::State::close(const std::optional<Error>& failed) {
  is_open_ = false;
  spoiled_.reset();
  if (failed) {
    undo(*failed);
    return fail(*failed);
  }
  move_log();
  KERUEN_CHECK(sync());
  contents.keep();
  redo.begin_lap();
  published_ = redo.newest();
  is_full_ = false;
  if (empties_log) empty_log();
  return {};
}

// Older images of a destroyed key's page stand there. Not now, because the mover or a reader has it
// or the disk is full: with the next commit.
void Store::State::empty_log() {
  const auto emptied = guarded<bool>("emptying the write-ahead log", [&]() -> Result<bool> {
    auto truncated = connection.query("PRAGMA wal_checkpoint(TRUNCATE)");
    constexpr int kIsBusy = 0;
    return truncated.row() && truncated.number(kIsBusy) == 0;
  });
  if (emptied) {
    empties_log = !*emptied;
  } else {
    remember(emptied.error());
  }
}

Result<void> Store::State::end_round() {
  in_round_ = false;
  if (broken) return fail(*broken);
  if (!is_open_ && !spoiled_) return {};
  auto ended = guarded<Ended>("storing", [&] { return end_open_round(); });
  if (!ended) return close(ended.error());
  if (*ended == Ended::committed) return close(std::nullopt);
  is_open_ = false;
  return {};
}

// A part that refuses is undone alone. One the disk refused is the round's failure: SQLite may have
// undone all of it by itself.
Result<void> Store::State::together_in_round(const std::function<Result<void>()>& parts) {
  if (broken) return fail(*broken);
  is_part_ = true;
  RedoLog::Mark noted_before;
  std::uint64_t contents_before = 0;
  auto done = guarded<void>("storing", [&]() -> Result<void> {
    if (spoiled_) return fail(*spoiled_);
    if (!is_open_) open();
    // What came before the part is not undone with it.
    write_what_waits();
    connection.control("SAVEPOINT part");
    noted_before = redo.mark();
    contents_before = contents.end();
    KERUEN_CHECK(parts());
    if (spoiled_) return fail(*spoiled_);
    write_what_waits();
    connection.control("RELEASE part");
    return {};
  });
  is_part_ = false;
  if (done) return done;
  if (is_of_the_disk(done.error().code)) {
    spoil(done.error());
    return done;
  }
  auto undone = guarded<void>("undoing a part", [&]() -> Result<void> {
    connection.control("ROLLBACK TO part");
    connection.control("RELEASE part");
    redo.rewind(noted_before);
    contents.rewind(contents_before);
    load_counters();
    return {};
  });
  spoiled_.reset();
  if (!undone) spoil(undone.error());
  return done;
}

void Store::State::move_log() {
  const std::size_t pages = connection.log().pages();
  if (log_mover) {
    const auto moved = log_mover(pages);
    if (moved.fault) return remember(*moved.fault);
    if (moved.rest == host::Backfiller::Moved::Rest::is_moved_beside) return;
  } else if (pages < kLogPagesMax) {
    return;
  }
  if (const auto moved = connection.log().move(); !moved) remember(moved.error());
}

Result<void> Store::together(const std::function<Result<void>()>& parts) {
  if (state_->in_round()) return state_->together_in_round(parts);
  return state_->transact<void>("storing", parts, State::Fresh::kept);
}

std::size_t Store::unwritten_bytes(Lane lane) const {
  const bool are_first = state_->outbox_is_empty[static_cast<std::size_t>(lane)];
  return are_first ? state_->fresh.bytes(lane) : 0;
}

void Store::begin_round() { state_->begin_round(); }

Result<void> Store::end_round() { return state_->end_round(); }

Result<void> Store::publish() { return state_->publish(); }

bool Store::has_unpublished() const { return state_->has_unpublished(); }

bool Store::round_wrote() const { return state_->round_wrote(); }

void Store::State::remember(const Error& error) {
  const bool stays = error.code == ErrorCode::io_failed || error.code == ErrorCode::corrupt;
  if (stays) break_with(error);
}

std::optional<std::int64_t> Store::State::known_number_of(const AgencyId& agency) {
  if (const auto known = agency_numbers.find(agency); known != agency_numbers.end()) {
    return known->second;
  }
  auto find = connection.query("SELECT number FROM agency WHERE id = ?");
  find.with(agency.text());
  if (!find.row()) return std::nullopt;
  return agency_numbers[agency] = find.number(0);
}

std::int64_t Store::State::number_of(const AgencyId& agency) {
  if (const auto known = known_number_of(agency)) return *known;
  connection.query("INSERT INTO agency(id) VALUES(?)").with(agency.text()).run();
  return agency_numbers[agency] = connection.last_number();
}

std::optional<AgencyId> Store::State::agency_of(std::int64_t number) {
  if (const auto known = agency_ids.find(number); known != agency_ids.end()) return known->second;
  auto find = connection.query("SELECT id FROM agency WHERE number = ?");
  find.with(number);
  if (!find.row()) return std::nullopt;
  auto id = AgencyId::parse(find.text(0));
  if (!id) return std::nullopt;
  return agency_ids[number] = std::move(*id);
}

Result<BlobNumber> Store::State::add_blob(const SharedBytes& bytes, const LeafKeys& keys) {
  KERUEN_TRY(const ContentPlace place, contents.add(bytes.view()));
  redo.note_content(place.position, bytes.view());
  const BlobNumber blob{next_blob++};
  auto query = connection.query(
      "INSERT INTO blob(number, position, bytes, checksum, keys) VALUES(?, ?, ?, ?, ?)");
  query.with(blob).with(place.position).with(place.bytes).with(place.checksum);
  const Bytes sealed = keys.empty() ? Bytes() : rows.seal_keys(blob.value, keys);
  if (keys.empty()) {
    query.nothing();
  } else {
    query.with(BytesView(sealed));
  }
  query.run();
  return blob;
}

void Store::State::write_notes(const std::vector<Note>& notes,
                               const std::vector<Evidence>& evidence, WallTime at) {
  for (const auto& note : notes) {
    std::optional<std::int64_t> agency;
    if (note.agency && !note.agency->empty()) agency = number_of(*note.agency);
    write_event({note.type, at, note.message, note.kind, agency, note.code, note.text});
  }
  for (const auto& piece : evidence) {
    connection.query("INSERT INTO evidence(at, what, bytes) VALUES(?, ?, ?)")
        .with(at)
        .with(piece.what)
        .with(BytesView(piece.bytes))
        .run();
  }
}

Result<std::optional<Bytes>> Store::fact(const std::string& name) {
  using Value = std::optional<Bytes>;
  return state_->look<Value>("reading a fact", [&]() -> Result<Value> {
    auto query = state_->connection.query("SELECT value FROM setting WHERE name = ?");
    query.with(name);
    if (!query.row()) return Value();
    return Value(copy_of(query.bytes(0)));
  });
}

Result<void> Store::save_fact(const std::string& name, BytesView value) {
  return state_->transact<void>("storing a fact", [&]() -> Result<void> {
    state_->connection.query("INSERT OR REPLACE INTO setting(name, value) VALUES(?, ?)")
        .with(name)
        .with(value)
        .run();
    return {};
  });
}

std::uint64_t Store::newest_event() const { return state_->events.newest(); }

std::uint64_t Store::file_bytes() const {
  std::uint64_t bytes = 0;
  for (const char* suffix : {"", "-wal", "-redo"}) {
    std::error_code error;
    const auto size = std::filesystem::file_size(state_->path + suffix, error);
    if (!error) bytes += size;
  }
  const auto contents = guarded<std::uint64_t>("looking at its contents", [&]() {
    const auto oldest = content_at(state_->connection, End::oldest);
    return Result<std::uint64_t>(state_->contents.bytes_from(oldest));
  });
  return bytes + contents.value_or(0);
}

}  // namespace keruen::store
