#include "agents/api/routes.h"

#include <charconv>

#include "agents/api/message_json.h"
#include "agents/api/problem.h"
#include "certs/hash.h"
#include "schemas/content/json.h"

namespace keruen::api {
namespace {

constexpr const char* kJson = "application/json";
constexpr std::size_t kJsonBodyBytesMax = 2 * 1024 * 1024;
constexpr std::size_t kTargetBytesMax = 2048;
constexpr std::size_t kIdempotencyKeyBytesMax = 128;

Response json_response(unsigned status, std::string body) {
  return {status, kJson, std::move(body)};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  while (true) {
    const auto end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return pieces;
    text.remove_prefix(end + 1);
  }
}

Result<MessageId> message_id(std::string_view text) {
  if (const auto id = message_id_from_text(text)) return *id;
  return fail(ErrorCode::malformed, "\"" + std::string(text.substr(0, 40)) +
                                        "\" is not a message id like "
                                        "0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a");
}

// A structured field's string, or the same without its quotes, as many clients write it.
Result<std::string_view> key_in(std::string_view value) {
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) {
    value = value.substr(1, value.size() - 2);
  }
  const auto is_plain = [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  if (value.empty() || value.size() > kIdempotencyKeyBytesMax ||
      !std::ranges::all_of(value, is_plain)) {
    return fail(ErrorCode::malformed,
                "Idempotency-Key: must be 1 to " + std::to_string(kIdempotencyKeyBytesMax) +
                    " visible ASCII characters without quotes and backslashes, like a UUID");
  }
  return value;
}

// The key is the officer's own. What makes two requests the same leaves the uploads' tokens out: a
// file that was handed in anew has another (Routes::repeat compares the files).
Result<engine::DuplicateKey> once_under(std::string_view header, const content::Author& officer,
                                        const ParsedSend& parsed) {
  KERUEN_TRY(const auto key, key_in(header));
  const auto& request = parsed.request;
  certs::Sha256 hash;
  const auto add = [&](std::string_view text) { hash.add(certs::sha256(bytes_of(text)).view()); };
  add(content::to_json(request.content));
  add(name_of(request.lane));
  add(request.expires_in ? std::to_string(request.expires_in->count()) : "");
  add(std::to_string(request.to.size()));
  for (const auto& party : request.to) add(party.text());
  for (const NamedUpload& upload : parsed.uploads) {
    add(upload.name);
    add(upload.media_type);
  }
  return engine::DuplicateKey{"request " + officer.officer.text + " " + std::string(key),
                              hash.finish(), 0, engine::DuplicateKey::Renewal::never};
}

}  // namespace

// A target taken apart: decoded path segments below /v1, decoded query.
struct Routes::Call {
  std::vector<std::string> path;
  std::map<std::string, std::string> query;

  static Result<Call> parse(std::string_view target) {
    if (target.size() > kTargetBytesMax) {
      return fail(ErrorCode::too_large, "the request target is longer than 2048 bytes");
    }
    Call call;
    const auto mark = target.find('?');
    const auto path = target.substr(0, mark);
    if (!path.starts_with("/v1/")) {
      return fail(ErrorCode::not_found, "no such path: everything stands below /v1/");
    }
    for (const auto segment : split(path.substr(4), '/')) {
      KERUEN_TRY(auto decoded, percent_decoded(segment));
      call.path.push_back(std::move(decoded));
    }
    if (mark == std::string_view::npos) return call;
    for (const auto pair : split(target.substr(mark + 1), '&')) {
      if (pair.empty()) continue;
      const auto equals = pair.find('=');
      KERUEN_TRY(auto name, percent_decoded(pair.substr(0, equals)));
      const auto raw = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
      KERUEN_TRY(auto value, percent_decoded(raw));
      if (!call.query.emplace(std::move(name), std::move(value)).second) {
        return fail(ErrorCode::malformed, "a query parameter stands twice");
      }
    }
    return call;
  }

