// The API's other end against an agent that ends, is busy or fails before it answers.
#include "agents/api/client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

#include "tests/support/matchers.h"
#include "tests/support/temporary_directory.h"

namespace keruen::api {
namespace {

constexpr std::string_view kBusy =
    "HTTP/1.1 503 Busy\r\nContent-Length: 23\r\n\r\n{\"code\":\"overloaded\"}  ";
constexpr std::string_view kFailed = "HTTP/1.1 500 Failed\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kDone = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";

std::string take_request(int peer) {
  std::array<char, 4096> buffer;
  std::string request;
  while (!request.ends_with("{}")) {
    const auto got = ::read(peer, buffer.data(), buffer.size());
    if (got <= 0) break;
    request.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return request;
}

int listening_at(const std::string& path) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(listener, 4), 0);
  return listener;
}

// An agent that takes a question and ends before it answers, and is there again for the next.
class AskedAgain : public ::testing::TestWithParam<std::vector<std::string_view>> {};
INSTANTIATE_TEST_SUITE_P(, AskedAgain,
                         ::testing::Values(std::vector<std::string_view>{"", kBusy, "", kDone},
                                           std::vector<std::string_view>{kFailed, "", kDone}));

TEST_P(AskedAgain, UnderTheSameKeyUntilItIsAnswered) {
  TemporaryDirectory home;
  const std::string path = (home / "agent.socket").string();
  const int listener = listening_at(path);
  std::vector<std::string> asked;
  std::thread agent([&] {
    for (const std::string_view answer : GetParam()) {
      const int peer = ::accept(listener, nullptr, nullptr);
      if (peer < 0) return;
      asked.push_back(take_request(peer));
      static_cast<void>(::write(peer, answer.data(), answer.size()));
      ::close(peer);
    }
  });
  Client client(path);
  const auto answer = client.post_once("/v1/messages", "{}", "0b4e");
  ::shutdown(listener, SHUT_RDWR);  // where it was not asked again, nobody waits for ever
  agent.join();
  ::close(listener);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(*answer, "done");
  ASSERT_EQ(asked.size(), GetParam().size());
  for (const auto& request : asked) {
    EXPECT_NE(request.find("Idempotency-Key: \"0b4e\"\r\n"), std::string::npos) << request;
  }
}

// What was asked once and never answered may have been done, whatever is said of it later.
TEST(Client, SaysWhatHappenedFirstWhereNoAnswerEverComes) {
  TemporaryDirectory home;
  const std::string path = (home / "agent.socket").string();
  const int listener = listening_at(path);
  std::thread agent([&] {
    for (std::string_view answer; true; answer = kBusy) {
      const int peer = ::accept(listener, nullptr, nullptr);
      if (peer < 0) return;
      take_request(peer);
      static_cast<void>(::write(peer, answer.data(), answer.size()));
      ::close(peer);
    }
  });
  Client client(path, std::chrono::milliseconds(300));
  EXPECT_THAT(client.post_once("/v1/messages", "{}", "0b4e"),
              FailsWith(ErrorCode::io_failed, ::testing::HasSubstr("may have been done")));
  EXPECT_FALSE(client.answered());
  ::shutdown(listener, SHUT_RDWR);
  agent.join();
  ::close(listener);
}

}  // namespace
}  // namespace keruen::api
