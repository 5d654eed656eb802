// The whole way of a message in one thread: two engines with their stores, a broker's core, log and
// index between them. For profilers that count instructions, whatever else the machine does:
//
//   valgrind --tool=callgrind --toggle-collect='keruen::bench::carry*'
//     keruen_one_thread [messages [bytes]]
#include <cstdio>
#include <cstdlib>

#include "schemas/host/memory.h"
#include "tests/support/test_agent.h"

namespace keruen::bench {
namespace {

constexpr std::size_t kTogether = 256;
constexpr std::size_t kMessagesDefault = 4096;
constexpr std::size_t kTextBytesDefault = 1024;

struct Parties {
  TestExchange exchange{{"kz.customs", "kz.prosecutor"}};
  FaultDisk disk;
  TemporaryDirectory directory;
  MemoryJournal journal;
  TestBroker broker{exchange, disk, (directory / "index.sqlite").string(), journal};
  TestAgent sender{exchange, "kz.customs", journal};
  TestAgent recipient{exchange, "kz.prosecutor", journal};

  [[nodiscard]] Now now() { return exchange.clock().now(); }
  void settle() {
    for (bool moved = true; moved;) {
      moved = false;
      for (TestAgent* agent : {&sender, &recipient}) {
        moved = agent->exchange_frames(broker, now()) || moved;
        if (agent->engine().next_tick() <= now().monotonic) agent->tick(now());
      }
    }
  }
  void pass(std::chrono::milliseconds time) {
    constexpr std::chrono::milliseconds kStep{100};
    for (auto left = time; left.count() > 0; left -= kStep) {
      exchange.clock().advance(kStep);
      broker.tick(now());
      settle();
    }
  }
};

engine::SubmitRequest notice(std::size_t number, std::size_t bytes) {
  engine::SubmitRequest request;
  content::CooperationNotice body;
  body.what = std::string(bytes, static_cast<char>('a' + number % 26));
  request.content.body = std::move(body);
  request.to = {party_named("kz.prosecutor")};
  return request;
}

// Noinline: profilers collect within it.
[[gnu::noinline]] void carry(Parties& parties, const std::vector<engine::SubmitRequest>& requests) {
  for (const auto& answer : parties.sender.submit_all(requests, parties.now())) {
    ensure(answer.has_value(), "a message is taken");
  }
  parties.settle();
  parties.pass(std::chrono::milliseconds(200));
}

void run(std::size_t messages, std::size_t bytes) {
  Parties parties;
  ensure(parties.broker.start(parties.now()).has_value(), "the broker starts");
  for (TestAgent* agent : {&parties.sender, &parties.recipient}) {
    ensure(agent->start(parties.now()).has_value(), "an agent starts");
    agent->connect(parties.broker, parties.now());
  }
  parties.pass(std::chrono::seconds(3));
  for (std::size_t sent = 0; sent < messages;) {
    std::vector<engine::SubmitRequest> requests;
    for (std::size_t i = 0; i < kTogether && sent < messages; ++i) {
      requests.push_back(notice(sent++, bytes));
    }
    carry(parties, requests);
  }
  std::printf("%llu events at the recipient\n",
              static_cast<unsigned long long>(parties.recipient.engine().newest_event()));
}

}  // namespace
}  // namespace keruen::bench

int main(int argc, char** argv) {
  const auto number = [&](int place, std::size_t otherwise) {
    return argc > place ? std::strtoull(argv[place], nullptr, 10) : otherwise;
  };
  keruen::host::keep_freed_memory();
  keruen::bench::run(number(1, keruen::bench::kMessagesDefault),
                     number(2, keruen::bench::kTextBytesDefault));
  return 0;
}
