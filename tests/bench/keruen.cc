// Keruen as a contender: sealed, signed, every store synced, receipts included.
#include <map>
#include <thread>

#include "tests/bench/contender.h"
#include "tests/bench/stream.h"

namespace keruen::bench {
namespace {

class Keruen final : public Contender {
 public:
  explicit Keruen(std::unique_ptr<Site> site) : site_(std::move(site)) {}

  [[nodiscard]] std::string_view name() const override { return "keruen"; }

  [[nodiscard]] Result<Throughput> throughput(const Load& load) override {
    const std::size_t pairs = site_->agents() / 2;
    const std::uint64_t each = load.messages / pairs;
    const auto own_before = own_cost();
    const auto broker_before = site_->broker().cost();
    const auto began = std::chrono::steady_clock::now();
    std::vector<Result<void>> ended(pairs);
    std::vector<std::thread> senders;
    for (std::size_t pair = 0; pair < pairs; ++pair) {
      senders.emplace_back([this, pair, pairs, each, &load, &ended] {
        Stream stream(site_->agent(pair), site_->agent(pairs + pair), load.message_bytes);
        ended[pair] = stream.send(each);
        if (ended[pair]) ended[pair] = stream.wait_for_receipts();
      });
    }
    for (auto& sender : senders) sender.join();
    for (const auto& end : ended) {
      if (!end) return fail(end.error());
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const auto messages = static_cast<std::int64_t>(each * pairs);
    return Throughput{static_cast<double>(messages) / took.count(),
                      (site_->broker().cost().cpu - broker_before.cpu) / messages,
                      (own_cost().cpu - own_before.cpu) / messages};
  }

  [[nodiscard]] Result<Latency> latency(const SteadyLoad& load) override {
    SiteAgent& from = site_->agent(0);
    SiteAgent& to = site_->agent(site_->agents() / 2);
    const std::uint64_t count =
        load.messages_per_second * static_cast<std::uint64_t>(load.lasting.count());
    const auto interval = std::chrono::nanoseconds(std::chrono::seconds(1)) /
                          static_cast<std::int64_t>(load.messages_per_second);
    const std::uint64_t arrived_before = to.events();
    std::vector<std::chrono::steady_clock::time_point> arrived(count);
    std::uint64_t known = 0;  // the engine thread's
    to.on_events([&](std::uint64_t newest) {
      const auto now = std::chrono::steady_clock::now();
      for (; known < std::min(newest - arrived_before, count); ++known) arrived[known] = now;
    });
    const auto began = std::chrono::steady_clock::now() + interval;
    const auto due = [&](std::uint64_t number) {
      return began + interval * static_cast<std::int64_t>(number);
    };
    for (std::uint64_t next = 0; next < count;) {
      std::this_thread::sleep_until(due(next));
      std::vector<engine::SubmitRequest> requests;
      for (const auto now = std::chrono::steady_clock::now(); next < count && due(next) <= now;) {
        requests.push_back(notice_to(to.id(), payload(load.message_bytes, next++), Lane::routine));
      }
      KERUEN_CHECK(hand_over(from, requests));
    }
    const bool all = to.wait_for_events(arrived_before + count, kPatience);
    to.on_events({});
    if (!all) return fail(ErrorCode::io_failed, "messages did not arrive");
    std::vector<std::chrono::nanoseconds> samples;
    for (std::uint64_t i = 0; i < count; ++i) samples.push_back(arrived[i] - due(i));
    return latency_of(std::move(samples));
  }

 private:
  std::unique_ptr<Site> site_;
};

}  // namespace

Result<std::unique_ptr<Contender>> start_keruen(std::size_t pairs) {
  KERUEN_TRY(auto site, Site::make(2 * pairs));
  return std::make_unique<Keruen>(std::move(site));
}

}  // namespace keruen::bench
