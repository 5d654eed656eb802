#include "schemas/wire/report.h"

#include "schemas/limits.h"
#include "schemas/wire/pieces.h"

namespace keruen::wire {
namespace {

Result<Report> status_of(format::StatusReport::Reader source) {
  StatusReport report;
  KERUEN_TRY(report.origin, id_of<Origin>(source.getOrigin(), "origin"));
  KERUEN_TRY(report.broker_time, time_of(source.getBrokerTime(), "broker time"));
  KERUEN_TRY(report.started_at, time_of(source.getStartedAt(), "started at"));
  report.log_entries = source.getLogEntries();
  report.checkpoint_size = source.getCheckpointSize();
  report.log_bytes = source.getLogBytes();
  report.disk_free_bytes = source.getDiskFreeBytes();
  report.registry_version = {source.getRegistryVersion()};
  KERUEN_TRY(report.registry_expires_at,
             time_of(source.getRegistryExpiresAt(), "registry expires at"));
  report.agencies = source.getAgencies();
  report.connected = source.getConnected();
  KERUEN_TRY(report.fault, optional_code_of(source.getFault(), "fault"));
  const auto times = source.getLogKeysExpireAt();
  KERUEN_CHECK(check_count(times.size(), 0, kBrokerKeysMax, "log keys"));
  for (const auto milliseconds : times) {
    KERUEN_TRY(const WallTime time, time_of(milliseconds, "log key expires at"));
    report.log_keys_expire_at.push_back(time);
  }
  return report;
}

Result<FlowRow> flow_row_of(format::FlowRow::Reader source) {
  FlowRow row;
  KERUEN_TRY(row.agency, id_of<AgencyId>(source.getAgency(), "agency"));
  row.connected = source.getConnected();
  KERUEN_TRY(row.since, time_of(source.getSince(), "since"));
  row.accepted_messages = source.getAcceptedMessages();
  row.accepted_bytes = source.getAcceptedBytes();
  row.delivered_messages = source.getDeliveredMessages();
  row.delivered_bytes = source.getDeliveredBytes();
  row.refused_messages = source.getRefusedMessages();
  KERUEN_TRY(row.keys_expire_at, time_of(source.getKeysExpireAt(), "keys expire at"));
  return row;
}

Result<WaitingRow> waiting_row_of(format::WaitingRow::Reader source) {
  WaitingRow row;
  KERUEN_TRY(row.agency, id_of<AgencyId>(source.getAgency(), "agency"));
  row.connected = source.getConnected();
  const auto lanes = source.getLanes();
  KERUEN_CHECK(check_count(lanes.size(), kLaneCount, kLaneCount, "lanes"));
  for (std::size_t i = 0; i < kLaneCount; ++i) {
    const auto lane = lanes[static_cast<kj::uint>(i)];
    row.lanes[i].messages = lane.getMessages();
    row.lanes[i].bytes = lane.getBytes();
    KERUEN_TRY(row.lanes[i].oldest_accepted_at,
               time_of(lane.getOldestAcceptedAt(), "oldest accepted at"));
  }
  return row;
}

Result<MessagePlace> place_of(format::MessagePlace::Reader source) {
  MessagePlace place;
  place.index = {source.getIndex()};
  place.leaf = source.getLeaf();
  if (place.leaf >= kLeavesPerBatchMax) return malformed("leaf", "beyond any batch");
  KERUEN_TRY(place.accepted_at, time_of(source.getAcceptedAt(), "accepted at"));
  KERUEN_TRY(place.sender, id_of<AgencyId>(source.getSender(), "sender"));
  KERUEN_TRY(place.recipient, id_of<AgencyId>(source.getRecipient(), "recipient"));
  KERUEN_TRY(place.kind, kind_of(source.getKind(), "kind"));
  KERUEN_TRY(place.lane, lane_of(source.getLane(), "lane"));
  const auto where = source.getWhere();
  if (where < static_cast<std::uint8_t>(Whereabouts::waiting) ||
      where > static_cast<std::uint8_t>(Whereabouts::expired)) {
    return malformed("where", "no such place");
  }
  place.where = static_cast<Whereabouts>(where);
  KERUEN_TRY(place.refused, optional_code_of(source.getRefused(), "refused"));
  return place;
}

// Rows of one report, each read by `row_of`.
template <class Row, class List, class RowOf>
Result<std::vector<Row>> rows_of(const List& source, std::size_t most, RowOf row_of) {
  KERUEN_CHECK(check_count(source.size(), 0, most, "rows"));
  std::vector<Row> rows;
  rows.reserve(source.size());
  for (const auto read : source) {
    KERUEN_TRY(Row row, row_of(read));
    rows.push_back(std::move(row));
  }
  return rows;
}

void write(format::Report::Builder root, const StatusReport& report) {
  auto target = root.initStatus();
  target.setOrigin(text_for(report.origin.text()));
  target.setBrokerTime(milliseconds_of(report.broker_time));
  target.setStartedAt(milliseconds_of(report.started_at));
  target.setLogEntries(report.log_entries);
  target.setCheckpointSize(report.checkpoint_size);
  target.setLogBytes(report.log_bytes);
  target.setDiskFreeBytes(report.disk_free_bytes);
  target.setRegistryVersion(report.registry_version.value);
  target.setRegistryExpiresAt(milliseconds_of(report.registry_expires_at));
  target.setAgencies(report.agencies);
  target.setConnected(report.connected);
  target.setFault(number_of(report.fault));
  auto times = target.initLogKeysExpireAt(static_cast<kj::uint>(report.log_keys_expire_at.size()));
  for (kj::uint i = 0; i < times.size(); ++i) {
    times.set(i, milliseconds_of(report.log_keys_expire_at[i]));
  }
}

void write(format::Report::Builder root, const FlowReport& report) {
  auto rows = root.initFlow(static_cast<kj::uint>(report.agencies.size()));
  for (kj::uint i = 0; i < rows.size(); ++i) {
    const FlowRow& row = report.agencies[i];
    rows[i].setAgency(text_for(row.agency.text()));
    rows[i].setConnected(row.connected);
    rows[i].setSince(milliseconds_of(row.since));
    rows[i].setAcceptedMessages(row.accepted_messages);
    rows[i].setAcceptedBytes(row.accepted_bytes);
    rows[i].setDeliveredMessages(row.delivered_messages);
    rows[i].setDeliveredBytes(row.delivered_bytes);
    rows[i].setRefusedMessages(row.refused_messages);
    rows[i].setKeysExpireAt(milliseconds_of(row.keys_expire_at));
  }
}

void write(format::Report::Builder root, const WaitingReport& report) {
  auto rows = root.initWaiting(static_cast<kj::uint>(report.agencies.size()));
  for (kj::uint i = 0; i < rows.size(); ++i) {
    const WaitingRow& row = report.agencies[i];
    rows[i].setAgency(text_for(row.agency.text()));
    rows[i].setConnected(row.connected);
    auto lanes = rows[i].initLanes(kLaneCount);
    for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
      auto target = lanes[static_cast<kj::uint>(lane)];
      target.setMessages(row.lanes[lane].messages);
      target.setBytes(row.lanes[lane].bytes);
      target.setOldestAcceptedAt(milliseconds_of(row.lanes[lane].oldest_accepted_at));
    }
  }
}

void write(format::Report::Builder root, const MessageReport& report) {
  auto target = root.initMessage();
  target.setMessage(data_of(report.message));
  auto places = target.initPlaces(static_cast<kj::uint>(report.places.size()));
  for (kj::uint i = 0; i < places.size(); ++i) {
    const MessagePlace& place = report.places[i];
    places[i].setIndex(place.index.value);
    places[i].setLeaf(place.leaf);
    places[i].setAcceptedAt(milliseconds_of(place.accepted_at));
    places[i].setSender(text_for(place.sender.text()));
    places[i].setRecipient(text_for(place.recipient.text()));
    places[i].setKind(static_cast<std::uint8_t>(place.kind));
    places[i].setLane(static_cast<std::uint8_t>(place.lane));
    places[i].setWhere(static_cast<std::uint8_t>(place.where));
    places[i].setRefused(number_of(place.refused));
  }
}

}  // namespace

