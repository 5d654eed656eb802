// The program's words and exit codes where it is refused, and where its own words get lost.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "agents/api/problem.h"
#include "tests/support/matchers.h"
#include "tests/support/run_process.h"
#include "tests/support/temporary_directory.h"

namespace keruen::cli {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kMessage = "0197a3c2-7d1e-7c43-9a55-1f0c3e2d4b5a";
const std::vector<std::string> kSendNotice = {
    "send", "notice", "--to", "kz.customs", "--type", "warning", "--handling", "H1", "--text", "x"};

constexpr const char* kWindows1251 = "\xd2\xe0\xec";  // "Там", as a terminal of those days has it

std::string refusal(ErrorCode code, const std::string& problem) {
  return "HTTP/1.1 " + std::to_string(api::http_status_of(code)) +
         " Refused\r\nContent-Type: " + api::kProblemMediaType +
         "\r\nConnection: close\r\nContent-Length: " + std::to_string(problem.size()) + "\r\n\r\n" +
         problem;
}

std::string refusal(const Error& error) { return refusal(error.code, api::problem_json(error)); }

// Answers every connection with the same, whatever it asks for.
class ScriptedAgent {
 public:
  ScriptedAgent(const std::string& path, std::string answer)
      : path_(path),
        answer_(std::move(answer)),
        listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedAgent() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    ::unlink(path_.c_str());
  }
  ScriptedAgent(const ScriptedAgent&) = delete;
  ScriptedAgent& operator=(const ScriptedAgent&) = delete;

 private:
  void serve() {
    while (true) {
      const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) return;
      static_cast<void>(::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL));
      std::array<char, 4096> ignored;
      while (::read(peer, ignored.data(), ignored.size()) > 0) {
      }
      ::close(peer);
    }
  }

  std::string path_;
  std::string answer_;
  int listener_;
  std::thread thread_;
};

class CommandLineTest : public ::testing::Test {
 protected:
  // The verb's words behind those that name the agent.
  [[nodiscard]] std::vector<std::string> command(const std::vector<std::string>& verb) const {
    std::vector<std::string> words = {KERUEN_PROGRAM, "--agent", socket()};
    words.insert(words.end(), verb.begin(), verb.end());
    return words;
  }
  [[nodiscard]] ProcessResult run(const std::vector<std::string>& verb,
                                  const std::string& answer) const {
    const ScriptedAgent agent(socket(), answer);
    return run_process(command(verb));
  }
  // Through a shell, whose redirection follows the words.
  [[nodiscard]] ProcessResult run_into(const std::string& redirection,
                                       const std::vector<std::string>& verb) const {
    std::vector<std::string> words = {"sh", "-c", "exec \"$@\" " + redirection, "sh"};
    for (auto& word : command(verb)) words.push_back(std::move(word));
    return run_process(words);
  }
  [[nodiscard]] std::string socket() const { return (home / "agent.socket").string(); }

  TemporaryDirectory home;
};

TEST_F(CommandLineTest, AFullDiskHasStoredNothingAndSendsNothingLater) {
  const std::string answer = refusal({ErrorCode::no_space, "the store is full"});
  const auto said = run(kSendNotice, answer);
  EXPECT_EQ(said.exit_code, 1) << said.output;
  EXPECT_THAT(said.output, AllOf(HasSubstr("the store is full; nothing was stored"),
                                 HasSubstr("give the command again when there is room"),
                                 HasSubstr("(no_space)"), Not(HasSubstr("resumes by itself"))));
}

TEST_F(CommandLineTest, ABusyAgentHasStoredNothingAndRepeatsNothing) {
  const std::string answer = refusal({ErrorCode::overloaded, "the agent has too much to do"});
  const auto said = run(kSendNotice, answer);
  EXPECT_EQ(said.exit_code, 1) << said.output;
  EXPECT_THAT(said.output, AllOf(HasSubstr("nothing was stored"),
                                 HasSubstr("It is not repeated by itself: give the command again"),
                                 Not(HasSubstr("Wait;"))));
}

TEST_F(CommandLineTest, JsonSaysTheSameAsTheWords) {
  auto verb = kSendNotice;
  verb.insert(verb.begin(), "--json");
  const auto said = run(verb, refusal({ErrorCode::no_space, "the store is full"}));
  EXPECT_EQ(said.exit_code, 1) << said.output;
  EXPECT_THAT(said.output, AllOf(HasSubstr(R"("detail":"the store is full; nothing was stored")"),
                                 HasSubstr(R"("remedy":"It is not repeated by itself)"),
                                 Not(HasSubstr("resumes by itself"))));
}

