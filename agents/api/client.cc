#include "agents/api/client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <cstring>
#include <thread>

#include "agents/api/deadline_stream.h"
#include "agents/api/problem.h"
#include "schemas/limits.h"

namespace keruen::api {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

// Submitting waits for a disk; a big recall for many.
constexpr std::chrono::seconds kAnswerDeadline{60};
// The agent sends a sign of life four times as often.
constexpr std::chrono::seconds kEventDeadline{60};
constexpr std::size_t kAnswerBytesMax = 64 * 1024 * 1024;
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::chrono::milliseconds kAskAgainEvery{100};

constexpr const char* kMayBeDone =
    "what was asked may have been done: look with `keruen sent` or `keruen status` before you ask "
    "again";

// The agent ends, and what it was storing may be found when it starts.
bool is_undecided(ErrorCode code) {
  return code == ErrorCode::io_failed || code == ErrorCode::corrupt;
}
// An agent that has just started and is asked by everybody, or whose disk is full.
bool is_passing(ErrorCode code) {
  return code == ErrorCode::overloaded || code == ErrorCode::no_space || is_undecided(code);
}

http::request<http::string_body> post_request(const std::string& target, const std::string& json) {
  http::request<http::string_body> request;
  request.method(http::verb::post);
  request.target(target);
  request.set(http::field::content_type, "application/json");
  request.body() = json;
  return request;
}

}  // namespace

struct Client::State {
  std::string path;
  std::chrono::milliseconds ask_again_for{};
  std::unique_ptr<DeadlineStream> stream;
  boost::beast::flat_buffer buffer;
  bool answered = true;
  bool admitted = true;

  Result<void> connect();
  Error unanswered(ErrorCode code, std::string detail);
  Error broke_off(const error_code& error);
  Error refused(unsigned status, const std::string& body);
  template <class Body>
  Result<std::string> exchange(http::request<Body>& request);
  Result<std::string> read_answer();
};

Client::Client(std::string socket_path, std::chrono::milliseconds ask_again_for)
    : state_(std::make_unique<State>()) {
  state_->path = std::move(socket_path);
  state_->ask_again_for = ask_again_for;
}
Client::~Client() = default;

bool Client::answered() const { return state_->answered; }
bool Client::admitted() const { return state_->admitted; }

Error Client::State::unanswered(ErrorCode code, std::string detail) {
  answered = false;
  stream.reset();
  return {code, std::move(detail)};
}

Error Client::State::broke_off(const error_code& error) {
  return unanswered(ErrorCode::io_failed, "the connection to the agent broke off (" +
                                              error.message() + "); " + kMayBeDone);
}

Error Client::State::refused(unsigned status, const std::string& body) {
  admitted = !is_account_problem(body);
  return error_from_problem(status, body);
}

Result<void> Client::State::connect() {
  answered = true;
  admitted = true;
  if (stream && !stream->is_closed_by_peer()) return {};
  stream.reset();
  buffer.clear();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::malformed, "the socket path " + path + " is longer than 107 bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0 ||
      ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int reason = errno;
    if (descriptor >= 0) ::close(descriptor);
    if (reason == EACCES) {
      return fail(unanswered(ErrorCode::denied, "this account may not use the agent's socket " +
                                                    path +
                                                    "; ask the agency's administrator for access"));
    }
    return fail(unanswered(ErrorCode::io_failed,
                           "no agent answers at " + path + " (" + std::strerror(reason) +
                               "); start it with: keruen-agent --config agent.toml"));
  }
  stream = std::make_unique<DeadlineStream>(descriptor);
  return {};
}

Result<std::string> Client::State::read_answer() {
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);
  error_code error;
  http::read(*stream, buffer, parser, error);
  if (error) return fail(broke_off(error));
  auto answer = parser.release();
  if (!answer.keep_alive()) stream.reset();
  if (answer.result_int() / 100 == 2) return std::move(answer.body());
  return fail(refused(answer.result_int(), answer.body()));
}

template <class Body>
Result<std::string> Client::State::exchange(http::request<Body>& request) {
  KERUEN_CHECK(connect());
  request.version(11);
  request.set(http::field::host, "agent");
  request.prepare_payload();
  stream->expires_after(kAnswerDeadline);
  error_code error;
  http::write(*stream, request, error);
  // A refused body is answered before it was read whole: the answer says more than the error.
  return read_answer();
}

Result<std::string> Client::get(const std::string& target) {
  http::request<http::empty_body> request;
  request.method(http::verb::get);
  request.target(target);
  return state_->exchange(request);
}

Result<std::string> Client::post(const std::string& target, const std::string& json) {
  auto request = post_request(target, json);
  return state_->exchange(request);
}

