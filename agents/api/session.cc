#include "agents/api/session.h"

#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "agents/api/deadline_stream.h"
#include "agents/api/message_json.h"
#include "schemas/host/clock.h"
#include "schemas/host/journal.h"

namespace keruen::api {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::uint32_t kHeaderBytesMaxHttp = 16 * 1024;
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::chrono::seconds kRequestDeadline{10};
constexpr std::chrono::seconds kIdleDeadline{60};
constexpr std::chrono::seconds kPieceDeadline{30};
constexpr std::chrono::seconds kHeartbeatEvery{15};
constexpr std::size_t kEventsPerRead = 256;
constexpr const char* kIdempotencyKey = "Idempotency-Key";

using HeaderParser = http::request_parser<http::empty_body>;
enum class Connection : std::uint8_t { keep, close };

}  // namespace

struct Session::State {
  DeadlineStream stream;
  content::Author officer;
  std::unique_ptr<store::Reader> reader;
  Doors doors;
  Routes routes;
  boost::beast::flat_buffer buffer{kHeaderBytesMaxHttp + kPieceBytes};

  State(int descriptor, content::Author who, std::unique_ptr<store::Reader> store_reader,
        Doors given)
      : stream(descriptor),
        officer(std::move(who)),
        reader(std::move(store_reader)),
        doors(std::move(given)),
        routes(doors.engine, *reader, doors.uploads, doors.self, doors.forwarder_faults) {}

  Connection serve_one();
  Connection answer(const Response& response, Connection wanted);
  Connection plain(HeaderParser& header, const Plain& plan, Connection wanted);
  Connection upload(HeaderParser& header, Connection wanted);
  Connection attachment(const StreamAttachment& wanted_file, Connection wanted);
  Connection events(std::optional<std::uint64_t> after);
  bool write_text(std::string_view text);
  Result<std::unique_ptr<Uploads::Writer>> receive(HeaderParser& header);
};

Connection Session::State::answer(const Response& response, Connection wanted) {
  http::response<http::string_body> message;
  message.version(11);
  message.result(response.status);
  if (!response.media_type.empty()) message.set(http::field::content_type, response.media_type);
  message.set(http::field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  message.body() = response.body;
  message.keep_alive(wanted == Connection::keep);
  message.prepare_payload();
  stream.expires_after(kRequestDeadline);
  error_code error;
  http::write(stream, message, error);
  return error ? Connection::close : wanted;
}

Connection Session::State::plain(HeaderParser& header, const Plain& plan, Connection wanted) {
  http::request_parser<http::string_body> parser(std::move(header));
  parser.body_limit(plan.body_bytes_max);
  stream.expires_after(kRequestDeadline);
  error_code error;
  // Beast holds a stated length against the limit the header was read under, which was a wider one.
  if (parser.content_length().value_or(0) > plan.body_bytes_max) {
    error = http::error::body_limit;
  } else {
    http::read(stream, buffer, parser, error);
  }
  if (error == http::error::body_limit) {
    return answer(
        Routes::refuse({ErrorCode::too_large, "the request body is longer than " +
                                                  std::to_string(plan.body_bytes_max) + " bytes"}),
        Connection::close);
  }
  if (error) return Connection::close;
  Request request;
  request.method = parser.get().method() == http::verb::post ? Method::post : Method::get;
  request.target = std::string(parser.get().target());
  request.body = std::move(parser.get().body());
  request.officer = officer;
  if (const auto key = parser.get().find(kIdempotencyKey); key != parser.get().end()) {
    request.idempotency_key = std::string(key->value());
  }
  return answer(routes.serve(request), wanted);
}

// Body to disk, a piece at a time.
Result<std::unique_ptr<Uploads::Writer>> Session::State::receive(HeaderParser& header) {
  http::request_parser<http::buffer_body> parser(std::move(header));
  parser.body_limit(kAttachmentBytesMax);
  KERUEN_TRY(auto writer, doors.uploads.begin(doors.clock.now()));
  std::array<std::uint8_t, kPieceBytes> piece;
  error_code error;
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    stream.expires_after(kPieceDeadline);
    http::read(stream, buffer, parser, error);
    if (error == http::error::need_buffer) error = {};
    if (error == http::error::body_limit) {
      return fail(ErrorCode::too_large, "an attachment may have at most " +
                                            std::to_string(kAttachmentBytesMax / 1024 / 1024) +
                                            " MiB");
    }
    if (error) return fail(ErrorCode::io_failed, "the upload broke off: " + error.message());
    KERUEN_CHECK(writer->append(BytesView(piece).first(piece.size() - parser.get().body().size)));
  }
  return writer;
}