  [[nodiscard]] bool is(std::initializer_list<std::string_view> segments) const {
    return std::ranges::equal(path, segments);
  }
  // Whose message is meant, where several agencies used one id.
  [[nodiscard]] Result<std::optional<AgencyId>> from(std::string_view name = "from") const {
    const auto value = query.find(std::string(name));
    if (value == query.end()) return std::optional<AgencyId>();
    auto agency = AgencyId::parse(value->second);
    if (!agency) {
      return fail(ErrorCode::malformed, std::string(name) + ": " + agency.error().detail);
    }
    return std::optional<AgencyId>(std::move(*agency));
  }
  [[nodiscard]] Result<void> only(std::initializer_list<std::string_view> names) const {
    for (const auto& [name, value] : query) {
      if (std::ranges::find(names, name) == names.end()) {
        return fail(ErrorCode::malformed, "unknown query parameter \"" + name + "\"");
      }
    }
    return {};
  }
};

Routes::Routes(engine::EngineThread& engine, store::Reader& reader, Uploads& uploads, AgencyId self,
               Faults forwarder_faults)
    : engine_(engine),
      reader_(reader),
      uploads_(uploads),
      self_(std::move(self)),
      forwarder_faults_(std::move(forwarder_faults)) {}

Error Routes::key_is_of_no_use() {
  return {ErrorCode::unsupported, "Idempotency-Key is for sending a message only"};
}

Response Routes::refuse(const Error& error) {
  return {http_status_of(error.code), kProblemMediaType, problem_json(error)};
}

Result<Plan> Routes::plan(Method method, std::string_view target) const {
  KERUEN_TRY(const auto call, Call::parse(target));
  const auto only_with = [&](Method wanted, Plan plan) -> Result<Plan> {
    if (method == wanted) return plan;
    return fail(ErrorCode::unsupported,
                std::string("this path takes ") + (wanted == Method::get ? "GET" : "POST"));
  };
  const Plan read = Plain{0};
  const Plan write = Plain{kJsonBodyBytesMax};
  if (call.is({"status"}) || call.is({"agencies"}) || call.is({"ids"})) {
    return only_with(Method::get, read);
  }
  if (call.is({"events"})) return only_with(Method::get, StreamEvents{});
  if (call.is({"uploads"})) return only_with(Method::post, StreamUpload{});
  if (call.is({"messages"})) return method == Method::get ? read : write;
  if (call.path.size() >= 2 && call.path[0] == "messages") {
    KERUEN_TRY(const auto id, message_id(call.path[1]));
    if (call.path.size() == 2) return only_with(Method::get, read);
    if (call.path.size() == 3) {
      const std::string& verb = call.path[2];
      if (verb == "receipts") return only_with(Method::get, read);
      if (verb == "read" || verb == "process" || verb == "recall") {
        return only_with(Method::post, write);
      }
    }
    if (call.path.size() == 4 && call.path[2] == "attachments") {
      KERUEN_CHECK(call.only({"from"}));
      KERUEN_TRY(auto from, call.from());
      return only_with(Method::get, StreamAttachment{id, call.path[3], std::move(from)});
    }
  }
  return fail(ErrorCode::not_found, "no such path; the API is described in openapi.yaml");
}

Response Routes::serve(const Request& request) {
  const auto call = Call::parse(request.target);
  if (!call) return refuse(call.error());
  if (request.idempotency_key && !(request.method == Method::post && call->is({"messages"}))) {
    return refuse(key_is_of_no_use());
  }
  auto response = dispatch(*call, request);
  return response ? std::move(*response) : refuse(response.error());
}

Result<Response> Routes::dispatch(const Call& call, const Request& request) {
  if (call.is({"status"})) {
    KERUEN_TRY(const auto status, engine_.status());
    std::optional<std::vector<std::string>> faults;
    if (forwarder_faults_) faults = forwarder_faults_();
    return json_response(200, status_json(status, faults));
  }
  if (call.is({"agencies"})) {
    const auto registry = engine_.registry();
    if (!registry) {
      return fail(ErrorCode::not_found,
                  "no registry has arrived yet: it comes with the first connection");
    }
    return json_response(200, agencies_json(*registry, self_));
  }
  if (call.is({"ids"})) {
    const auto like = call.query.find("like");
    if (like == call.query.end() || like->second.size() < 4 || like->second.size() > 36) {
      return fail(ErrorCode::malformed, "like: give 4 to 36 characters of a message id");
    }
    KERUEN_TRY(const auto ids, reader_.ids_like(like->second));
    return json_response(200, ids_json(ids));
  }
  if (call.is({"messages"})) {
    return request.method == Method::get ? list(call) : send(request);
  }
  return on_message(call, request);
}

Result<Response> Routes::list(const Call& call) {
  KERUEN_CHECK(call.only({"folder", "before", "before_from", "most", "state", "kind"}));
  store::ListQuery query;
  for (const auto& [name, value] : call.query) {
    if (name == "folder") {
      if (value != "inbox" && value != "sent") {
        return fail(ErrorCode::malformed, "folder: must be inbox or sent");
      }
      query.folder = value == "inbox" ? store::Folder::inbox : store::Folder::sent;
    } else if (name == "before") {
      KERUEN_TRY(query.before, message_id(value));
    } else if (name == "before_from") {
      KERUEN_TRY(query.before_from, call.from(name));
    } else if (name == "most") {
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), query.most);
      if (error != std::errc() || end != value.data() + value.size() || query.most < 1 ||
          query.most > 500) {
        return fail(ErrorCode::malformed, "most: must be 1 to 500");
      }
    } else if (name == "state") {
      for (const auto state : {store::ReadState::unread, store::ReadState::read,
                               store::ReadState::processed, store::ReadState::recalled}) {
        if (store::name_of(state) == value) query.state = state;
      }
      if (!query.state) {
        return fail(ErrorCode::malformed, "state: must be unread, read, processed or recalled");
      }
    } else {
      query.kind = message_kind_named(value);
      if (!query.kind) {
        return fail(ErrorCode::malformed, "kind: must be notice, schedule or evidence");
      }
    }
  }
  if (!call.query.contains("folder")) {
    return fail(ErrorCode::malformed, "folder: must be given, inbox or sent");
  }
  if (query.before_from && !query.before) {
    return fail(ErrorCode::malformed, "before_from: says whose message `before` names; give that");
  }
  KERUEN_TRY(const auto page, reader_.list(query));
  return json_response(200, page_json(page));
}