Result<std::string> Client::post_once(const std::string& target, const std::string& json,
                                      const std::string& idempotency_key) {
  auto request = post_request(target, json);
  request.set("Idempotency-Key", '"' + idempotency_key + '"');
  using std::chrono::steady_clock;
  KERUEN_CHECK(state_->connect());
  const auto began = steady_clock::now();
  auto first = state_->exchange(request);
  const bool was_answered = answered();
  if (was_answered && (first || !is_undecided(first.error().code))) return first;
  // One who takes a minute over it does not get it once more.
  const auto failed_at = steady_clock::now();
  if (failed_at - began >= kAnswerDeadline) return first;
  do {
    std::this_thread::sleep_for(kAskAgainEvery);
    if (!state_->connect()) continue;
    auto again = state_->exchange(request);
    if (answered() && (again || !is_passing(again.error().code))) return again;
  } while (steady_clock::now() - failed_at < state_->ask_again_for);
  // Whatever it is refused for by now says nothing of what was asked first.
  state_->answered = was_answered;
  if (was_answered) return fail(first.error().code, first.error().detail + "; " + kMayBeDone);
  return first;
}

Result<std::string> Client::upload(std::uint64_t size, const Source& more,
                                   const Progress& progress) {
  KERUEN_CHECK(state_->connect());
  http::request<http::buffer_body> request;
  request.version(11);
  request.method(http::verb::post);
  request.target("/v1/uploads");
  request.set(http::field::host, "agent");
  request.set(http::field::content_type, "application/octet-stream");
  request.content_length(size);
  http::request_serializer<http::buffer_body> serializer(request);
  error_code error;
  state_->stream->expires_after(kAnswerDeadline);
  http::write_header(*state_->stream, serializer, error);
  std::uint64_t done = 0;
  while (!error && done < size) {
    KERUEN_TRY(const Bytes piece, more());
    if (piece.empty()) {
      state_->stream.reset();
      return fail(ErrorCode::io_failed, "the file became shorter while it was read");
    }
    state_->stream->expires_after(kAnswerDeadline);
    boost::asio::write(*state_->stream, boost::asio::buffer(piece), error);
    done += piece.size();
    if (progress) progress(done, size);
  }
  return state_->read_answer();
}

Result<void> Client::download(const std::string& target, const Sink& sink,
                              const Progress& progress) {
  KERUEN_CHECK(state_->connect());
  http::request<http::empty_body> request(http::verb::get, target, 11);
  request.set(http::field::host, "agent");
  error_code error;
  state_->stream->expires_after(kAnswerDeadline);
  http::write(*state_->stream, request, error);
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(kAttachmentBytesMax);
  // Whoever is turned away is told so before anything of the request is taken.
  http::read_header(*state_->stream, state_->buffer, parser, error);
  if (error) return fail(state_->broke_off(error));
  std::array<std::uint8_t, kPieceBytes> piece;
  const bool refused = parser.get().result_int() / 100 != 2;
  const std::uint64_t total = parser.content_length().value_or(0);
  std::uint64_t done = 0;
  std::string problem;
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    state_->stream->expires_after(kAnswerDeadline);
    http::read(*state_->stream, state_->buffer, parser, error);
    if (error == http::error::need_buffer) error = {};
    if (error) {
      state_->stream.reset();
      return fail(ErrorCode::io_failed, "the attachment broke off after " + std::to_string(done) +
                                            " of " + std::to_string(total) +
                                            " bytes; see the agent's journal for the reason");
    }
    const BytesView got = BytesView(piece).first(piece.size() - parser.get().body().size);
    done += got.size();
    if (refused) {
      problem += text_of(got);
      continue;
    }
    KERUEN_CHECK(sink(got));
    if (progress) progress(done, total);
  }
  if (refused) return fail(state_->refused(parser.get().result_int(), problem));
  return {};
}

Result<void> Client::events(std::optional<std::uint64_t> after,
                            const std::function<bool(const std::string& json)>& event) {
  KERUEN_CHECK(state_->connect());
  http::request<http::empty_body> request(http::verb::get, "/v1/events", 11);
  request.set(http::field::host, "agent");
  if (after) request.set("Last-Event-ID", std::to_string(*after));
  error_code error;
  state_->stream->expires_after(kAnswerDeadline);
  http::write(*state_->stream, request, error);
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  http::read_header(*state_->stream, state_->buffer, parser, error);
  std::string pending;
  std::array<char, kPieceBytes> piece;
  while (!error && !parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    state_->stream->expires_after(kEventDeadline);
    http::read_some(*state_->stream, state_->buffer, parser, error);
    if (error == http::error::need_buffer) error = {};
    pending.append(piece.data(), piece.size() - parser.get().body().size);
    if (pending.size() > kAnswerBytesMax) return fail(ErrorCode::too_large, "an endless event");
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      const std::string line = pending.substr(0, end);
      pending.erase(0, end + 1);
      if (line.starts_with("data: ") && !event(line.substr(6))) {
        state_->stream.reset();
        return {};
      }
    }
  }
  state_->stream.reset();
  if (parser.is_header_done() && parser.get().result_int() / 100 != 2) {
    return fail(state_->refused(parser.get().result_int(), pending));
  }
  return fail(state_->unanswered(ErrorCode::io_failed,
                                 "the agent closed the event stream; is it still running?"));
}

}  // namespace keruen::api
