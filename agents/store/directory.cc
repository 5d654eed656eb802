// The directory as the log has it: its lines, and the records they name.
#include "agents/store/store_state.h"

namespace keruen::store {

Result<std::vector<wire::DirectoryLine>> Store::directory_lines() {
  using Lines = std::vector<wire::DirectoryLine>;
  return state_->look<Lines>("reading the directory", [&]() -> Result<Lines> {
    Lines lines;
    auto query = state_->connection.query(
        "SELECT log_index, accepted_at, type, agency, hash FROM line ORDER BY number");
    while (query.row()) {
      wire::DirectoryLine line;
      line.index = LogIndex{query.unsigned_number(0)};
      line.accepted_at = query.time(1);
      line.type = query.enumerator<wire::DirectoryType>(2);
      if (const auto agency = query.text(3); !agency.empty()) {
        KERUEN_TRY(line.agency, AgencyId::parse(agency));
      }
      line.signed_hash = query.fixed<Digest>(4);
      lines.push_back(std::move(line));
    }
    return lines;
  });
}

Result<void> Store::save_lines(std::uint64_t first, const std::vector<wire::DirectoryLine>& lines) {
  return state_->transact<void>("storing the directory", [&]() -> Result<void> {
    for (const auto& line : lines) {
      state_->connection
          .query(
              "INSERT INTO line(number, log_index, accepted_at, type, agency, hash) "
              "VALUES(?, ?, ?, ?, ?, ?)")
          .with(first++)
          .with(line.index)
          .with(line.accepted_at)
          .with(line.type)
          .with(line.agency.text())
          .with(line.signed_hash)
          .run();
    }
    return {};
  });
}

Result<std::vector<Store::StoredRecord>> Store::directory_records() {
  using Records = std::vector<StoredRecord>;
  return state_->look<Records>("reading the directory", [&]() -> Result<Records> {
    Records records;
    auto query = state_->connection.query(
        "SELECT r.hash, r.type, r.bytes FROM line l JOIN record r ON r.hash = l.hash "
        "ORDER BY l.number");
    while (query.row()) {
      records.push_back({query.fixed<Digest>(0), query.enumerator<wire::DirectoryType>(1),
                         copy_of(query.bytes(2))});
    }
    return records;
  });
}

Result<void> Store::save_records(const std::vector<StoredRecord>& records) {
  return state_->transact<void>("storing key records", [&]() -> Result<void> {
    for (const auto& record : records) {
      state_->connection.query("INSERT OR REPLACE INTO record(hash, type, bytes) VALUES(?, ?, ?)")
          .with(record.hash)
          .with(record.type)
          .with(BytesView(record.bytes))
          .run();
    }
    return {};
  });
}

}  // namespace keruen::store
