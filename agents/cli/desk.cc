#include "agents/cli/desk.h"

#include <CLI/CLI.hpp>
#include <ctime>

#include "agents/api/routes.h"
#include "certs/random.h"
#include "schemas/content/instant.h"
#include "schemas/host/agent_config.h"
#include "schemas/host/clock.h"
#include "schemas/host/posix_disk.h"

namespace keruen::cli {
namespace {

Result<Json> parse_answer(const std::string& body) {
  if (body.empty()) return Json::object();
  auto json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) {
    return fail(ErrorCode::io_failed, "the agent's answer is not JSON; are both of one version?");
  }
  return json;
}

}  // namespace

Result<std::string> text_of_json(const Json& json) {
  try {
    return json.dump();
  } catch (const Json::type_error&) {
    return fail(ErrorCode::malformed, "a text in it is not UTF-8");
  }
}

Result<Desk> Desk::open(const Choice& choice) {
  if (choice.agent.empty()) {
    return fail(ErrorCode::malformed,
                "which agent? Write --agent FOLDER (the folder with agent.toml), or set "
                "KERUEN_AGENT once");
  }
  host::PosixDisk disk;
  std::string path = choice.agent;
  const auto status = disk.status(path);
  if (status && status->kind == host::EntryKind::other) {
    // An officer's account may use the agent, and not read what is in its folder.
    Desk desk;
    desk.client_ = std::make_unique<api::Client>(path);
    desk.name_ = path;
    return desk;
  }
  if (status && status->kind == host::EntryKind::directory) path += "/agent.toml";
  auto config = host::load_agent_config(disk, path);
  if (!config) {
    if (config.error().code == ErrorCode::denied) {
      return fail(ErrorCode::denied, config.error().detail +
                                         ": officers name the agent's socket instead, --agent "
                                         "SOCKET; the administrator knows where it is");
    }
    if (config.error().code != ErrorCode::not_found) return fail(config.error());
    return fail(ErrorCode::not_found, "no agent at \"" + choice.agent +
                                          "\": --agent names the folder with agent.toml, as "
                                          "`keruen agency init` made it");
  }
  Desk desk;
  desk.client_ = std::make_unique<api::Client>(config->socket_file);
  desk.name_ = config->agency.text();
  return desk;
}

Result<Json> Desk::get(const std::string& target) {
  KERUEN_TRY(const auto body, client_->get(target));
  return parse_answer(body);
}

Result<Json> Desk::post(const std::string& target, const Json& body) {
  KERUEN_TRY(const auto text, text_of_json(body));
  KERUEN_TRY(const auto answer, client_->post(target, text));
  return parse_answer(answer);
}

Result<Json> Desk::post_once(const std::string& target, const Json& body,
                             const std::string& idempotency_key) {
  KERUEN_TRY(const auto text, text_of_json(body));
  KERUEN_TRY(const auto answer, client_->post_once(target, text, idempotency_key));
  return parse_answer(answer);
}

Result<std::string> Desk::resolve(const std::string& id) {
  if (message_id_from_text(id)) return id;
  if (id.size() < 4) {
    return fail(ErrorCode::malformed, "\"" + printable(id, LineEnds::fold) +
                                          "\" is too short: give at least four characters of the "
                                          "message's id, as `keruen inbox` shows it");
  }
  KERUEN_TRY(const auto found, get("/v1/ids?like=" + api::percent_encoded(id)));
  const auto& ids = found["ids"];
  if (ids.empty()) {
    return fail(ErrorCode::not_found, "no message \"" + printable(id, LineEnds::fold) +
                                          "\": `keruen inbox` and `keruen sent` list what is here");
  }
  if (ids.size() > 1) {
    std::string list;
    for (const auto& each : ids) list += "\n  " + each.get<std::string>();
    return fail(ErrorCode::malformed,
                "\"" + id + "\" could be any of these; give more of it:" + list);
  }
  return ids[0].get<std::string>();
}

std::string draw_idempotency_key() {
  struct KeyTag;
  certs::SystemRandomness randomness;
  return randomness.draw<FixedBytes<KeyTag, 16>>().hex();
}

Result<MessageAddress> message_address(Desk& desk, const MessageName& name) {
  KERUEN_TRY(const auto id, desk.resolve(name.id));
  const std::string query = name.from.empty() ? "" : "?from=" + api::percent_encoded(name.from);
  return [path = "/v1/messages/" + id, query](const std::string& below) {
    return path + below + query;
  };
}

void add_sender_option(CLI::App& verb, std::string& from) {
  verb.add_option("--from", from, "who sent it, where several agencies used its id")
      ->check(utf8_text());
}

std::string short_id(const std::string& id) {
  return id.size() > 8 ? id.substr(id.size() - 8) : id;
}

std::int64_t seconds_since(const std::string& instant) {
  const auto then = content::instant_from_text(instant);
  if (!then) return 0;
  const auto now = host::SystemClock().now().wall;
  return std::chrono::duration_cast<std::chrono::seconds>(now - *then).count();
}

namespace {

std::string local_time(const std::string& instant, const char* format) {
  const auto moment = content::instant_from_text(instant);
  if (!moment) return "-";
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(moment->time_since_epoch()).count();
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[64];
  std::strftime(text, sizeof text, format, &local);
  return text;
}

}  // namespace

std::string short_time(const std::string& instant) {
  const std::string year = local_time(instant, "%Y");
  const bool is_this_year =
      year == local_time(content::instant_text(host::SystemClock().now().wall), "%Y");
  return local_time(instant, is_this_year ? "%d %b %H:%M" : "%d %b %Y %H:%M");
}

std::string full_time(const std::string& instant) {
  return local_time(instant, "%d %b %Y %H:%M (UTC%z)");
}

std::string age_words(std::int64_t seconds) {
  const std::int64_t age = seconds < 0 ? -seconds : seconds;
  const auto count = [](std::int64_t number, const char* unit) {
    return std::to_string(number) + " " + unit + (number == 1 ? "" : "s");
  };
  if (age < 60) return count(age, "second");
  if (age < 3600) return count(age / 60, "minute");
  if (age < 48 * 3600) return count(age / 3600, "hour");
  return count(age / 86400, "day");
}

std::string size_words(std::uint64_t bytes) {
  constexpr std::uint64_t kKibi = 1024;
  if (bytes < kKibi) return std::to_string(bytes) + " bytes";
  if (bytes < kKibi * kKibi) return std::to_string(bytes / kKibi) + " KiB";
  if (bytes < kKibi * kKibi * kKibi) return std::to_string(bytes / kKibi / kKibi) + " MiB";
  return std::to_string(bytes / kKibi / kKibi / kKibi) + " GiB";
}

}  // namespace keruen::cli
