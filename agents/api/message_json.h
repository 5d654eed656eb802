// Requests and views of an agent as the JSON of schemas/api/openapi.yaml, and back.
// Shape: each function is one schema of that file.   Threads: pure functions.
//
// What comes in is read strictly: an unknown field, a wrong type or a word outside its list is
// malformed, and the detail names the place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agents/engine/requests.h"
#include "agents/store/views.h"
#include "certs/registry.h"

namespace keruen::api {

// `forwarder_faults`: empty where no forwarder runs.
[[nodiscard]] std::string status_json(
    const engine::Status& status, const std::optional<std::vector<std::string>>& forwarder_faults);
// `self` decides what may_send says.
[[nodiscard]] std::string agencies_json(const certs::Registry& registry, const AgencyId& self);
[[nodiscard]] std::string page_json(const store::Page& page);
[[nodiscard]] std::string message_json(const store::Message& message);
[[nodiscard]] std::string receipts_json(const MessageId& id,
                                        const std::vector<store::RecipientStatus>& recipients);
[[nodiscard]] std::string submitted_json(const engine::Submitted& submitted);
[[nodiscard]] std::string recall_json(const std::vector<engine::RecallAnswer>& answers);
[[nodiscard]] std::string ids_json(const std::vector<MessageId>& ids);
[[nodiscard]] std::string event_json(const store::Event& event);

// An attachment as the send request names it: an upload's token.
struct NamedUpload {
  std::string upload;
  std::string name;
  std::string media_type;
};
struct ParsedSend {
  engine::SubmitRequest request;  // its attachments are filled in from the uploads
  std::vector<NamedUpload> uploads;
};
[[nodiscard]] Result<ParsedSend> parse_send(std::string_view body);
// Message and officer are for the caller to fill in.
[[nodiscard]] Result<engine::ProcessRequest> parse_process(std::string_view body);

}  // namespace keruen::api