Result<Response> Routes::send(const Request& request) {
  KERUEN_TRY(auto parsed, parse_send(request.body));
  auto& submission = parsed.request;
  auto& author = submission.content.header.author;
  if (request.idempotency_key) {
    // Her name and unit may be written otherwise by the time she repeats it.
    author = {request.officer.officer, "", "", ""};
    KERUEN_TRY(submission.once, once_under(*request.idempotency_key, request.officer, parsed));
  }
  // Who wrote it is the account's officer, whatever the document says.
  author = request.officer;
  for (const NamedUpload& upload : parsed.uploads) {
    auto path = uploads_.path_of(upload.upload);
    if (!path && submission.once) {
      // The message that this repeats has used it.
      KERUEN_TRY(const auto before, engine_.sent_before(*submission.once, submission.to));
      if (before) return repeat(*before, parsed.uploads);
    }
    if (!path) return fail(std::move(path).error());
    submission.attachments.push_back({upload.name, upload.media_type, std::move(*path)});
  }
  KERUEN_TRY(const auto submitted, engine_.submit(submission));
  if (submitted.outcome == engine::Submitted::Outcome::already_sent) {
    return repeat(submitted, parsed.uploads);
  }
  for (const NamedUpload& upload : parsed.uploads) uploads_.remove(upload.upload);
  return json_response(201, submitted_json(submitted));
}

Result<Response> Routes::repeat(const engine::Submitted& before,
                                const std::vector<NamedUpload>& uploads) {
  KERUEN_CHECK(check_same_files(before.message, uploads));
  for (const NamedUpload& upload : uploads) uploads_.remove(upload.upload);
  return json_response(200, submitted_json(before));
}

Result<void> Routes::check_same_files(const MessageId& message,
                                      const std::vector<NamedUpload>& uploads) {
  std::vector<std::pair<std::string, Digest>> given;  // those that the message did not use up
  for (const NamedUpload& upload : uploads) {
    const auto digest = uploads_.digest_of(upload.upload);
    if (digest) given.emplace_back(upload.name, *digest);
  }
  if (given.empty()) return {};
  KERUEN_CHECK(engine_.publish());
  const auto sent = reader_.message(message, self_);
  if (!sent && sent.error().code == ErrorCode::not_found) return {};  // its content is gone by now
  if (!sent) return fail(sent.error());
  for (const auto& [name, digest] : given) {
    const auto is_it = [&name = name, &digest = digest](const store::AttachmentStatus& attachment) {
      return attachment.name == name && attachment.digest == digest;
    };
    if (std::ranges::none_of(sent->attachments, is_it)) {
      return fail(ErrorCode::malformed, "message " + to_text(message) +
                                            " was sent under this key with another file \"" + name +
                                            "\"; give each message its own key");
    }
  }
  return {};
}

Result<Response> Routes::on_message(const Call& call, const Request& request) {
  KERUEN_TRY(const auto id, message_id(call.path.at(1)));
  const bool is_of_ours = call.is({"messages", call.path[1], "receipts"}) ||
                          call.is({"messages", call.path[1], "recall"});
  KERUEN_CHECK(is_of_ours ? call.only({}) : call.only({"from"}));
  KERUEN_TRY(auto from, call.from());
  if (call.path.size() == 2) {
    KERUEN_TRY(const auto message, reader_.message(id, from));
    return json_response(200, message_json(message));
  }
  const std::string& verb = call.path[2];
  if (verb == "receipts") {
    KERUEN_TRY(const auto recipients, reader_.receipts(id));
    return json_response(200, receipts_json(id, recipients));
  }
  if (verb == "recall") {
    KERUEN_TRY(const auto answers, engine_.recall({id}));
    return json_response(200, recall_json(answers));
  }
  if (verb == "read") {
    KERUEN_CHECK(engine_.mark_read({id, request.officer, std::move(from)}));
    return Response{204, "", ""};
  }
  KERUEN_TRY(auto process, parse_process(request.body));
  process.message = id;
  process.officer = request.officer;
  process.from = std::move(from);
  KERUEN_CHECK(engine_.mark_processed(std::move(process)));
  return Response{204, "", ""};
}

Result<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char character = text[i];
    if (character == '%') {
      std::uint8_t byte = 0;
      const char* begin = text.data() + i + 1;
      if (i + 2 >= text.size() || std::from_chars(begin, begin + 2, byte, 16).ptr != begin + 2) {
        return fail(ErrorCode::malformed, "a % in the target is not followed by two hex digits");
      }
      character = static_cast<char>(byte);
      i += 2;
    }
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) {
      return fail(ErrorCode::malformed, "the target holds a control character");
    }
    decoded.push_back(character);
  }
  return decoded;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded.push_back(c);
    } else {
      encoded += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace keruen::api
