// The API's server as the agent runs it: its own threads, a real engine, a real socket.
#include "agents/api/server.h"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <vector>

#include "agents/api/client.h"
#include "agents/api/uploads.h"
#include "schemas/host/posix_disk.h"
#include "tests/journey/engine_thread_journey.h"

namespace keruen::api {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A connection without the client's own judgement of what it is told.
class Connection {
 public:
  explicit Connection(const fs::path& socket)
      : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
  }
  ~Connection() { ::close(descriptor_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void write(std::string_view text) const {
    EXPECT_EQ(::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
  }
  [[nodiscard]] std::string read_header() const {
    std::string header;
    char next = 0;
    while (!header.ends_with("\r\n\r\n") && ::read(descriptor_, &next, 1) == 1) header += next;
    return header;
  }
  // Until the other end closes.
  [[nodiscard]] std::string read_rest() const {
    std::string rest;
    std::array<char, 4096> piece;
    for (ssize_t size = 0; (size = ::read(descriptor_, piece.data(), piece.size())) > 0;) {
      rest.append(piece.data(), static_cast<std::size_t>(size));
    }
    return rest;
  }

 private:
  int descriptor_;
};

class ServerTest : public EngineThreadJourney {
 protected:
  void SetUp() override {
    start_engine_thread();
    start_server({{account(), {{"7"}, "Officer 7", "", ""}}});
  }
  using Officers = std::map<std::string, content::Author>;
  void start_server(Officers officers) {
    server.reset();
    KERUEN_ASSERT_OK(server, started_at(socket(), std::move(officers)));
  }
  Result<std::unique_ptr<Server>> started_at(const fs::path& path, Officers officers = {}) {
    ServerOptions options;
    options.socket_path = path.string();
    options.store_path = agent(kGuard).store_path();
    options.upload_directory = uploads().string();
    options.agency = agency_named(kGuard);
    options.officers = std::move(officers);
    return Server::start(std::move(options), *engine, agent(kGuard).store_key(), system, *clock,
                         journal);
  }
  [[nodiscard]] std::unique_ptr<Connection> events_after(std::uint64_t number) const {
    auto connection = std::make_unique<Connection>(socket());
    connection->write("GET /v1/events HTTP/1.1\r\nHost: agent\r\nLast-Event-ID: " +
                      std::to_string(number) + "\r\n\r\n");
    return connection;
  }
  void TearDown() override {
    server.reset();
    engine.reset();
  }
  static std::string account() {
    const passwd* const entry = ::getpwuid(::geteuid());
    return entry == nullptr ? std::to_string(::geteuid()) : entry->pw_name;
  }
  [[nodiscard]] fs::path socket() const { return home / "agent.socket"; }
  [[nodiscard]] fs::path uploads() const { return home / "uploads"; }

  TemporaryDirectory home;
  host::PosixDisk system;
  MemoryJournal journal;
  std::unique_ptr<Server> server;
};

TEST_F(ServerTest, TheSocketIsForTheAgentsAccountAndItsGroup) {
  struct stat status {};
  ASSERT_EQ(::stat(socket().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0660U);
}

std::string text_in(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

TEST_F(ServerTest, TakesThePlaceOfASocketThatWasLeftBehind) {
  const fs::path place = home / "left.socket";
  const int left = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  place.string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(left);
  EXPECT_THAT(started_at(place), IsOk());
}

// A slip in agent.toml must not cost the agency its keys.
TEST_F(ServerTest, TakesThePlaceOfNothingElse) {
  const fs::path credential = home / "credential";
  const fs::path link = home / "link";
  std::ofstream(credential) << "opens the keys";
  fs::create_symlink(credential, link);
  for (const auto& place : {credential, link}) {
    EXPECT_THAT(started_at(place), FailsWith(ErrorCode::malformed,
                                             AllOf(HasSubstr(place.string()),
                                                   HasSubstr("is no socket; name another path"))));
  }
  EXPECT_EQ(text_in(credential), "opens the keys");
  EXPECT_TRUE(fs::is_symlink(link));
}

TEST_F(ServerTest, RemovesNothingButItsSocketAtItsEnd) {
  fs::remove(socket());
  std::ofstream(socket()) << "put here meanwhile";
  server.reset();
  EXPECT_EQ(text_in(socket()), "put here meanwhile");
}

TEST_F(ServerTest, SaysThatTheFolderOfItsSocketIsNotThere) {
  EXPECT_THAT(started_at(home / "keruen" / "agent.sock"),
              FailsWith(ErrorCode::not_found, AllOf(HasSubstr("its folder does not exist"),
                                                    HasSubstr("RuntimeDirectory="))));
}

TEST_F(ServerTest, AnAccountThatIsNoOfficersIsRefusedWhateverItAsks) {
  start_server({});
  Client client(socket().string());
  const auto refused = FailsWith(ErrorCode::denied, HasSubstr("is no officer here"));
  EXPECT_THAT(client.get("/v1/status"), refused);
  EXPECT_FALSE(client.admitted());
  EXPECT_THAT(client.events({}, [](const std::string&) { return false; }), refused);
  EXPECT_THAT(client.download("/v1/messages/x/attachments/y", {}, {}), refused);
  EXPECT_TRUE(client.answered());
}

TEST_F(ServerTest, ARequestThatIsRefusedIsNoRefusalOfTheAccount) {
  Client client(socket().string());
  EXPECT_THAT(client.get("/v1/nothing"), FailsWith(ErrorCode::not_found));
  EXPECT_TRUE(client.admitted());
}

TEST_F(ServerTest, OneConnectionTooManyIsToldSo) {
  std::vector<std::unique_ptr<Connection>> idle;
  while (idle.size() < kConnectionsMax) idle.push_back(std::make_unique<Connection>(socket()));
  EXPECT_THAT(
      Connection(socket()).read_rest(),
      AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("Content-Type: application/problem+json"),
            HasSubstr(R"("code":"overloaded")")));
  Client client(socket().string());
  EXPECT_THAT(client.get("/v1/status"),
              FailsWith(ErrorCode::overloaded, HasSubstr("48 connections are open")));
  EXPECT_TRUE(client.answered());
}

TEST_F(ServerTest, EventsBeginBehindTheNewest) {
  EXPECT_THAT(events_after(engine->newest_event())->read_header(), StartsWith("HTTP/1.1 200 "));
}

// Silence until the store has passed that number would lose what happens until then.
TEST_F(ServerTest, EventsBeginNowhereAheadOfTheStore) {
  const auto connection = events_after(1'000'000'000);
  ASSERT_THAT(
      connection->read_header(),
      AllOf(StartsWith("HTTP/1.1 409 "), HasSubstr("Content-Type: application/problem+json\r\n")));
  EXPECT_THAT(connection->read_rest(), HasSubstr(R"("code":"out_of_sequence")"));
  Client client(socket().string());
  EXPECT_THAT(client.events(1'000'000'000, [](const std::string&) { return false; }),
              FailsWith(ErrorCode::out_of_sequence,
                        AllOf(HasSubstr("event 1000000000 is ahead of this store, which ends at "),
                              HasSubstr("begin with 0"))));
  EXPECT_TRUE(client.answered());
}

TEST_F(ServerTest, RemovesAnUploadWhoseMessageNeverCame) {
  Client client(socket().string());
  bool given = false;
  const auto uploaded =
      client.upload(5,
                    [&]() -> Result<Bytes> {
                      return std::exchange(given, true) ? Bytes{} : Bytes{1, 2, 3, 4, 5};
                    },
                    {});
  ASSERT_THAT(uploaded, IsOk());
  ASSERT_FALSE(fs::is_empty(uploads()));
  clock->advance(kUploadKept);
  // A deadline is a failure, so it is generous.
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!fs::is_empty(uploads()) && std::chrono::steady_clock::now() < end) {
    ASSERT_THAT(client.get("/v1/status"), IsOk());
  }
  EXPECT_TRUE(fs::is_empty(uploads()));
}

}  // namespace
}  // namespace keruen::api
