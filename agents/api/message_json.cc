#include "agents/api/message_json.h"

#include <nlohmann/json.hpp>

#include "schemas/content/instant.h"
#include "schemas/content/json.h"
#include "schemas/content/json_document.h"
#include "schemas/content/words.h"

namespace keruen::api {
namespace {

using Json = nlohmann::ordered_json;

std::string text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void put_time(Json& json, const char* name, const std::optional<WallTime>& time) {
  if (time && time->time_since_epoch().count() != 0) json[name] = content::instant_text(*time);
}

Json officer_json(const content::Author& officer) {
  Json json = {{"id", officer.officer.text}};
  if (!officer.name.empty()) json["name"] = officer.name;
  if (!officer.role.empty()) json["role"] = officer.role;
  if (!officer.unit.empty()) json["unit"] = officer.unit;
  return json;
}

Json recipient_json(const store::RecipientStatus& status) {
  Json json = {{"recipient", status.recipient.text()}, {"state", store::name_of(status.state)}};
  if (status.code) json["code"] = name_of(*status.code);
  if (status.log_index) json["log_index"] = status.log_index->value;
  put_time(json, "sealed_at", status.sealed_at);
  put_time(json, "accepted_at", status.accepted_at);
  put_time(json, "delivered_at", status.delivered_at);
  put_time(json, "read_at", status.read_at);
  if (status.read_by) json["read_by"] = officer_json(*status.read_by);
  put_time(json, "processed_at", status.processed_at);
  if (status.processed_by) json["processed_by"] = officer_json(*status.processed_by);
  if (status.processed_result) json["result"] = content::word_of(*status.processed_result);
  if (!status.processed_note.empty()) json["note"] = status.processed_note;
  if (status.parts.all > 0) {
    json["parts"] = {{"all", status.parts.all},
                     {"delivered", status.parts.delivered},
                     {"lost", status.parts.lost}};
  }
  return json;
}

Json summary_json(const store::Summary& summary) {
  Json json = {{"id", to_text(summary.message)},
               {"kind", name_of(summary.kind)},
               {"lane", name_of(summary.lane)},
               {"from", summary.from.text()}};
  json["to"] = Json::array();
  for (const AgencyId& agency : summary.to) json["to"].push_back(agency.text());
  json["subject"] = summary.subject;
  if (summary.fault) json["fault"] = name_of(*summary.fault);
  if (!summary.handling.empty()) json["handling"] = summary.handling;
  json["created_at"] = content::instant_text(summary.created_at);
  json["expires_at"] = content::instant_text(summary.expires_at);
  put_time(json, "accepted_at", summary.accepted_at);
  put_time(json, "arrived_at", summary.arrived_at);
  if (summary.arrived_at) {
    json["state"] = store::name_of(summary.state);
    json["late"] = summary.late;
  }
  json["attachments"] = summary.attachments;
  if (!summary.recipients.empty()) {
    json["recipients"] = Json::array();
    for (const auto& recipient : summary.recipients) {
      json["recipients"].push_back(recipient_json(recipient));
    }
  }
  return json;
}

const char* name_of_outcome(engine::RecallAnswer::Outcome outcome) {
  switch (outcome) {
    using enum engine::RecallAnswer::Outcome;
    case recalled:
      return "recalled";
    case asked_to_disregard:
      return "asked_to_disregard";
    case never_reached:
      return "never_reached";
    case gone:
      return "gone";
  }
  ensure(false, "an outcome outside its list");
  return "";
}

const char* name_of_key(engine::KeyLife::Kind kind) {
  switch (kind) {
    case engine::KeyLife::Kind::signing:
      return "signing";
    case engine::KeyLife::Kind::transport:
      return "transport";
    case engine::KeyLife::Kind::prekey:
      return "prekey";
    case engine::KeyLife::Kind::certificate:
      return "certificate";
    case engine::KeyLife::Kind::registry:
      return "registry";
  }
  return "";
}

// ---- reading ----

Error wrong(const std::string& place, const std::string& what) {
  return {ErrorCode::malformed, place + ": " + what};
}

// Refuses what the schema does not name, so that a misspelt field is never silently dropped.
Result<void> only_fields(const nlohmann::json& object, const std::string& place,
                         std::initializer_list<std::string_view> names) {
  if (!object.is_object()) return fail(wrong(place, "must be an object"));
  for (const auto& [name, value] : object.items()) {
    if (std::ranges::find(names, name) == names.end()) {
      return fail(wrong(place, "unknown field \"" + name + "\""));
    }
  }
  return {};
}

Result<std::string> text_field(const nlohmann::json& object, const std::string& place,
                               const char* name, std::size_t bytes_max) {
  const auto found = object.find(name);
  if (found == object.end()) return fail(wrong(place, std::string("\"") + name + "\" is missing"));
  if (!found->is_string()) {
    return fail(wrong(place + "." + name, "must be a text"));
  }
  auto value = found->get<std::string>();
  if (value.size() > bytes_max) {
    return fail(ErrorCode::too_large,
                place + "." + name + ": longer than " + std::to_string(bytes_max) + " bytes");
  }
  return value;
}

Result<nlohmann::json> parse_object(std::string_view body) {
  // Bounded in depth before a tree is made: writing a tree recurses, and would end the thread's
  // stack.
  auto parsed = content::parse_document(body);
  if (!parsed) return fail(parsed.error().code, "the request body: " + parsed.error().detail);
  nlohmann::json json = std::move(*parsed);
  if (!json.is_object()) return fail(ErrorCode::malformed, "the request body must be an object");
  return json;
}

Result<NamedUpload> parse_attachment(const nlohmann::json& json, const std::string& place) {
  KERUEN_CHECK(only_fields(json, place, {"upload", "name", "media_type"}));
  NamedUpload upload;
  KERUEN_TRY(upload.upload, text_field(json, place, "upload", 64));
  KERUEN_TRY(upload.name, text_field(json, place, "name", kNameBytesMax));
  upload.media_type = "application/octet-stream";
  if (json.contains("media_type")) {
    KERUEN_TRY(upload.media_type, text_field(json, place, "media_type", kNameBytesMax));
  }
  return upload;
}

}  // namespace

std::string status_json(const engine::Status& status,
                        const std::optional<std::vector<std::string>>& forwarder_faults) {
  Json link = {{"connected", status.connected},
               {"since", content::instant_text(status.link_since)}};
  if (status.link_fault) link["fault"] = *status.link_fault;
  if (status.clock_ahead) link["clock_ahead_milliseconds"] = status.clock_ahead->count();
  Json keys = Json::array();
  for (const auto& key : status.keys) {
    keys.push_back({{"kind", name_of_key(key.kind)},
                    {"id", key.id.hex()},
                    {"valid_until", content::instant_text(key.valid_until)}});
  }
  Json waiting = {{"messages", status.waiting_messages},
                  {"parts", status.waiting_parts},
                  {"for_key", status.waiting_for_key},
                  {"unaccepted_batches", status.unaccepted_batches}};
  put_time(waiting, "oldest", status.oldest_waiting);
  if (status.held) {
    Json held = {{"code", name_of(status.held->code)}, {"why", status.held->why}};
    put_time(held, "since", status.held->since);
    waiting["held"] = std::move(held);
  }
  Json json = {{"agency", status.agency.text()},
               {"origin", status.origin.text()},
               {"link", link},
               {"keys", keys},
               {"store_bytes", status.store_bytes},
               {"disk_free_bytes", status.disk_free_bytes},
               {"waiting", waiting},
               {"unread_messages", status.unread_messages},
               {"warnings", status.warnings}};
  if (status.keep) json["keep_days"] = status.keep->count();
  if (forwarder_faults) json["forwarder"] = {{"faults", *forwarder_faults}};
  return text(json);
}

std::string agencies_json(const certs::Registry& registry, const AgencyId& self) {
  Json agencies = Json::array();
  for (const auto& [id, agency] : registry.agencies()) {
    Json may_send = Json::array();
    for (const MessageKind kind :
         {MessageKind::notice, MessageKind::schedule, MessageKind::evidence}) {
      if (id != self && registry.allows(self, id, kind)) may_send.push_back(name_of(kind));
    }
    Json names = Json::object();
    for (const auto& [language, name] : agency.entry.names) names[language] = name;
    const bool active = agency.entry.status == wire::AgencyStatus::active;
    agencies.push_back({{"id", id.text()},
                        {"names", names},
                        {"status", active ? "active" : "suspended"},
                        {"may_send", may_send}});
  }
  Json groups = Json::array();
  for (const auto& [id, group] : registry.groups()) {
    Json members = Json::array();
    for (const AgencyId& member : group.members) members.push_back(member.text());
    groups.push_back({{"id", id.text()}, {"members", members}});
  }
  return text({{"agencies", agencies}, {"groups", groups}});
}

std::string page_json(const store::Page& page) {
  Json list = Json::array();
  for (const auto& summary : page.messages) list.push_back(summary_json(summary));
  return text({{"messages", list}, {"more", page.more}});
}

std::string message_json(const store::Message& message) {
  Json attachments = Json::array();
  for (const auto& attachment : message.attachments) {
    attachments.push_back({{"name", attachment.name},
                           {"media_type", attachment.media_type},
                           {"bytes", attachment.bytes},
                           {"sha256", attachment.digest.hex()},
                           {"parts", attachment.parts},
                           {"parts_here", attachment.parts_here}});
  }
  Json thread = Json::array();
  for (const MessageId& id : message.thread) thread.push_back(to_text(id));
  Json json = {{"summary", summary_json(message.summary)},
               {"content", Json::parse(content::to_json(message.content))},
               {"attachments", attachments},
               {"thread", thread}};
  if (message.summary.arrived_at) json["log_index"] = message.log_index.value;
  json["signing_key"] = message.signing_key.hex();
  return text(json);
}

std::string receipts_json(const MessageId& id,
                          const std::vector<store::RecipientStatus>& recipients) {
  Json list = Json::array();
  for (const auto& recipient : recipients) list.push_back(recipient_json(recipient));
  return text({{"id", to_text(id)}, {"recipients", list}});
}

std::string submitted_json(const engine::Submitted& submitted) {
  Json recipients = Json::array();
  for (const AgencyId& agency : submitted.recipients) recipients.push_back(agency.text());
  const bool stored = submitted.outcome == engine::Submitted::Outcome::stored;
  Json json = {{"id", to_text(submitted.message)},
               {"recipients", recipients},
               {"expires_at", content::instant_text(submitted.expires_at)},
               {"outcome", stored ? "stored" : "already_sent"}};
  for (const AgencyId& agency : submitted.left_out) json["left_out"].push_back(agency.text());
  return text(json);
}

std::string recall_json(const std::vector<engine::RecallAnswer>& answers) {
  Json list = Json::array();
  for (const auto& answer : answers) {
    list.push_back(
        {{"recipient", answer.recipient.text()}, {"outcome", name_of_outcome(answer.outcome)}});
  }
  return text({{"recipients", list}});
}

std::string ids_json(const std::vector<MessageId>& ids) {
  Json list = Json::array();
  for (const MessageId& id : ids) list.push_back(to_text(id));
  return text({{"ids", list}});
}

std::string event_json(const store::Event& event) {
  Json json = {{"number", event.number},
               {"type", store::name_of(event.type)},
               {"at", content::instant_text(event.at)}};
  if (event.message) {
    json["message"] = to_text(*event.message);
    json["kind"] = name_of(event.kind);
  }
  if (!event.agency.empty()) json["agency"] = event.agency.text();
  if (event.code) json["code"] = name_of(*event.code);
  if (!event.text.empty()) json["text"] = event.text;
  return text(json);
}

Result<ParsedSend> parse_send(std::string_view body) {
  KERUEN_TRY(const auto json, parse_object(body));
  KERUEN_CHECK(
      only_fields(json, "request", {"to", "lane", "expires_in_seconds", "content", "attachments"}));
  ParsedSend parsed;
  if (!json.contains("to") || !json["to"].is_array() || json["to"].empty()) {
    return fail(wrong("request.to", "name at least one agency or group"));
  }
  if (json["to"].size() > kRecipientsMax) {
    return fail(ErrorCode::too_large,
                "request.to: at most " + std::to_string(kRecipientsMax) + " recipients");
  }
  for (const auto& party : json["to"]) {
    if (!party.is_string()) return fail(wrong("request.to", "must hold texts"));
    KERUEN_TRY(auto id, PartyId::parse(party.get<std::string>()));
    parsed.request.to.push_back(std::move(id));
  }
  if (json.contains("lane")) {
    KERUEN_TRY(const auto name, text_field(json, "request", "lane", 16));
    const auto lane = lane_named(name);
    if (!lane) return fail(wrong("request.lane", "must be flash, urgent, routine or bulk"));
    parsed.request.lane = *lane;
  }
  if (json.contains("expires_in_seconds")) {
    const auto& seconds = json["expires_in_seconds"];
    const auto most = std::chrono::seconds(kExpiryMax).count();
    if (!seconds.is_number_integer() || seconds < 1 || seconds > most) {
      return fail(wrong("request.expires_in_seconds", "must be 1 to " + std::to_string(most)));
    }
    parsed.request.expires_in = std::chrono::seconds(seconds.get<std::int64_t>());
  }
  std::vector<std::string> attached;
  if (json.contains("attachments")) {
    const auto& attachments = json["attachments"];
    if (!attachments.is_array() || attachments.size() > kAttachmentsMax) {
      return fail(wrong("request.attachments",
                        "must be a list of at most " + std::to_string(kAttachmentsMax)));
    }
    for (std::size_t i = 0; i < attachments.size(); ++i) {
      const std::string place = "request.attachments[" + std::to_string(i) + "]";
      KERUEN_TRY(auto upload, parse_attachment(attachments[i], place));
      attached.push_back(upload.name);
      parsed.uploads.push_back(std::move(upload));
    }
  }
  if (!json.contains("content")) return fail(wrong("request", "\"content\" is missing"));
  KERUEN_TRY(parsed.request.content, content::content_from_json(json["content"].dump(), attached));
  // Who stated a receipt, and what is taken back with a recall, is not for a document to say.
  const auto& stated = parsed.request.content.body;
  if (std::holds_alternative<content::OfficerReceipt>(stated) ||
      std::holds_alternative<content::Recall>(stated)) {
    return fail(wrong("request.content.kind",
                      "only notices and schedules are sent here; for receipts and recalls post to "
                      "/v1/messages/{id}/read, /process or /recall"));
  }
  return parsed;
}

Result<engine::ProcessRequest> parse_process(std::string_view body) {
  KERUEN_TRY(const auto json, parse_object(body));
  KERUEN_CHECK(only_fields(json, "request", {"result", "note"}));
  engine::ProcessRequest request;
  KERUEN_TRY(const auto word, text_field(json, "request", "result", 16));
  const auto result = content::enumerator_of<content::ProcessResult>(word);
  if (!result) return fail(wrong("request.result", "must be done, refused or forwarded"));
  request.result = *result;
  if (json.contains("note")) {
    KERUEN_TRY(request.note, text_field(json, "request", "note", 4096));
  }
  return request;
}

}  // namespace keruen::api
