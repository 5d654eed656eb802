// The API's server as the agent runs it: its own threads, a real engine, a real socket.
#include "agents/api/server.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/api/client.h"
#include "agents/api/uploads.h"
#include "schemas/host/posix_disk.h"
#include "tests/journey/engine_thread_journey.h"

namespace keruen::api {
namespace {

namespace fs = std::filesystem;

class ServerTest : public EngineThreadJourney {
 protected:
  void SetUp() override {
    start_engine_thread();
    ServerOptions options;
    options.socket_path = socket().string();
    options.store_path = agent(kGuard).store_path();
    options.upload_directory = uploads().string();
    options.agency = agency_named(kGuard);
    options.officers[account()] = {{"7"}, "Officer 7", "", ""};
    KERUEN_ASSERT_OK(server, Server::start(std::move(options), *engine, agent(kGuard).store_key(),
                                           system, *clock, journal));
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
