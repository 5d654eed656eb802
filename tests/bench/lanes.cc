// What flash messages notice of a bulk lane that is full, between the same two agencies.
#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <map>
#include <thread>

#include "tests/bench/rounds.h"
#include "tests/bench/stream.h"
#include "tests/bench/subcommands.h"

namespace keruen::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::size_t bytes = 1024;
  std::uint64_t rate = 100;
  int seconds = 5;
  bool json = false;
};

constexpr std::size_t kEventsAtOnce = 1000;

// When the recipient's application was told of events, and up to which.
struct Told {
  std::uint64_t newest;
  Schedule::Moment at;
};

// The moments at which `sent` arrived, by their place in the schedule.
Result<std::vector<Schedule::Moment>> arrivals(SiteAgent& to, std::uint64_t after,
                                               const std::map<MessageId, std::size_t>& sent,
                                               const std::vector<Told>& told) {
  KERUEN_TRY(const auto reader, to.open_reader());
  std::vector<Schedule::Moment> arrived(sent.size());
  auto notice = told.begin();
  const std::uint64_t last = told.back().newest;
  while (after < last) {
    KERUEN_TRY(const auto events, reader->events_after(after, last, kEventsAtOnce));
    if (events.empty()) break;
    for (const auto& event : events) {
      after = event.number;
      while (notice->newest < event.number) ++notice;
      if (event.type != store::EventType::arrived || !event.message) continue;
      const auto one = sent.find(*event.message);
      if (one != sent.end()) arrived[one->second] = notice->at;
    }
  }
  return arrived;
}

// Which message has which place in the schedule.
Result<std::map<MessageId, std::size_t>> send_flash(SiteAgent& from, const SiteAgent& to,
                                                    const Schedule& schedule, std::size_t bytes) {
  std::map<MessageId, std::size_t> sent;
  for (std::uint64_t next = 0; next < schedule.messages();) {
    std::this_thread::sleep_until(schedule.due(next));
    const std::uint64_t first = next;
    std::vector<engine::SubmitRequest> requests;
    for (const auto now = std::chrono::steady_clock::now();
         next < schedule.messages() && schedule.due(next) <= now;) {
      requests.push_back(notice_to(to.id(), payload(bytes, next++), Lane::flash));
    }
    KERUEN_TRY(const auto answers, from.engine().submit_all(requests));
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) return fail(answers[i].error());
      sent[answers[i]->message] = first + i;
    }
  }
  return sent;
}

Result<Json> flash(Site& site, const Options& options) {
  SiteAgent& from = site.agent(0);
  SiteAgent& to = site.agent(1);
  const std::uint64_t before = to.events();
  std::vector<Told> told;  // the engine thread's until it is taken off
  to.on_events([&](std::uint64_t newest) {
    told.push_back({newest, std::chrono::steady_clock::now()});
  });
  const Schedule schedule({options.bytes, options.rate, std::chrono::seconds(options.seconds)});
  const auto sent = send_flash(from, to, schedule, options.bytes);
  // Whatever else is under way, these come first: the last is told of within this time, or lost.
  std::this_thread::sleep_for(std::chrono::seconds(2));
  to.on_events({});
  if (!sent) return fail(sent.error());
  if (told.empty()) return fail(ErrorCode::io_failed, "no flash message arrived");
  KERUEN_TRY(const auto arrived, arrivals(to, before, *sent, told));
  for (const auto& moment : arrived) {
    if (moment == Schedule::Moment()) {
      return fail(ErrorCode::io_failed, "a flash message did not arrive within two seconds");
    }
  }
  const auto milliseconds = [](std::chrono::nanoseconds time) {
    return static_cast<double>(time.count()) / 1e6;
  };
  const Latency latency = schedule.latency(arrived);
  return Json{{"median_ms", milliseconds(latency.median)},
              {"p99_ms", milliseconds(latency.p99)},
              {"most_ms", milliseconds(latency.most)}};
}

void print(const Json& report) {
  std::printf("flash          median, p99, most, in ms\n");
  for (const char* when : {"alone", "beside_bulk"}) {
    const auto& figures = report[when];
    std::printf("  %-12s %8.2f %8.2f %8.2f\n", when, figures["median_ms"].get<double>(),
                figures["p99_ms"].get<double>(), figures["most_ms"].get<double>());
  }
  std::printf("bulk meanwhile: %.0f messages/s\n", report["bulk_per_second"].get<double>());
}

Result<void> run(const Options& options) {
  say("starting keruen");
  KERUEN_TRY(const auto site, Site::make(2));
  Json report = {{"subcommand", "lanes"},
                 {"machine", machine()},
                 {"bytes", options.bytes},
                 {"flash_per_second", options.rate}};
  say("flash alone");
  KERUEN_TRY(report["alone"], flash(*site, options));
  say("flash beside bulk");
  SiteAgent& to = site->agent(1);
  std::atomic<bool> enough = false;
  Result<void> bulk_ended;
  std::thread sender([&] {
    Stream stream(site->agent(0), to, options.bytes, Lane::bulk);
    while (!enough && bulk_ended) bulk_ended = stream.send(kTogether);
  });
  // Until the lane is full.
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const std::uint64_t before = to.events();
  const auto began = std::chrono::steady_clock::now();
  auto beside = flash(*site, options);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const std::uint64_t arrived = to.events() - before;
  enough = true;
  sender.join();
  KERUEN_CHECK(bulk_ended);
  KERUEN_TRY(report["beside_bulk"], std::move(beside));
  const std::uint64_t flash_arrived = options.rate * static_cast<std::uint64_t>(options.seconds);
  report["bulk_per_second"] = static_cast<double>(arrived - flash_arrived) / took.count();
  show(report, options.json, print);
  return {};
}

}  // namespace

void add_lanes(CLI::App& app, Command& command) {
  CLI::App* verb =
      app.add_subcommand("lanes", "Flash messages alone, and while the bulk lane is full");
  auto options = std::make_shared<Options>();
  verb->add_option("--size", options->bytes, "bytes of a message, flash or bulk")
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str();
  verb->add_option("--rate", options->rate, "flash messages a second")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  verb->add_option("--seconds", options->seconds, "of each measurement")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  verb->add_flag("--json", options->json, "one JSON object instead of words");
  verb->callback([&command, options] { command.run = [options] { return run(*options); }; });
}

}  // namespace keruen::bench
