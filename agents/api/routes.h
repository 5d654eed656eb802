// What each path of the API does, without a socket: a request in, an answer out.
// Shape: plain values; bodies are whole JSON documents. Uploads, attachments and the event stream,
// which are too long for that, are named here and streamed by the session.
// Threads: one Routes per connection; the EngineThread behind it serves many.
// Source: schemas/api/openapi.yaml; for Idempotency-Key draft-ietf-httpapi-idempotency-key-header.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include "agents/api/uploads.h"
#include "agents/engine/engine_thread.h"
#include "agents/store/reader.h"

namespace keruen::host {
class Clock;
}

namespace keruen::api {

struct NamedUpload;

enum class Method : std::uint8_t { get, post };

struct Request {
  Method method = Method::get;
  std::string target;  // path and query, percent-encoded as received
  std::string body;
  content::Author officer;                     // who the caller's account is
  std::optional<std::string> idempotency_key;  // the header's value as it came
};

struct Response {
  unsigned status = 200;
  std::string media_type;
  std::string body;
};

// What a target asks for, before its body is read.
struct Plain {
  std::size_t body_bytes_max = 0;
};
struct StreamUpload {};
struct StreamAttachment {
  MessageId message;
  std::string name;
  std::optional<AgencyId> from;
};
struct StreamEvents {};
using Plan = std::variant<Plain, StreamUpload, StreamAttachment, StreamEvents>;

class Routes {
 public:
  using Faults = std::function<std::vector<std::string>()>;
  // `forwarder_faults` as in ServerOptions.
  Routes(engine::EngineThread& engine, store::Reader& reader, Uploads& uploads, AgencyId self,
         Faults forwarder_faults = {});

  // not_found: no such path; unsupported: not with this method.
  [[nodiscard]] Result<Plan> plan(Method method, std::string_view target) const;
  // Serves what plan() called Plain; refusals come as problem documents.
  [[nodiscard]] Response serve(const Request& request);

  [[nodiscard]] static Response refuse(const Error& error);
  // Where another request than one to send a message has an Idempotency-Key.
  [[nodiscard]] static Error key_is_of_no_use();

 private:
  struct Call;
  [[nodiscard]] Result<Response> dispatch(const Call& call, const Request& request);
  [[nodiscard]] Result<Response> list(const Call& call);
  [[nodiscard]] Result<Response> send(const Request& request);
  // A request whose message is there already. malformed: with other files.
  [[nodiscard]] Result<Response> repeat(const engine::Submitted& before,
                                        const std::vector<NamedUpload>& uploads);
  [[nodiscard]] Result<void> check_same_files(const MessageId& message,
                                              const std::vector<NamedUpload>& uploads);
  [[nodiscard]] Result<Response> on_message(const Call& call, const Request& request);

  engine::EngineThread& engine_;
  store::Reader& reader_;
  Uploads& uploads_;
  AgencyId self_;
  Faults forwarder_faults_;
};

// "%20" to a space; malformed: a broken escape or a control character.
[[nodiscard]] Result<std::string> percent_decoded(std::string_view text);
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace keruen::api
