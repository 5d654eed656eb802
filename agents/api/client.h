// The other end of the API: what the command line asks its agent through the Unix socket.
// Threads: one.   Lifetime: one connection, made anew when the agent closed it.
//
// Errors: io_failed: no agent answers at the socket (says how to start it); denied: the socket is
// not for this account; what the agent refused comes back as the agent's own code and words.
// answered() tells the two apart.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "schemas/bytes.h"
#include "schemas/error.h"

namespace keruen::api {

// An agent that its service manager starts anew is back by then.
inline constexpr std::chrono::milliseconds kAskAgainFor{10'000};

class Client {
 public:
  explicit Client(std::string socket_path, std::chrono::milliseconds ask_again_for = kAskAgainFor);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // False: the last request failed on its way; its error is this end's own and not the agent's.
  [[nodiscard]] bool answered() const;
  // False: the agent refused this account, whatever it asks for.
  [[nodiscard]] bool admitted() const;

  // The body of a 2xx answer.
  [[nodiscard]] Result<std::string> get(const std::string& target);
  [[nodiscard]] Result<std::string> post(const std::string& target, const std::string& json);
  // Where the connection breaks off (the agent ended, say), or the answer is that storing failed,
  // it is asked again for so long, until it is done or refused for good: the agent does once what
  // comes under one key, however often. The error is of the first time if that does not come: it
  // may have been done.
  [[nodiscard]] Result<std::string> post_once(const std::string& target, const std::string& json,
                                              const std::string& idempotency_key);

  // `more` gives the next piece, empty at the end; `done` is told how many bytes went.
  using Source = std::function<Result<Bytes>()>;
  using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;
  [[nodiscard]] Result<std::string> upload(std::uint64_t size, const Source& more,
                                           const Progress& progress);
  using Sink = std::function<Result<void>(BytesView)>;
  // io_failed: it broke off before its announced size.
  [[nodiscard]] Result<void> download(const std::string& target, const Sink& sink,
                                      const Progress& progress);
  // Calls `event` with each data line until it returns false or the agent goes away.
  [[nodiscard]] Result<void> events(std::optional<std::uint64_t> after,
                                    const std::function<bool(const std::string& json)>& event);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keruen::api