Connection Session::State::upload(HeaderParser& header, Connection wanted) {
  auto writer = receive(header);
  // What is left of a refused body would be read as the next request.
  if (!writer) return answer(Routes::refuse(writer.error()), Connection::close);
  const Digest digest = (*writer)->finish();
  return answer({201, "application/json",
                 "{\"upload\":\"" + (*writer)->token() + "\",\"bytes\":" +
                     std::to_string((*writer)->size()) + ",\"sha256\":\"" + digest.hex() + "\"}"},
                wanted);
}

bool Session::State::write_text(std::string_view text) {
  stream.expires_after(kPieceDeadline);
  error_code error;
  while (!text.empty() && !error) {
    text.remove_prefix(stream.write_some(boost::asio::buffer(text.data(), text.size()), error));
  }
  return !error;
}

Connection Session::State::attachment(const StreamAttachment& file, Connection wanted) {
  const auto message = reader->message(file.message, file.from);
  if (!message) return answer(Routes::refuse(message.error()), wanted);
  const auto found =
      std::ranges::find(message->attachments, file.name, &store::AttachmentStatus::name);
  if (found == message->attachments.end()) {
    return answer(Routes::refuse({ErrorCode::not_found,
                                  "the message has no attachment \"" + file.name + "\""}),
                  wanted);
  }
  if (found->parts_here < found->parts) {
    return answer(Routes::refuse({ErrorCode::not_found,
                                  "\"" + file.name +
                                      "\" is still arriving: " + std::to_string(found->parts_here) +
                                      " of " + std::to_string(found->parts) + " parts are here"}),
                  wanted);
  }
  // The media type is the sender's claim, so it is told apart from ours and never sniffed.
  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
      "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"
      "Content-Disposition: attachment\r\nContent-Length: " +
      std::to_string(found->bytes) + "\r\n\r\n";
  if (!write_text(head)) return Connection::close;
  const auto sent = reader->attachment(
      file.message, file.name,
      [this](BytesView piece) -> Result<void> {
        if (write_text(text_of(piece))) return {};
        return fail(ErrorCode::io_failed, "the reader went away");
      },
      file.from);
  // A truncated body is the only way left to say that the bytes were not what was signed.
  if (!sent) {
    // Not the detail, which may name the file.
    doors.journal.write(host::JournalLevel::warning, "attachment_broke_off",
                        {{"message", to_text(file.message)}, {"code", name_of(sent.error().code)}});
    return Connection::close;
  }
  return wanted;
}

