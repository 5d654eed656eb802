#include "agents/store/recipient_row.h"

#include <algorithm>

namespace keruen::store {

// A row of state 3 was sealed: its batch tells whether it was accepted, `delivery` whether it
// arrived. What the broker's word ended, refused (8), expired (10) or recalled (11), and what
// arrived after all, counts as delivered.
std::vector<RecipientStatus> read_recipients(Connection& connection, std::int64_t message) {
  std::vector<RecipientStatus> recipients;
  auto query = connection.query(
      "SELECT a.id, CASE WHEN r.state IN (3, 8, 10, 11) AND r.delivered_at IS NOT NULL THEN 5 "
      "WHEN r.state = 3 AND b.status >= 2 THEN 4 ELSE r.state END AS state, r.code, b.log_index, "
      "b.closed_at, b.accepted_at, r.delivered_at, r.read_at, r.processed_at "
      "FROM (SELECT *, (SELECT min(d.at) FROM delivery d WHERE d.blob = c.blob "
      "AND d.agency = c.agency AND d.first <= c.leaf AND d.last >= c.leaf) AS delivered_at "
      "FROM recipient c WHERE c.message = ?) r "
      "JOIN agency a ON a.number = r.agency LEFT JOIN batch b ON b.blob = r.blob ORDER BY r.place");
  query.with(message);
  while (query.row()) {
    RecipientStatus status;
    status.recipient = AgencyId::parse(query.text(0)).value_or(AgencyId{});
    status.state = query.enumerator<RecipientState>(1);
    if (status.state != RecipientState::delivered) status.code = query.code(2);
    if (!query.is_null(3)) status.log_index = LogIndex{query.unsigned_number(3)};
    status.sealed_at = query.optional_time(4);
    status.accepted_at = query.optional_time(5);
    status.delivered_at = query.optional_time(6);
    status.read_at = query.optional_time(7);
    status.processed_at = query.optional_time(8);
    recipients.push_back(std::move(status));
  }
  return recipients;
}

void count_parts_delivered(Connection& connection, std::int64_t message,
                           std::vector<RecipientStatus>& recipients) {
  auto query = connection.query(
      "SELECT a.id, sum(r.state <> 11), sum(r.state = 5), sum(r.state IN (8, 9, 10)) FROM "
      "(SELECT c.agency, CASE WHEN c.state IN (3, 8, 10, 11) AND EXISTS(SELECT 1 FROM delivery d "
      "WHERE d.blob = c.blob AND d.agency = c.agency AND d.first <= c.leaf AND d.last >= c.leaf) "
      "THEN 5 ELSE c.state END AS state FROM message_out p "
      "JOIN recipient c ON c.message = p.number WHERE p.parent = ?) r JOIN agency a ON a.number = "
      "r.agency GROUP BY r.agency");
  query.with(message);
  while (query.row()) {
    const std::string agency = query.text(0);
    const auto found = std::ranges::find_if(recipients, [&](const RecipientStatus& status) {
      return status.recipient.text() == agency;
    });
    if (found == recipients.end()) continue;
    found->parts = {query.small_number(1), query.small_number(2), query.small_number(3)};
  }
}

std::vector<OfficerWords> words_of(Connection& connection, std::int64_t message) {
  std::vector<OfficerWords> words;
  auto query = connection.query(
      "SELECT read_by, processed_by FROM recipient WHERE message = ? ORDER BY place");
  query.with(message);
  while (query.row()) {
    OfficerWords word;
    if (!query.is_null(0)) word.read = query.number(0);
    if (!query.is_null(1)) word.processed = query.number(1);
    words.push_back(word);
  }
  return words;
}

}  // namespace keruen::store