void write_report(format::Report::Builder target, const Report& report) {
  std::visit([&](const auto& fields) { write(target, fields); }, report);
}

Result<Report> report_of(format::Report::Reader source) {
  switch (source.which()) {
    case format::Report::STATUS:
      return status_of(source.getStatus());
    case format::Report::FLOW: {
      KERUEN_TRY(auto rows, rows_of<FlowRow>(source.getFlow(), kRegistryAgenciesMax, flow_row_of));
      return FlowReport{std::move(rows)};
    }
    case format::Report::WAITING: {
      KERUEN_TRY(auto rows,
                 rows_of<WaitingRow>(source.getWaiting(), kRegistryAgenciesMax, waiting_row_of));
      return WaitingReport{std::move(rows)};
    }
    case format::Report::MESSAGE: {
      MessageReport report;
      KERUEN_TRY(report.message,
                 fixed_of<MessageId>(source.getMessage().getMessage(), "message id"));
      KERUEN_TRY(report.places, rows_of<MessagePlace>(source.getMessage().getPlaces(),
                                                      kMessagePlacesMax, place_of));
      return report;
    }
  }
  return fail(ErrorCode::unsupported, "a report not known here");
}

std::size_t words_for(const Report& report) {
  constexpr std::size_t kIdWords = words_for(kAgencyIdBytesMax);
  constexpr std::size_t kStatusWords = 64 + words_for(kOriginBytesMax);
  if (const auto* flow = std::get_if<FlowReport>(&report)) {
    return kStatusWords + flow->agencies.size() * (10 + kIdWords);
  }
  if (const auto* waiting = std::get_if<WaitingReport>(&report)) {
    return kStatusWords + waiting->agencies.size() * (6 + 3 * kLaneCount + kIdWords);
  }
  if (const auto* message = std::get_if<MessageReport>(&report)) {
    return kStatusWords + message->places.size() * (6 + 2 * kIdWords);
  }
  return kStatusWords + std::get<StatusReport>(report).log_keys_expire_at.size();
}

}  // namespace keruen::wire