Connection Session::State::events(std::optional<std::uint64_t> after) {
  const std::uint64_t known_at_first = doors.events.newest();
  std::uint64_t seen = after.value_or(known_at_first);
  // Nobody is told what is not on the disk: whoever was told more was told it before the store was
  // restored, and would miss everything up to there.
  if (seen > known_at_first) {
    return answer(Routes::refuse({ErrorCode::out_of_sequence,
                                  "event " + std::to_string(seen) +
                                      " is ahead of this store, which ends at " +
                                      std::to_string(known_at_first) +
                                      ": it was restored from a backup, or the number is "
                                      "another agent's; begin with 0 to be told what it holds"}),
                  Connection::close);
  }
  if (!write_text("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                  "Cache-Control: no-store\r\nConnection: close\r\n\r\n: connected\n\n")) {
    return Connection::close;
  }
  while (!doors.events.ended() && !stream.is_closed_by_peer()) {
    const std::uint64_t newest = doors.events.newest();
    const auto fresh = reader->events_after(seen, newest, kEventsPerRead);
    if (!fresh) return Connection::close;
    std::string text;
    for (const auto& event : *fresh) {
      seen = event.number;
      text += "id: " + std::to_string(event.number) +
              "\nevent: " + std::string(store::name_of(event.type)) +
              "\ndata: " + event_json(event) + "\n\n";
    }
    // On a full disk a reader may not see yet what was announced.
    const std::uint64_t known = std::max(seen, newest);
    if (fresh->empty() && !doors.events.wait_beyond(known, kHeartbeatEvery)) text = ": alive\n\n";
    if (!text.empty() && !write_text(text)) return Connection::close;
  }
  return Connection::close;
}

Connection Session::State::serve_one() {
  HeaderParser header;
  header.header_limit(kHeaderBytesMaxHttp);
  // The body's own limit is set by its route; the header alone is read here.
  header.body_limit(kAttachmentBytesMax);
  stream.expires_after(kIdleDeadline);
  error_code error;
  http::read_header(stream, buffer, header, error);
  if (error == http::error::end_of_stream || error == boost::asio::error::eof ||
      error == boost::asio::error::timed_out) {
    return Connection::close;
  }
  if (error) {
    const bool large = error == http::error::header_limit || error == http::error::body_limit;
    return answer(Routes::refuse({large ? ErrorCode::too_large : ErrorCode::malformed,
                                  "not an HTTP/1.1 request: " + error.message()}),
                  Connection::close);
  }
  const auto& request = header.get();
  const Connection wanted = header.keep_alive() ? Connection::keep : Connection::close;
  if (request.method() != http::verb::get && request.method() != http::verb::post) {
    return answer(Routes::refuse({ErrorCode::unsupported, "only GET and POST are served"}),
                  Connection::close);
  }
  const Method method = request.method() == http::verb::post ? Method::post : Method::get;
  const std::string target(request.target());
  std::optional<std::uint64_t> last_event;
  if (const auto field = request.find("Last-Event-ID"); field != request.end()) {
    std::uint64_t number = 0;
    for (const char c : field->value()) {
      if (c < '0' || c > '9' || number > 1'000'000'000'000'000'000) {
        return answer(Routes::refuse({ErrorCode::malformed, "Last-Event-ID must be a number"}),
                      Connection::close);
      }
      number = number * 10 + static_cast<std::uint64_t>(c - '0');
    }
    last_event = number;
  }
  if (request.count(kIdempotencyKey) > 1) {
    return answer(Routes::refuse({ErrorCode::malformed, "Idempotency-Key stands there twice"}),
                  Connection::close);
  }
  const auto plan = routes.plan(method, target);
  if (!plan) return answer(Routes::refuse(plan.error()), Connection::close);
  if (request.count(kIdempotencyKey) > 0 && !std::holds_alternative<Plain>(*plan)) {
    return answer(Routes::refuse(Routes::key_is_of_no_use()), Connection::close);
  }
  if (const auto* simple = std::get_if<Plain>(&*plan)) return plain(header, *simple, wanted);
  if (std::holds_alternative<StreamUpload>(*plan)) return upload(header, wanted);
  if (const auto* file = std::get_if<StreamAttachment>(&*plan)) return attachment(*file, wanted);
  return events(last_event);
}

Session::Session(int descriptor, content::Author officer, std::unique_ptr<store::Reader> reader,
                 Doors doors)
    : state_(std::make_unique<State>(descriptor, std::move(officer), std::move(reader),
                                     std::move(doors))) {}
Session::~Session() = default;

void Session::run() {
  while (state_->serve_one() == Connection::keep) {
  }
  // The thread's owner frees the session later; the peer must not wait for that.
  state_->stream.shut_down();
}

void Session::stop() { state_->stream.shut_down(); }

}  // namespace keruen::api