// Whatever reaches this agent is done.
std::string done() {
  const std::string body =
      std::string(R"({"upload":"0b4e","recipients":["kz.customs"],"id":")") + kMessage + R"("})";
  return "HTTP/1.1 201 Done\r\nContent-Type: application/json\r\nConnection: close\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::vector<std::string> with(std::vector<std::string> verb, std::vector<std::string> more) {
  std::ranges::move(more, std::back_inserter(verb));
  return verb;
}

// What is signed in question marks cannot be taken back.
TEST_F(CommandLineTest, WhatWasTypedInAnotherEncodingIsNotSent) {
  ASSERT_EQ(run(kSendNotice, done()).exit_code, 0);
  auto text = kSendNotice;
  text.back() = kWindows1251;
  const std::vector<std::string> process = {"process", kMessage, "--result", "done"};
  const std::string file = (home / "photo.jpg").string();
  for (const auto& [option, verb] :
       std::initializer_list<std::pair<const char*, std::vector<std::string>>>{
           {"--text", text},
           {"--subject", with(kSendNotice, {"--subject", kWindows1251})},
           {"--where", with(kSendNotice, {"--where", kWindows1251})},
           {"--language", with(kSendNotice, {"--language", kWindows1251})},
           {"--to", with(kSendNotice, {"--to", kWindows1251})},
           {"--text", {"reply", kMessage, "--text", kWindows1251}},
           {"--note", with(process, {"--note", kWindows1251})},
           {"--from", with(process, {"--from", kWindows1251})},
           {"ID", {"process", kWindows1251, "--result", "done"}},
           {"NAME", {"attachment", kMessage, kWindows1251, "--out", file}}}) {
    const auto said = run(verb, done());
    EXPECT_EQ(said.exit_code, 2) << verb.front() << " " << option << ": " << said.output;
    EXPECT_THAT(said.output, AllOf(HasSubstr(std::string(option) + ": this is not UTF-8"),
                                   HasSubstr("LANG=C.UTF-8"), Not(HasSubstr("Marked"))));
  }
}

TEST_F(CommandLineTest, AFileIsSentFromAnyFolderUnderANameThatCanBeRead) {
  const auto folder = home / kWindows1251;
  ASSERT_TRUE(std::filesystem::create_directory(folder));
  for (const auto& [name, exit_code] :
       {std::pair<std::string, int>{"photo.jpg", 0}, {std::string(kWindows1251) + ".jpg", 2}}) {
    std::ofstream(folder / name) << "a photo";
    const auto said = run(with(kSendNotice, {"--attach", (folder / name).string()}), done());
    EXPECT_EQ(said.exit_code, exit_code) << said.output;
    EXPECT_THAT(said.output, HasSubstr(exit_code == 0 ? kMessage : "the file's name is not UTF-8"));
  }
}

TEST_F(CommandLineTest, AFileThatExistsIsKeptAndIsNoRuleOfTheExchange) {
  const std::string photo = (home / "photo.jpg").string();
  std::ofstream(photo) << "another photo";
  const auto said = run({"attachment", kMessage, "photo.jpg", "--out", photo},
                        refusal({ErrorCode::not_found, ""}));
  EXPECT_EQ(said.exit_code, 1) << said.output;
  EXPECT_THAT(said.output, AllOf(HasSubstr("name another file with --out"),
                                 Not(HasSubstr("Nothing needs to be done"))));
  std::ostringstream kept;
  kept << std::ifstream(photo).rdbuf();
  EXPECT_EQ(kept.str(), "another photo");
}

TEST_F(CommandLineTest, AnAccountThatIsNoOfficersHasNoAccess) {
  const Error error{ErrorCode::denied, "the account \"x\" is no officer here: add it"};
  const std::string answer = refusal(error.code, api::account_problem_json(error));
  const std::string photo = (home / "photo.jpg").string();
  for (const auto& verb : {std::vector<std::string>{"inbox"},
                           {"watch"},
                           {"attachment", kMessage, "photo.jpg", "--out", photo},
                           kSendNotice}) {
    const auto said = run(verb, answer);
    EXPECT_EQ(said.exit_code, 5) << said.output;
    EXPECT_THAT(said.output,
                AllOf(HasSubstr("is no officer here"), Not(HasSubstr("exchange authority"))));
  }
}

TEST_F(CommandLineTest, WhatNoRuleAllowsIsRefusedByRule) {
  const auto said = run(kSendNotice, refusal({ErrorCode::denied, "no rule lets kz.x send that"}));
  EXPECT_EQ(said.exit_code, 7) << said.output;
  EXPECT_THAT(said.output, HasSubstr("ask the exchange authority"));
}

TEST_F(CommandLineTest, OneConnectionTooManyIsNoFaultOfADisk) {
  const auto said =
      run({"inbox"},
          refusal({ErrorCode::overloaded, "48 connections are open; close a `keruen watch`"}));
  EXPECT_EQ(said.exit_code, 1) << said.output;
  EXPECT_THAT(said.output,
              AllOf(HasSubstr("close a `keruen watch`"), Not(HasSubstr("Check the disk"))));
}

TEST_F(CommandLineTest, WatchingFromAheadOfTheStoreEndsInWords) {
  const auto said = run({"watch", "--after", "1000"},
                        refusal({ErrorCode::out_of_sequence, "event 1000 is ahead of this store"}));
  EXPECT_EQ(said.exit_code, 7) << said.output;
  EXPECT_THAT(said.output, HasSubstr("event 1000 is ahead of this store"));
}

TEST_F(CommandLineTest, AReportThatIsCutShortHasACodeOfItsOwn) {
  const auto said = run_into(">/dev/full", {"send", "notice", "--example"});
  EXPECT_EQ(said.exit_code, 8) << said.output;
  EXPECT_THAT(said.output, HasSubstr("cut short"));
}

TEST_F(CommandLineTest, AFailureStaysTheOneItWasWhereItsReportIsCutShort) {
  const auto said = run_into(">/dev/full", {"--json", "inbox"});  // there is no agent
  EXPECT_EQ(said.exit_code, 4) << said.output;
  EXPECT_THAT(said.output, HasSubstr("cut short"));
}

TEST_F(CommandLineTest, WatchingEndsWhereNothingCanBeWritten) {
  const ScriptedAgent agent(socket(),
                            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                            "data: {\"number\":1,\"type\":\"link\",\"text\":\"up\"}\n\n");
  const auto said = run_into(">/dev/full", {"watch"});
  EXPECT_EQ(said.exit_code, 8) << said.output;
  EXPECT_THAT(said.output, HasSubstr("cut short"));
}

}  // namespace
}  // namespace keruen::cli
