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

std::vector<Candidate> with_id(Connection& connection, const Wanted& wanted) {
  std::vector<Candidate> candidates;
  if (wanted.folder != Folder::inbox) {
    auto query = connection.query(
        "SELECT m.number, m.listed, s.value FROM message_out m "
        "LEFT JOIN setting s ON s.name = 'agency' WHERE m.id = ?");
    query.with(wanted.id);
    while (query.row()) {
      candidates.push_back({{Folder::sent, query.number(0)},
                            query.number(1) != 0,
                            std::string(text_of(query.bytes(2)))});
    }
  }
  if (wanted.folder != Folder::sent) {
    auto query = connection.query(
        "SELECT m.number, m.listed, a.id FROM message_in m JOIN agency a ON a.number = m.agency "
        "WHERE m.id = ? ORDER BY m.number");
    query.with(wanted.id);
    while (query.row()) {
      candidates.push_back({{Folder::inbox, query.number(0)}, query.number(1) != 0, query.text(2)});
    }
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
  auto candidates = with_id(connection, wanted);
  if (wanted.from) {
    std::erase_if(candidates,
                  [&](const Candidate& each) { return each.from != wanted.from->text(); });
  }
  std::ranges::stable_partition(candidates, &Candidate::is_listed);
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
