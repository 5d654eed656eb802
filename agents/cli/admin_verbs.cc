#include <CLI/CLI.hpp>
#include <csignal>
#include <thread>

#include "agents/authority/agency_files.h"
#include "agents/cli/desk.h"
#include "agents/cli/passphrase.h"
#include "agents/monitor/operator_session.h"
#include "certs/key_file.h"
#include "schemas/content/instant.h"
#include "schemas/host/operator_config.h"
#include "schemas/host/posix_disk.h"

namespace keruen::cli {
namespace {

using Ordered = nlohmann::ordered_json;

constexpr std::chrono::seconds kFollowEvery{2};

Result<certs::TransportKeyPair> load_operator_key(host::Disk& disk,
                                                  const host::OperatorConfig& config) {
  KERUEN_TRY(const auto unlock,
             unlock_with(disk, config.credential_file, "the operator's key", Ask::once));
  KERUEN_TRY(const auto secret, certs::load_key(disk, config.key_file,
                                                authority::operator_purpose(config.name), unlock));
  return certs::TransportKeyPair::from_secret(secret.view());
}

std::string moment(WallTime time) {
  return milliseconds_of(time) == 0 ? "" : content::instant_text(time);
}

std::string when(WallTime time) {
  return milliseconds_of(time) == 0 ? "-" : short_time(content::instant_text(time));
}

// ---- as JSON ----

Ordered json_of(const wire::StatusReport& report) {
  Ordered json = {{"origin", report.origin.text()},
                  {"broker_time", moment(report.broker_time)},
                  {"started_at", moment(report.started_at)},
                  {"log_entries", report.log_entries},
                  {"checkpoint_size", report.checkpoint_size},
                  {"log_bytes", report.log_bytes},
                  {"disk_free_bytes", report.disk_free_bytes},
                  {"registry_version", report.registry_version.value},
                  {"registry_expires_at", moment(report.registry_expires_at)},
                  {"agencies", report.agencies},
                  {"connected", report.connected}};
  if (report.fault) json["fault"] = name_of(*report.fault);
  return json;
}

Ordered json_of(const wire::FlowReport& report) {
  Ordered rows = Ordered::array();
  for (const auto& row : report.agencies) {
    rows.push_back({{"agency", row.agency.text()},
                    {"connected", row.connected},
                    {"since", moment(row.since)},
                    {"accepted_messages", row.accepted_messages},
                    {"accepted_bytes", row.accepted_bytes},
                    {"delivered_messages", row.delivered_messages},
                    {"delivered_bytes", row.delivered_bytes},
                    {"refused_messages", row.refused_messages},
                    {"keys_expire_at", moment(row.keys_expire_at)}});
  }
  return {{"agencies", rows}};
}

Ordered json_of(const wire::WaitingReport& report) {
  Ordered rows = Ordered::array();
  for (const auto& row : report.agencies) {
    Ordered lanes = Ordered::object();
    for (std::size_t i = 0; i < kLaneCount; ++i) {
      const auto& lane = row.lanes[i];
      lanes[std::string(name_of(static_cast<Lane>(i)))] = {
          {"messages", lane.messages},
          {"bytes", lane.bytes},
          {"oldest_accepted_at", moment(lane.oldest_accepted_at)}};
    }
    rows.push_back({{"agency", row.agency.text()}, {"connected", row.connected}, {"lanes", lanes}});
  }
  return {{"agencies", rows}};
}

const char* words_of(wire::Whereabouts where) {
  switch (where) {
    case wire::Whereabouts::waiting:
      return "waiting";
    case wire::Whereabouts::handed_over:
      return "handed over";
    case wire::Whereabouts::refused:
      return "refused";
    case wire::Whereabouts::expired:
      return "expired";
  }
  return "";
}

Ordered json_of(const wire::MessageReport& report) {
  Ordered places = Ordered::array();
  for (const auto& place : report.places) {
    Ordered json = {{"log_index", place.index.value},
                    {"leaf", place.leaf},
                    {"accepted_at", moment(place.accepted_at)},
                    {"sender", place.sender.text()},
                    {"recipient", place.recipient.text()},
                    {"kind", name_of(place.kind)},
                    {"lane", name_of(place.lane)},
                    {"where", words_of(place.where)}};
    if (place.refused) json["refused"] = name_of(*place.refused);
    places.push_back(std::move(json));
  }
  return {{"message", to_text(report.message)}, {"places", places}};
}

// ---- in words ----

std::string text_of(const wire::StatusReport& report, const Terminal& terminal) {
  const auto now = report.broker_time;
  const auto seconds = [&](WallTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(now - time).count();
  };
  std::string text = terminal.paint(Tone::strong, "Broker of " + report.origin.text()) + "\n";
  text += "Running for " + age_words(seconds(report.started_at)) + "; " +
          std::to_string(report.connected) + " of " + std::to_string(report.agencies) +
          " agencies connected.\n";
  text += "Log: " + std::to_string(report.log_entries) + " entries, " +
          size_words(report.log_bytes) + "; the signed checkpoint covers " +
          std::to_string(report.checkpoint_size) +
          ". Disk free: " + size_words(report.disk_free_bytes) + ".\n";
  const std::int64_t over_for = seconds(report.registry_expires_at);
  const std::string registry = "Registry version " + std::to_string(report.registry_version.value);
  if (report.registry_version.value == 0) {
    text += terminal.paint(Tone::bad, "No registry yet: nobody can connect.") + "\n";
  } else if (over_for >= 0) {
    text +=
        terminal.paint(Tone::bad, registry + " ran out " + age_words(over_for) + " ago.") + "\n";
  } else {
    text += registry + ", valid for " + age_words(over_for) + ".\n";
  }
  if (report.fault) {
    text += terminal.paint(Tone::bad,
                           "New messages are refused: " + std::string(cause_of(*report.fault)) +
                               " " + std::string(remedy_of(*report.fault))) +
            "\n";
  }
  return text;
}

std::string text_of(const wire::FlowReport& report, const Terminal& terminal) {
  Table table({"AGENCY", "LINK", "SINCE", "SENT", "REFUSED", "RECEIVED", "KEYS UNTIL"});
  for (const auto& row : report.agencies) {
    table.add({{row.agency.text()},
               {row.connected ? "up" : "down", row.connected ? Tone::good : Tone::warning},
               {when(row.since)},
               {std::to_string(row.accepted_messages)},
               {std::to_string(row.refused_messages),
                row.refused_messages > 0 ? Tone::warning : Tone::plain},
               {std::to_string(row.delivered_messages)},
               {when(row.keys_expire_at)}});
  }
  constexpr const char* kSinceWhen =
      "Sent, refused and received since the broker started; `keruen admin status` says how long "
      "it runs.";
  std::string text;
  for (const auto& line : wrapped(kSinceWhen, terminal.text_columns())) text += line + "\n";
  return text + table.render(terminal);
}

std::string text_of(const wire::WaitingReport& report, const Terminal& terminal) {
  Table table({"AGENCY", "LINK", "LANE", "WAITING", "SIZE", "OLDEST"});
  for (const auto& row : report.agencies) {
    for (std::size_t i = 0; i < kLaneCount; ++i) {
      const auto& lane = row.lanes[i];
      if (lane.messages == 0) continue;
      table.add({{row.agency.text()},
                 {row.connected ? "up" : "down", row.connected ? Tone::good : Tone::warning},
                 {std::string(name_of(static_cast<Lane>(i)))},
                 {std::to_string(lane.messages)},
                 {size_words(lane.bytes)},
                 {age_words(seconds_since(content::instant_text(lane.oldest_accepted_at)))}});
    }
  }
  return table.empty() ? "Nothing waits.\n" : table.render(terminal);
}

std::string text_of(const wire::MessageReport& report, const Terminal& terminal) {
  Table table({"ENTRY", "ACCEPTED", "FROM", "TO", "KIND", "LANE", "WHERE"});
  for (const auto& place : report.places) {
    std::string where = words_of(place.where);
    if (place.refused) where += ": " + std::string(name_of(*place.refused));
    table.add({{std::to_string(place.index.value)},
               {when(place.accepted_at)},
               {place.sender.text()},
               {place.recipient.text()},
               {std::string(name_of(place.kind))},
               {std::string(name_of(place.lane))},
               {where}});
  }
  return table.empty() ? "This message is not in the log.\n" : table.render(terminal);
}

struct AdminOptions {
  std::string broker;
  std::string message;
  bool follow = false;
};

Result<wire::OperatorQuery> query_of(wire::ReportKind kind, const AdminOptions& options) {
  wire::OperatorQuery query;
  query.kind = kind;
  if (kind != wire::ReportKind::message) return query;
  const auto id = message_id_from_text(options.message);
  if (!id) return fail(ErrorCode::malformed, "give the whole message id, as its sender sees it");
  query.message = *id;
  return query;
}

ExitCode report(const Choice& choice, wire::ReportKind kind, const AdminOptions& options) {
  host::PosixDisk disk;
  const auto config = host::load_operator_config(disk, options.broker);
  if (!config) return choice.explain(config.error(), During::local_work);
  const auto query = query_of(kind, options);
  if (!query) return choice.explain(query.error(), During::local_work);
  const auto key = load_operator_key(disk, *config);
  if (!key) return choice.explain(key.error(), During::local_work);
  const monitor::BrokerAddress address{{config->broker_endpoint, config->broker_key},
                                       config->origin};
  auto session = monitor::OperatorSession::open(address, *key);
  if (!session) return choice.explain(session.error(), During::reaching);
  while (true) {
    const auto answer = (*session)->ask(*query);
    if (!answer) {
      // A broker whose disk fails says so in its report and answers no question with it.
      const bool unanswered = answer.error().code == ErrorCode::io_failed;
      return choice.explain(answer.error(), unanswered ? During::reaching : During::agent_request);
    }
    const std::string text = std::visit(
        [&](const auto& each) {
          return choice.json ? json_of(each).dump() + "\n" : text_of(each, choice.terminal);
        },
        *answer);
    if (options.follow && choice.terminal.is_interactive() && !choice.json) {
      choice.terminal.print("\033[H\033[2J");
    }
    choice.terminal.print(text);
    if (!options.follow || !choice.terminal.can_print()) return ExitCode::ok;
    std::this_thread::sleep_for(kFollowEvery);
  }
}

}  // namespace

void add_admin_verbs(CLI::App& app, Choice& choice) {
  CLI::App* admin =
      app.add_subcommand("admin", "What an administrator sees of the broker; never content");
  admin->footer(with_example("keruen admin status --broker admin.toml", ""));
  admin->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, wire::ReportKind kind) {
    CLI::App* verb = admin->add_subcommand(name, help);
    verb->footer(with_example(
        std::string("keruen admin ") + name + " --broker admin.toml" +
            (kind == wire::ReportKind::message ? " 0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a" : ""),
        ""));
    auto options = std::make_shared<AdminOptions>();
    verb->add_option("--broker", options->broker, "the operator's admin.toml")->required();
    if (kind == wire::ReportKind::message) {
      verb->add_option("ID", options->message, "the whole message id")->required();
    } else {
      verb->add_flag("--follow", options->follow, "again every two seconds");
    }
    verb->callback([&choice, kind, options] {
      choice.run = [&choice, kind, options] { return report(choice, kind, *options); };
    });
  };
  add("status", "The broker in a few lines", wire::ReportKind::status);
  add("flow", "Per agency: link, keys; sent, refused, received since the broker started",
      wire::ReportKind::flow);
  add("waiting", "Per agency and lane: what waits, and for how long", wire::ReportKind::waiting);
  add("message", "Where one message is", wire::ReportKind::message);
}

}  // namespace keruen::cli
