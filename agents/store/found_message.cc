#include "agents/store/found_message.h"

#include <algorithm>
#include <vector>

namespace keruen::store {
namespace {

struct Candidate {
  Found found;
  bool is_listed = false;
  std::string from;
};

// Those that lists show first, ours before others'.
std::vector<Candidate> candidates_for(Connection& connection, const Wanted& wanted) {
  auto query = connection.query(
      "SELECT ?2 AS folder, m.number, m.listed, CAST(s.value AS TEXT) FROM message_out m "
      "LEFT JOIN setting s ON s.name = 'agency' WHERE m.id = ?1 "
      "UNION ALL SELECT ?3, m.number, m.listed, a.id FROM message_in m "
      "JOIN agency a ON a.number = m.agency WHERE m.id = ?1 "
      "ORDER BY listed DESC, folder DESC, number");
  query.with(wanted.id).with(Folder::sent).with(Folder::inbox);
  std::vector<Candidate> candidates;
  while (query.row()) {
    Candidate each{
        {query.enumerator<Folder>(0), query.number(1)}, query.number(2) != 0, query.text(3)};
    if (wanted.folder && each.found.folder != *wanted.folder) continue;
    if (wanted.from && each.from != wanted.from->text()) continue;
    candidates.push_back(std::move(each));
  }
  return candidates;
}

}  // namespace

std::optional<Found> find_sent(Connection& connection, const MessageId& id) {
  auto query = connection.query("SELECT number FROM message_out WHERE id = ?");
  query.with(id);
  return query.row() ? std::optional(Found{Folder::sent, query.number(0)}) : std::nullopt;
}

Result<std::optional<Found>> find_message(Connection& connection, const Wanted& wanted) {
  const auto candidates = candidates_for(connection, wanted);
  if (candidates.empty()) return std::optional<Found>();
  if (std::ranges::count(candidates, true, &Candidate::is_listed) <= 1) {
    return std::optional(candidates.front().found);
  }
  std::string senders;
  for (const auto& each : candidates) {
    if (each.is_listed) senders += (senders.empty() ? "" : ", ") + each.from;
  }
  std::string field(wanted.option);
  std::ranges::replace(field, '-', '_');
  return fail(ErrorCode::malformed, "several agencies sent a message with the id " +
                                        to_text(wanted.id) + ": " + senders +
                                        "; say whose you mean: --" + std::string(wanted.option) +
                                        " AGENCY, in the API " + field + "=AGENCY");
}

}  // namespace keruen::store
